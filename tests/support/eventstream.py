"""Amazon's event stream, written: what a scripted Bedrock sends."""

import json
import struct
from base64 import b64encode
from binascii import crc32
from typing import Any


def message(payload: bytes, **headers: str) -> bytes:
    """One message; the names of `headers` are given without their colon, with underscores for hyphens."""
    raw = b""
    for name, value in headers.items():
        key = f":{name.replace('_', '-')}".encode()
        raw += bytes((len(key),)) + key + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    total = 12 + len(raw) + len(payload) + 4
    prelude = struct.pack(">II", total, len(raw))
    body = prelude + struct.pack(">I", crc32(prelude)) + raw + payload
    return body + struct.pack(">I", crc32(body))


def event(name: str, document: Any) -> bytes:
    """An event of ConverseStream."""
    data = json.dumps(document, separators=(",", ":")).encode()
    return message(data, event_type=name, content_type="application/json", message_type="event")


def chunk(document: Any) -> bytes:
    """An event of InvokeModelWithResponseStream, which holds one of the model's own."""
    data = json.dumps(document, separators=(",", ":")).encode()
    return event("chunk", {"bytes": b64encode(data).decode(), "p": "abc"})


def exception(name: str) -> bytes:
    """A failure in mid-stream."""
    return message(b'{"message":"x"}', exception_type=name, content_type="application/json", message_type="exception")
