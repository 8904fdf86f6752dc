"""One HTTP request and its answer, as the connection holds them, as ASGI sees them, and by a shorter way.

ASGI: asgiref specification, HTTP & WebSocket ASGI message format 2.3. An application that finds the cycle in its scope
(EXTENSION) may do without messages: `whole` for a body that has come already, `begin` and `write` for the answer. What is
checked is the same on both ways.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluicegate.web.protocol import BoundedProtocol

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}
_BODILESS = (204, 304)
_CHUNKED = b"transfer-encoding: chunked\r\n"
_CLOSE = b"connection: close\r\n"
_DISCONNECT = {"type": "http.disconnect"}
_HIGH_WATER = 65_536
EXTENSION = "sluicegate.cycle"
"""Where the scope's `extensions` hold the cycle."""


class Cycle:
    """One request and its answer. The head of the answer leaves with the first piece of its body."""

    __slots__ = (
        "_bodiless",
        "_body",
        "_cancels",
        "_chunked",
        "_delivered",
        "_expect",
        "_flow",
        "_head",
        "_left",
        "_protocol",
        "_transport",
        "_waiter",
        "buffered",
        "complete",
        "disconnected",
        "keep_alive",
        "more_body",
        "started",
        "task",
        "version",
    )

    def __init__(self, protocol: BoundedProtocol, method: bytes, version: str, *, keep_alive: bool, expect: bool) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._flow = protocol.flow
        self._bodiless = method == b"HEAD"
        self.version = version
        self.keep_alive = keep_alive
        self._expect = expect
        self._body: list[bytes] = []
        self.buffered = 0
        self.more_body = True
        self._delivered = False
        self._waiter: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        """The task that answers, once it is the request's turn."""
        self._cancels = False
        self.disconnected = False
        self._head: bytes | None = None
        self._chunked = False
        self._left: int | None = None
        self.started = False
        self.complete = False

    # what the protocol tells

    def feed(self, body: bytes) -> bool:
        """Take a piece of the body; True when enough waits unread and reading should pause."""
        self._body.append(body)
        self.buffered += len(body)
        if self._waiter is not None:
            self._wake(self._waiter)
        return self.buffered > _HIGH_WATER

    def feed_end(self) -> None:
        """The body is complete."""
        self.more_body = False
        if self._waiter is not None:
            self._wake(self._waiter)

    def lose(self) -> None:
        """The client has gone, or cannot be answered any more."""
        if self.disconnected or self.complete:
            return
        self.disconnected = True
        if self._waiter is not None:
            self._wake(self._waiter)
        if self._cancels and self.task is not None:
            self.task.cancel()

    @staticmethod
    def _wake(waiter: asyncio.Future[None]) -> None:
        if not waiter.done():
            waiter.set_result(None)

    # the request

    def cancel_when_gone(self) -> None:
        """Have the task that answers cancelled, once and at once, when the client goes before its answer is complete.

        If it has gone already the task is cancelled now. One that waits in `receive()` would learn the same, and cost a
        task for every request.
        """
        self._cancels = True
        if self.disconnected and self.task is not None:
            self.task.cancel()

    def whole(self) -> bytes | None:
        """The body, if all of it has come and nothing needs to be said or waited for; None: `receive` it."""
        if self.more_body or self._delivered or self._expect or self.disconnected or self.complete:
            return None
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self.buffered = 0
        self._delivered = True
        return body

    async def receive(self) -> dict[str, Any]:
        """The next piece of the body, and when it is over the client's going."""
        if self._expect and not self.disconnected and not self.started:
            self._expect = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self.disconnected and not self.complete:
            if self._body or (not self.more_body and not self._delivered):
                body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
                self._body.clear()
                self.buffered = 0
                self._delivered = not self.more_body
                return {"type": "http.request", "body": body, "more_body": self.more_body}
            self._flow.resume_reading()
            self._waiter = self._protocol.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return _DISCONNECT.copy()

    # the answer

    def begin(self, status: int, head: bytes, lines: int, length: int | None) -> None:
        """Compose the head; does nothing once the client has gone.

        `head` is the application's headers, `lines` lines that each end in CRLF, with a `content-length` where `length` is
        one; what only the connection knows comes after them. Raises RuntimeError for a header that would split the answer.
        """
        if self.disconnected:
            return
        if self.started:
            raise RuntimeError("the answer has begun")
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            raise RuntimeError("a header of the answer holds CR, LF or NUL")
        if self.more_body:
            self.keep_alive = False  # what is left of the body would be read as the next request, or without a bound
        framing = b""
        if self._bodiless or status in _BODILESS:
            self._bodiless = True
        elif length is None and self.version == "1.1":
            self._chunked = True
            framing = _CHUNKED
        elif length is None:
            self.keep_alive = False
        if not self.keep_alive:
            framing += _CLOSE
        self._left = length
        line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        self._head = b"%b%b%b%b\r\n" % (line, head, framing, self._protocol.default_head())
        self.started = True

    def write(self, body: bytes, last: bool) -> Awaitable[None] | None:
        """Send a piece of the body; does nothing once the client has gone.

        None if that is done; while the client does not read, what must be awaited for it to be done.
        """
        if self._flow.write_paused and not self.disconnected:
            return self._write_later(body, last)
        if self.disconnected:
            return None
        if not self.started or self.complete:
            raise RuntimeError("a piece of an answer that has not begun, or is over")
        if not self._chunked:
            data = self._bare(body, last)
        elif not last:
            data = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        else:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        if self._head is not None:
            data = self._head + data
            self._head = None
        if data:
            self._transport.write(data)
        if last:
            self.complete = True
            if self._waiter is not None:
                self._wake(self._waiter)
            self._protocol.answered(self)
        return None

    async def _write_later(self, body: bytes, last: bool) -> None:
        while self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        self.write(body, last)

    def _bare(self, body: bytes, last: bool) -> bytes:
        """`body` as it travels where its length is known, or the connection's end is the end."""
        if self._bodiless:
            return b""
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left > 0 and last):
                raise RuntimeError("the answer is not as long as its Content-Length")
        return body

    async def send(self, message: Any) -> None:
        """Send the head, or a piece of the body. Waits while the client does not read; does nothing once it has gone."""
        kind = message["type"]
        if kind == "http.response.body":
            waiting = self.write(message.get("body", b""), not message.get("more_body", False))
            if waiting is not None:
                await waiting
        elif kind == "http.response.start":
            self._start(message["status"], message.get("headers", ()))
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

    def _start(self, status: int, headers: Any) -> None:
        lines = []
        length: int | None = None
        for name, value in headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                if b"close" in value.lower():
                    self.keep_alive = False
                continue
            elif name == b"transfer-encoding":
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        self.begin(status, b"".join(lines), len(lines), length)

    @property
    def delimited(self) -> bool:
        """Whether the client can tell a cut answer from a whole one without a reset."""
        return self._chunked or self._bodiless or self._left is not None
