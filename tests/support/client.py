"""A small HTTP/1.1 client for fault tests. It sees what an SDK hides: whether an answer came whole, and how it broke off."""

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL

LIMIT = 30.0
"""Seconds after which a test that waits has failed."""


@dataclass(frozen=True)
class Dialect:
    """What a test needs to speak one dialect."""

    path: str
    model: str
    end: bytes
    """What stands in the last event of a stream that is whole."""


CHAT = Dialect("/v1/chat/completions", CHAT_MODEL, b"data: [DONE]")
MESSAGES = Dialect("/v1/messages", MESSAGES_MODEL, b"event: message_stop")
DIALECTS = (CHAT, MESSAGES)


@dataclass(frozen=True)
class Answer:
    """An answer as far as it came. `ended` says that HTTP calls it complete, not that a stream reached its last event."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ended: bool

    @property
    def exchange(self) -> str:
        return self.headers.get("x-sluicegate-exchange", "")

    @property
    def reason(self) -> str:
        return self.headers.get("x-sluicegate-reason", "")

    def json(self) -> Any:
        return json.loads(self.body)


def document(dialect: Dialect, *, stream: bool = False, **fields: Any) -> dict[str, Any]:
    """A small request."""
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": dialect.model, "messages": messages, "max_tokens": 100, "stream": stream, **fields}


class Call:
    """One request on a connection of its own, read as it comes. Leaving the context closes the connection."""

    def __init__(
        self, url: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, method: str = "POST"
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 0)
        sent = {"host": parts.netloc, "content-type": "application/json", "authorization": f"Bearer {KEY}"}
        sent |= {"content-length": str(len(body)), "connection": "close", **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items() if value)]
        self._request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False

    async def __aenter__(self) -> "Call":
        async with asyncio.timeout(LIMIT):
            self._reader, self._writer = await asyncio.open_connection(*self._address)
            self._writer.write(self._request)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    async def head(self) -> int:
        """Read the head; the status."""
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return self.status

    async def piece(self) -> bytes:
        """The next piece of the body; empty when it is complete. Raises where the connection ends before."""
        piece = b""
        if not self.ended:
            if "content-length" in self.headers:
                piece = await self._reader.readexactly(int(self.headers["content-length"]))
                self.ended = True
            else:
                size = int((await self._reader.readuntil(b"\r\n"))[:-2], 16)
                piece = (await self._reader.readexactly(size + 2))[:-2]
                self.ended = not size
        self.body += piece
        return piece

    async def until(self, text: bytes) -> None:
        """Read until the body holds `text`."""
        async with asyncio.timeout(LIMIT):
            if not self.status:
                await self.head()
            while text not in self.body:
                assert await self.piece(), f"{text!r} never came: {self.body!r}"

    async def rest(self) -> Answer:
        """Read what there is, to the end or to where it breaks off."""
        try:
            async with asyncio.timeout(LIMIT):
                if not self.status:
                    await self.head()
                while await self.piece():
                    pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        return Answer(self.status, self.headers, self.body, self.ended)

    def reset(self) -> None:
        """Leave with RST."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def finish(self) -> None:
        """Leave with FIN."""
        self._writer.close()


def ask(url: str, dialect: Dialect, *, key: str = KEY, stream: bool = False, **fields: Any) -> Call:
    """A small request in `dialect`."""
    body = json.dumps(document(dialect, stream=stream, **fields)).encode()
    return Call(url, dialect.path, body, {"authorization": f"Bearer {key}"})


async def answer(url: str, dialect: Dialect, *, key: str = KEY, stream: bool = False, **fields: Any) -> Answer:
    """What a small request in `dialect` gets."""
    async with ask(url, dialect, key=key, stream=stream, **fields) as call:
        return await call.rest()


async def get(url: str, path: str, **headers: str) -> Answer:
    """What a GET gets."""
    async with Call(url, path, b"", {"content-type": "", "authorization": "", **headers}, method="GET") as call:
        return await call.rest()
