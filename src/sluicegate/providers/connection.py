"""One HTTP/1.1 connection to a provider: one request at a time, over llhttp (docs/adr/0002-upstream-http-client.md).

    IDLE --begin--> HEAD --head complete--> BODY --end of the answer--> DONE --release--> IDLE
                                              +--drain--> DRAINING --end of the answer--> IDLE
    any state --error, bytes nobody asked for, cancellation--> CLOSED

Who owns what: while a call holds the connection, only that call's task reads from it. All timeouts share one timer, which is
set again only when it fires or when a deadline moves nearer, so a call that is answered in time sets none.
"""

import asyncio
import select
from collections.abc import Callable
from enum import Enum, auto
from typing import cast

import httptools

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError, UpstreamTimeout
from sluicegate.settings import Upstream

BUFFER_BYTES = 256 * 1024
"""Of an answer, not yet taken by the call; beyond it the socket is not read until they are."""

DRAIN_SECONDS = 1.0
DRAIN_BYTES = 1024
"""How long, and for how many bytes, a finished stream's connection may wait for the end of its HTTP framing."""

MAX_INFORMATIONAL = 8
"""Informational (1xx) heads before the answer's own."""

JOIN_BYTES = 64 * 1024
"""Bodies up to this size leave in one piece with the head, which costs a copy and saves a packet."""


class State(Enum):
    """Where a connection is between two calls."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    DONE = auto()
    DRAINING = auto()
    CLOSED = auto()


# CPython 3.11 takes ten times as long for `State.HEAD` as for a name of the module, and each event asks several times.
_IDLE, _HEAD, _BODY, _DONE, _DRAINING, _CLOSED = State


class StaleConnectionError(Exception):
    """A connection that was kept open was closed by the provider before a byte of the answer came; a new one may do."""


class _ProtocolError(Exception):
    """Raised inside the parser's callbacks to stop it."""


class Connection(asyncio.Protocol):
    """A connection of a pool. `on_free` is called when a connection that no call holds is DONE or CLOSED."""

    def __init__(self, bounds: Upstream, on_free: Callable[["Connection"], None]) -> None:
        self._bounds = bounds
        self._on_free = on_free
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._idle_timeout = bounds.idle_timeout
        self._max_wire = bounds.max_answer_bytes + bounds.max_head_bytes
        self._poll = select.poll()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        """When the wait under way ends, on the loop's clock; 0 while nothing is waited for."""
        self._total = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._error: UpstreamError | StaleConnectionError | None = None
        self._fields: dict[bytes, bytes] = {}
        """Of the head, as the parser gave them, until it is complete."""
        self._wire = 0
        """Bytes received for this answer, framing included."""
        self._check_at = 0
        """Beyond so many of them the bounds are looked at."""
        self._paused = False
        self._informational = 0
        self._until_close = False
        """Whether the answer has no length, so that only the end of the connection ends it."""
        self.state = _IDLE
        self.uses = 0
        self.idle_since = 0.0
        self.given_back = 0  # the pool's own note of when
        self.status = 0
        """Of the answer; 0 before its head is complete."""
        self.headers: dict[bytes, bytes] = {}
        """Of the answer; names in lower case."""
        self.pieces: list[bytes] = []
        """Of the body: what waits to be taken."""
        # what the parser calls for each header and each piece of the body needs no function of ours
        self.on_header = self._fields.__setitem__
        self.on_body = self.pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self._feed = self._parser.feed_data

    # used by the pool and by the call that holds the connection

    def begin(self, head: bytes, body: bytes) -> None:
        """Send a request; `head` ends with its empty line."""
        transport = cast(asyncio.Transport, self._transport)
        self.state = _HEAD
        self.uses += 1
        self.status, self.headers = 0, {}
        self.pieces.clear()
        self._fields.clear()
        self._wire = self._informational = 0
        self._check_at = min(BUFFER_BYTES, self._max_wire)
        self._until_close = False
        now = self._time()
        self._total = now + self._bounds.total_timeout
        self._wait_until(now + self._bounds.first_byte_timeout)
        if len(body) <= JOIN_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, body))

    async def head(self) -> None:
        """Wait for the answer's head. Raises UpstreamError, UpstreamTimeout or StaleConnectionError."""
        while self.state is _HEAD:
            await self.arrival()
        if self.status == 0 and self._error is not None:
            raise self._error

    async def read(self) -> bytes:
        """The body's bytes that have arrived since, at least one; empty at its end. Raises UpstreamError."""
        while not (data := self.take()) and self.state is _BODY:
            await self.arrival()
        return data

    def take(self) -> bytes:
        """The body's bytes that have arrived since; empty where none have, or at its end. Raises UpstreamError."""
        if pieces := self.pieces:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._check_at = min(self._wire + BUFFER_BYTES, self._max_wire)
            if self._paused:
                self._resume()
                self._wait_until(self._time() + self._idle_timeout)
            if data:
                return data
        if self._error is not None:
            raise self._error
        return b""

    def arrival(self) -> "asyncio.Future[None]":
        """To wait for while the state is HEAD or BODY and nothing can be taken: something arrives, or the answer ends."""
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def release(self) -> bool:
        """Make the connection ready for the next call; False where that cannot be, and then it is closed."""
        transport = self._transport
        whole = self.state is _DONE and not self._paused
        if not whole or transport is None or transport.is_closing() or transport.get_write_buffer_size():
            self.close()
            return False
        self.state = _IDLE
        self.idle_since = self._time()
        return True

    def drain(self) -> bool:
        """The call is over, but not the HTTP framing of its answer: wait for that, briefly, in nobody's task.

        False where there is nothing to wait for; else `on_free` tells how it ended.
        """
        if self.state is not _BODY or self._until_close:
            return False
        self.state = _DRAINING
        self.pieces.clear()
        self._wire = 0
        if self._paused:
            self._resume()
        self._wait_until(self._time() + DRAIN_SECONDS)
        return True

    def close(self) -> None:
        """Close at once; what is under way is given up."""
        transport = self._transport
        self._end(UpstreamError(Reason.UPSTREAM_RESET, "The connection to the provider was closed."))
        if transport is not None:
            transport.abort()

    def usable(self) -> bool:
        """Whether a call may begin, as far as the event loop has seen: the provider has neither closed it nor sent more.

        Enough once the loop has looked at the socket since `release`; before that ask `quiet`.
        """
        transport = self._transport
        return self.state is _IDLE and transport is not None and not transport.is_closing()

    def quiet(self) -> bool:
        """Whether a call may begin: it is usable, and nothing waits in the socket either, which costs a system call."""
        return self.usable() and not self._poll.poll(0)

    def peer(self) -> str:
        """The address that was reached; empty if unknown."""
        found = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(found[0]) if found else ""

    # called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast(asyncio.Transport, transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer, or bytes nobody asked for."""
        state = self.state
        if state is not _HEAD and state is not _BODY and state is not _DRAINING:
            self._break(Reason.UPSTREAM_INVALID, "The provider sent more than its answer.")
            return
        self._wire = wire = self._wire + len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._break(Reason.UPSTREAM_INVALID, "The provider's answer is no valid HTTP.")
            return
        except httptools.HttpParserUpgrade:
            self._break(Reason.UPSTREAM_INVALID, "The provider changed the protocol.")
            return
        if state is _BODY is self.state and wire <= self._check_at and self.pieces:
            # one more piece, within bounds: its deadline is later than that of the last, for which the timer is set
            self._deadline = self._time() + self._idle_timeout
            self._notify()
        else:
            self._received()
            if self.pieces or self.state is not state:
                self._notify()

    def eof_received(self) -> None:
        """The provider closed its side; the transport closes too, and `connection_lost` says the rest."""
        if self.state is _IDLE:  # nobody may take it until then
            self._end(StaleConnectionError())

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        self._unset_timer()
        if self.state is _HEAD and self._wire == 0 and self.uses > 1:
            self._end(StaleConnectionError())
        elif self.state is _HEAD:
            self._end(UpstreamError(Reason.UPSTREAM_RESET, "The provider closed the connection before it answered."))
        elif self.state is _BODY and self._until_close and exc is None:
            self._finished()
        elif exc is not None:
            self._end(UpstreamError(Reason.UPSTREAM_RESET, "The provider broke off its answer."))
        else:
            self._end(UpstreamError(Reason.UPSTREAM_TRUNCATED, "The provider's answer ended before its length."))

    # called by the parser, within data_received

    def on_message_begin(self) -> None:
        """An answer begins; a second one to the same request is an error."""
        if self.state is not _HEAD:
            raise _ProtocolError

    def on_headers_complete(self) -> None:
        """The head is complete."""
        status = self._parser.get_status_code()
        if status < 200:
            self._informational += 1
            self._fields.clear()
            if status == 101 or self._informational > MAX_INFORMATIONAL:
                raise _ProtocolError
            return
        self.headers = headers = {name.lower(): value for name, value in self._fields.items()}
        self._fields.clear()
        length, coding = b"content-length" in headers, headers.get(b"transfer-encoding")
        if coding is not None and (length or coding.strip().lower() != b"chunked"):
            raise _ProtocolError
        self._until_close = not length and coding is None and status not in (204, 304)
        self.status = status
        self.state = _BODY

    def on_message_complete(self) -> None:
        """The answer is over, or an informational head is."""
        if self.state is _HEAD:
            return
        self._until_close = not self._parser.should_keep_alive()
        held = self.state is _BODY
        self.state = _DONE
        if not held:
            self._loop.call_soon(self._on_free, self)

    # inside

    def _received(self) -> None:
        """After each read: bounds, back-pressure and timeouts."""
        state = self.state
        if state is not _HEAD:
            self._fields.clear()  # of trailers, which mean nothing here
        if state is _DONE:
            self._finished()
        elif state is _HEAD:
            if self._wire > self._bounds.max_head_bytes:
                self._break(Reason.UPSTREAM_INVALID, "The head of the provider's answer is longer than allowed.")
        elif state is _DRAINING:
            if self._wire > DRAIN_BYTES:
                self.close()
        elif self._wire > self._max_wire:
            self._break(Reason.UPSTREAM_INVALID, "The provider's answer is longer than allowed.")
        elif self._wire > self._check_at and self.pieces and self._transport is not None:
            self._transport.pause_reading()
            self._paused = True
            self._deadline = self._total
        else:
            self._wait_until(self._time() + self._idle_timeout)

    def _finished(self) -> None:
        """The answer is whole; where the connection cannot be used again, it is closed."""
        self.state = _DONE
        self._deadline = 0.0
        if self._until_close and self._transport is not None:
            self._transport.close()
        self._notify()

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    def _break(self, reason: Reason, message: str) -> None:
        """Close on what the provider sent. An answer that was whole before stays so; only the connection is given up."""
        if self.state is not _DONE:
            self._end(UpstreamError(reason, message))
        self._deadline = 0.0
        self._notify()
        if self._transport is not None:
            self._transport.abort()

    def _end(self, error: UpstreamError | StaleConnectionError) -> None:
        """What a call under way is told, once; a connection that no call holds tells the pool."""
        state = self.state
        self._deadline = 0.0
        self._unset_timer()
        if state is _DONE or state is _CLOSED:
            return
        self.state = _CLOSED
        self._error = error
        if state is _IDLE or state is _DRAINING:
            self._loop.call_soon(self._on_free, self)
        else:
            self._notify()

    def _notify(self) -> None:
        """Wake the call, if it waits."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _wait_until(self, deadline: float) -> None:
        """Something must arrive by `deadline`, and by the end of the total."""
        if deadline > self._total:
            deadline = self._total
        self._deadline = deadline
        if self._timer is not None:
            if deadline >= self._timer_at:
                return
            self._timer.cancel()
        self._set_timer(deadline)

    def _set_timer(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._elapsed)

    def _unset_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _elapsed(self) -> None:
        """The timer fired: the wait is over, or its deadline has moved on meanwhile."""
        self._timer = None
        deadline = min(self._deadline, self._total)
        if deadline == 0.0:
            return
        if self._time() < deadline - 0.001:
            self._set_timer(deadline)
            return
        if deadline >= self._total:
            which = "whole answer (upstream.total_timeout)"
        elif self.state is _HEAD:
            which = "first byte (upstream.first_byte_timeout)"
        else:
            which = "next piece of the answer (upstream.idle_timeout)"
        self._end(UpstreamTimeout(f"The provider took too long for the {which}."))
        if self._transport is not None:
            self._transport.abort()
