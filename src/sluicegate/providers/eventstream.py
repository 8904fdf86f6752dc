"""Amazon's event stream out of bytes, however they were cut: `application/vnd.amazon.eventstream`.

A message is: its whole length and its headers' length (4 bytes each, big-endian), the CRC-32 of those eight bytes, headers,
payload, the CRC-32 of all before it (Smithy, "Amazon Event Stream Specification"). A header is a byte of length, a name, a
byte that says the type of its value, and the value. Every length and both checksums are checked before anything is used.

Each message becomes a server-sent event, the form in which answers go on: `{"<event type>": <payload>}`; a `chunk` of
InvokeModelWithResponseStream becomes the event that it holds in base64.
"""

from binascii import Error as NotBase64
from binascii import a2b_base64, crc32
from collections.abc import Sequence
from struct import Struct
from struct import error as NotPacked  # noqa: N812 - it is an exception, whatever its name

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError, UpstreamRejected
from sluicegate.core.event import Event, frame

EVENT_STREAM = b"application/vnd.amazon.eventstream"

_PRELUDE = Struct(">III")
_CRC = Struct(">I")
_LENGTH = Struct(">H")
_LEAST = _PRELUDE.size + _CRC.size
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""The size of a header's value by its type; types 6 (bytes) and 7 (text) begin with their length."""
_TEXT = 7
MAX_HEADERS = 128 * 1024
"""Bytes of headers, as the specification bounds them."""

STATUSES = {
    "throttlingException": 429,
    "validationException": 400,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "internalServerException": 500,
    "serviceUnavailableException": 503,
}
"""What Bedrock's exceptions stand for (Amazon Bedrock API reference, ConverseStreamOutput and ResponseStream)."""


class _Chunk(msgspec.Struct):
    bytes: str


class _Typed(msgspec.Struct):
    type: str | None = None


_chunk = msgspec.json.Decoder(_Chunk).decode
_typed = msgspec.json.Decoder(_Typed).decode
_encode = msgspec.json.encode


class EventStreamParser:
    """Takes a stream's bytes, gives its events. One per answer."""

    def __init__(self, max_event_bytes: int, max_answer_bytes: int, max_events: int) -> None:
        self._max_event = max_event_bytes
        self._left = max_answer_bytes
        self._events_left = max_events
        self._buffer = bytearray()
        self._failure: UpstreamError | None = None
        """What a message said is wrong, until the events before it have been taken."""

    @property
    def clean(self) -> bool:
        """Whether nothing is waiting: no part of a message, no failure."""
        return not self._buffer and self._failure is None

    def feed(self, data: bytes) -> Sequence[Event]:
        """The events that `data` completes. Raises UpstreamError (UPSTREAM_INVALID), UpstreamRejected for an exception."""
        if self._failure is not None:
            raise self._failure
        self._left -= len(data)
        if self._left < 0:
            raise _invalid("longer than allowed")
        self._buffer += data
        events: list[Event] = []
        try:
            while (event := self._next()) is not None:
                events.append(event)
        except UpstreamError as error:
            if not events:
                raise
            self._failure = error
        return events

    def _next(self) -> Event | None:
        """The first whole message of the buffer, taken out of it; None where it is not whole yet."""
        buffer = self._buffer
        if len(buffer) < _PRELUDE.size:
            return None
        total, headers, crc = _PRELUDE.unpack_from(buffer)
        if crc32(buffer[:8]) != crc:
            raise _invalid("damaged")
        if headers > min(MAX_HEADERS, total - _LEAST) or total > self._max_event:
            raise _invalid("beyond bounds")
        if len(buffer) < total:
            return None
        self._events_left -= 1
        if self._events_left < 0:
            raise _invalid("beyond bounds")
        message = bytes(buffer[:total])
        del buffer[:total]
        return _event(message, headers)

    def finish(self) -> Sequence[Event]:
        """The stream is over: nothing waits. Raises UpstreamError (UPSTREAM_TRUNCATED) in the middle of a message."""
        if self._failure is not None:
            raise self._failure
        if self._buffer:
            raise UpstreamError(Reason.UPSTREAM_TRUNCATED, "The provider's stream ended in the middle of a message.")
        return ()


def _event(message: bytes, headers_size: int) -> Event:
    """One whole message, whose prelude was checked."""
    end = len(message) - _CRC.size
    if crc32(memoryview(message)[:end]) != _CRC.unpack_from(message, end)[0]:
        raise _invalid("damaged")
    payload_at = _PRELUDE.size + headers_size
    told = _headers(message[_PRELUDE.size : payload_at])
    payload = message[payload_at:end]
    kind, name = told.get(":message-type"), told.get(":event-type", "")
    if kind == "exception":
        raise _rejected(told.get(":exception-type", ""))
    if kind != "event":
        raise UpstreamRejected(502, b"", "The provider reported an error instead of its answer.")
    if name == "chunk":
        return _inner(payload)
    if not name.isascii() or not name.isalnum() or payload[:1] != b"{" or b"\n" in payload or b"\r" in payload:
        raise _invalid("not readable")
    data = b'{"%b":%b}' % (name.encode(), payload)
    return Event(frame(data), data)


def _inner(payload: bytes) -> Event:
    """The event inside a chunk: JSON in base64, of one of the model's own event types."""
    try:
        data = a2b_base64(_chunk(payload).bytes, strict_mode=True)
        name = _typed(data).type
    except (msgspec.DecodeError, UnicodeError, NotBase64, RecursionError):
        raise _invalid("not readable") from None
    if b"\n" in data or b"\r" in data:
        data = _encode(msgspec.json.decode(data))
    if name is not None and not (name.isascii() and name.replace("_", "").isalnum()):
        raise _invalid("not readable")
    return Event(frame(data, name), data, name)


def _headers(raw: bytes) -> dict[str, str]:
    """The headers that are texts."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(raw):
            size = raw[at]
            name = raw[at + 1 : at + 1 + size]
            at += 1 + size
            kind = raw[at]
            at += 1
            if kind in _FIXED:
                value, at = b"", at + _FIXED[kind]
            elif kind in (6, _TEXT):
                (length,) = _LENGTH.unpack_from(raw, at)
                at += 2
                value, at = raw[at : at + length], at + length
            else:
                raise _invalid("not readable")
            if kind == _TEXT:
                found[name.decode()] = value.decode()
    except (IndexError, UnicodeDecodeError, NotPacked):
        raise _invalid("not readable") from None
    if at != len(raw):
        raise _invalid("not readable")
    return found


def _rejected(name: str) -> UpstreamRejected:
    status = STATUSES.get(name[:1].lower() + name[1:], 502)
    return UpstreamRejected(status, b"", "The provider reported an error instead of the rest of its answer.")


def _invalid(what: str) -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_INVALID, f"The provider's stream holds a message that is {what}.")
