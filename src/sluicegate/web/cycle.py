"""One HTTP request and its answer, as ASGI sees them (asgiref specification, HTTP & WebSocket ASGI message format 2.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluicegate.web.protocol import BoundedProtocol

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}
_DISCONNECT = {"type": "http.disconnect"}
_HIGH_WATER = 65_536
EXTENSION = "sluicegate.cycle"
"""Where the scope's `extensions` hold the cycle."""


def when_gone(scope: Any, callback: Callable[[], object]) -> None:
    """Have `callback` called, once and at once, when the client goes before its answer is complete.

    If it has gone already the callback is called now. A task that waits in `receive()` would learn the same, and cost a task
    for every request. Does nothing on another server.
    """
    cycle = scope.get("extensions", {}).get(EXTENSION)
    if cycle is not None:
        cycle.watch(callback)


class Cycle:
    """One request and its answer. The head of the answer leaves with the first piece of its body."""

    __slots__ = (
        "_bodiless",
        "_body",
        "_chunked",
        "_delivered",
        "_expect",
        "_gone",
        "_head",
        "_left",
        "_protocol",
        "_waiter",
        "buffered",
        "complete",
        "disconnected",
        "keep_alive",
        "more_body",
        "started",
        "version",
    )

    def __init__(self, protocol: BoundedProtocol, method: bytes, version: str, *, keep_alive: bool, expect: bool) -> None:
        self._protocol = protocol
        self._bodiless = method == b"HEAD"
        self.version = version
        self.keep_alive = keep_alive
        self._expect = expect
        self._body: list[bytes] = []
        self.buffered = 0
        self.more_body = True
        self._delivered = False
        self._waiter: asyncio.Future[None] | None = None
        self._gone: Callable[[], object] | None = None
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
        self._wake()
        return self.buffered > _HIGH_WATER

    def feed_end(self) -> None:
        """The body is complete."""
        self.more_body = False
        self._wake()

    def lose(self) -> None:
        """The client has gone, or cannot be answered any more."""
        if self.disconnected or self.complete:
            return
        self.disconnected = True
        self._wake()
        if self._gone is not None:
            gone, self._gone = self._gone, None
            gone()

    def watch(self, callback: Callable[[], object]) -> None:
        """See `when_gone`."""
        if self.disconnected:
            callback()
        else:
            self._gone = callback

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ASGI

    async def receive(self) -> dict[str, Any]:
        """The next piece of the body, and when it is over the client's going."""
        if self._expect and not self.disconnected and not self.started:
            self._expect = False
            self._protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self.disconnected and not self.complete:
            if self._body or (not self.more_body and not self._delivered):
                body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
                self._body.clear()
                self.buffered = 0
                self._delivered = not self.more_body
                return {"type": "http.request", "body": body, "more_body": self.more_body}
            self._protocol.flow.resume_reading()
            self._waiter = self._protocol.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return _DISCONNECT.copy()

    async def send(self, message: Any) -> None:
        """Send the head, or a piece of the body. Waits while the client does not read; does nothing once it has gone."""
        protocol = self._protocol
        if protocol.flow.write_paused and not self.disconnected:
            await protocol.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self.started:
            self._start(message["status"], message.get("headers", ()))
            return
        if kind != "http.response.body" or not self.started or self.complete:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        data = self._frame(body, more=more)
        if self._head is not None:
            data = self._head + data
            self._head = None
        if data:
            protocol.transport.write(data)
        if not more:
            self.complete = True
            self._gone = None
            self._wake()
            protocol.answered(self)

    def _start(self, status: int, headers: Any) -> None:
        """Compose the head: the app's headers, then what only the connection knows."""
        if self.more_body:
            self.keep_alive = False  # what is left of the body would be read as the next request, or without a bound
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        for name, value in headers:
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection":
                if b"close" in value.lower():
                    self.keep_alive = False
                continue
            elif name == b"transfer-encoding":
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if self._bodiless or status in (204, 304):
            self._bodiless = True
        elif self._left is None and self.version == "1.1":
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        elif self._left is None:
            self.keep_alive = False
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\0" in head:
            raise RuntimeError("a header of the answer holds CR, LF or NUL")
        self._head = b"%b%b\r\n" % (head, self._protocol.default_head())
        self.started = True

    def _frame(self, body: bytes, *, more: bool) -> bytes:
        """`body` as it travels: chunked, or bare where the length is known or the connection's end is the end."""
        if self._bodiless:
            return b""
        if self._chunked:
            if not body:
                return b"" if more else b"0\r\n\r\n"
            return b"%x\r\n%b\r\n" % (len(body), body) if more else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left > 0 and not more):
                raise RuntimeError("the answer is not as long as its Content-Length")
        return body

    @property
    def delimited(self) -> bool:
        """Whether the client can tell a cut answer from a whole one without a reset."""
        return self._chunked or self._bodiless or self._left is not None
