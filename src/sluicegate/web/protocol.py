"""One client connection: uvicorn's httptools protocol, with every wait and size bounded.

llhttp refuses most malformed framing (RFC 9112) by itself. What it lets through is refused here: bytes, headers and waits
without a bound, a target, host or transfer coding with two readings, upgrades. Trailers are dropped. A refusal is a plain
answer that closes the connection, and it never overtakes the answers before it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from sluicegate.settings import Server
from sluicegate.web.cycle import EXTENSION, Cycle
from sluicegate.web.deadline import Deadline
from sluicegate.web.refusal import Refused, check_head
from sluicegate.web.sockets import bound_unsent, reset
from sluicegate.web.target import good_host

log = logging.getLogger(__name__)

HEADER_OVERHEAD = 32
"""Added to every header's size, as HTTP/2 does (RFC 9113 section 6.5.2), so that many empty headers count too."""
PIPELINE_DEPTH = 128
"""Requests that may wait behind the one being answered."""
CHUNK_ALLOWANCE = 65_536
"""Bytes of chunk sizes, extensions and trailers that a body may have beyond eight for each byte of content."""
LINGER_SECONDS = 1.0
LINGER_BYTES = 1024 * 1024
"""After a refusal, how long and how much input is read and dropped, so that a reset does not cost the client the answer."""

_START, _HEAD, _BODY, _DONE = range(4)
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_SPECIAL = frozenset({b"host", b"transfer-encoding", b"expect"})


class BoundedProtocol(HttpToolsProtocol):
    """See the module. The attributes are set by a subclass that `bounded` makes."""

    bounds: Server
    emptied: Callable[[], None]
    """Called when the last connection is lost."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=False)
        self._phase = _START
        self._serial = 0
        self._armed: tuple[int, int] | None = None
        self._deadline = Deadline(self.loop, self._expired)
        self._reading = Deadline(self.loop, self._unread)
        self._unwritten = 0
        self._head_bytes = 0
        self._most_head_bytes = self.bounds.max_header_bytes
        self._raw_head_bytes = 0
        self._overhead = 0
        self._chunked = False
        self._host: bytes | None = None
        self._newest: Cycle | None = None
        self._active: Cycle | None = None
        self._waiting: deque[tuple[Cycle, Any]] = deque()
        self._refusal: Refused | None = None
        self._deaf = False
        self._dropped = 0
        self._default_headers: list[tuple[bytes, bytes]] | None = None
        self._default_head = b""

    # the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Bound what may wait to be written, and refuse the connection if there are too many."""
        self.transport = transport
        self.flow = FlowControl(transport)
        limit = self.bounds.write_buffer_bytes
        transport.set_write_buffer_limits(high=limit)
        bound_unsent(transport, limit)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        full = len(self.connections) >= self.bounds.max_connections
        self.connections.add(self)
        if full:
            self._refuse(Refused(503, "Too many connections."))
        else:
            self._deadline.set(self.bounds.header_timeout)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell every request of this connection."""
        self.connections.discard(self)
        self._deadline.cancel()
        self._reading.cancel()
        self._deaf = True
        self._abandon()
        self.flow.resume_writing()
        if not self.connections:
            self.emptied()
        self.parser = None  # type: ignore[assignment]  # ends the reference cycle with the parser, as uvicorn does

    def eof_received(self) -> None:
        """The client has gone. A half-closed connection counts as gone, since HTTP cannot tell the two apart."""
        self._deaf = True
        self._abandon()
        self._bound_close()

    def shutdown(self) -> None:
        """The server stops: close now, or after the answer under way."""
        if self._active is None:
            self._close()
        else:
            self._active.keep_alive = False

    def abort(self) -> None:
        """Cut the connection."""
        self._deaf = True
        reset(self.transport)

    def _abandon(self) -> None:
        active, self._active = self._active, None
        if active is not None:
            active.lose()
        while self._waiting:
            self._waiting.popleft()[0].lose()

    def _close(self) -> None:
        self._deaf = True
        self.transport.close()
        self._bound_close()

    def _bound_close(self) -> None:
        """Closing waits until what is written has left; bound that wait."""
        if self.transport.get_write_buffer_size():
            self._deadline.set(self.bounds.write_timeout)

    # what arrives

    def data_received(self, data: bytes) -> None:
        """Parse, and set the deadline of the phase that the input has come to."""
        if self._deaf:
            self._drop(len(data))
            return
        if self._chunked and self._phase == _BODY:
            self._overhead += len(data)
        serial = self._serial
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Refused) else Refused(400, "This is not a valid HTTP/1.1 request."))
            return
        phase = self._phase
        if phase == _DONE:
            if self._active is not None:
                self._deadline.clear()  # what the gateway itself takes has other bounds
            return
        if phase == _HEAD:
            self._raw_head_bytes = self._raw_head_bytes + len(data) if serial == self._serial else 0
            if self._raw_head_bytes > self.bounds.max_header_bytes + self.bounds.max_url_bytes:
                self._refuse(Refused(431, "The request's headers are too large."))
                return
        elif phase == _BODY and self._overhead > CHUNK_ALLOWANCE:
            self._refuse(Refused(400, "The body's chunks carry too much that is not content."))
            return
        if phase != _START and self._armed != (self._serial, phase):
            self._armed = (self._serial, phase)
            self._deadline.set(self.bounds.header_timeout if phase == _HEAD else self.bounds.body_timeout)

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > LINGER_BYTES and self._active is None:
            self.abort()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._serial += 1
        self._phase = _HEAD
        self._head_bytes = 0
        self._chunked = False
        self._host = None
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self.url += url
        if len(self.url) > self.bounds.max_url_bytes:
            raise Refused(414, "The URL is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer, which is dropped; so is a name that could be taken for another's twin."""
        if self._phase != _HEAD:
            return
        self._head_bytes = size = self._head_bytes + len(name) + len(value) + HEADER_OVERHEAD
        if size > self._most_head_bytes:
            raise Refused(431, "The request's headers are too large.")
        if b"_" in name:
            return
        name = name.lower()
        if name in _SPECIAL:
            self._special(name, value)
        self.headers.append((name, value))

    def _special(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            if self._host is not None or not good_host(value):
                raise Refused(400, "The Host header is repeated or malformed.")
            self._host = value
        elif name == b"transfer-encoding":
            if self._chunked or value.lower() != b"chunked":
                raise Refused(400, "The only transfer encoding is chunked, once.")
            self._chunked = True
        elif value.lower() == b"100-continue":
            self.expect_100_continue = True
        else:
            raise Refused(417, "The only expectation is 100-continue.")

    def on_headers_complete(self) -> None:
        """The head is whole: refuse it, or begin to answer it."""
        parser = self.parser
        version, method = parser.get_http_version(), parser.get_method()
        target = check_head(method, version, self.url, self._host is not None, self._chunked, parser.should_upgrade())
        self._phase = _BODY
        self._overhead = 0
        keep_alive = version != "1.0" and parser.should_keep_alive()
        cycle = Cycle(self, method, version, keep_alive=keep_alive, expect=self.expect_100_continue)
        self._newest = cycle
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": method.decode("ascii"),
            "root_path": "",
            "path": target[0],
            "raw_path": target[1],
            "query_string": target[2],
            "headers": self.headers,
            "extensions": {EXTENSION: cycle},
        }
        if self._active is None:
            self._begin(cycle, scope)
        elif len(self._waiting) >= PIPELINE_DEPTH:
            raise Refused(400, "Too many pipelined requests.")
        else:
            self.flow.pause_reading()
            self._waiting.append((cycle, scope))

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._overhead -= 9 * len(body)
        cycle = self._newest
        if cycle is not None and not cycle.complete and cycle.feed(body):
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._phase = _DONE
        if self._newest is not None:
            self._newest.feed_end()

    # answers

    def _begin(self, cycle: Cycle, scope: Any) -> None:
        self._active = cycle
        cycle.task = task = self.loop.create_task(self.app(scope, cycle.receive, cycle.send))
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """The app is done with a request; if it left the answer unfinished, say so or cut the connection."""
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the application broke", exc_info=error)
        cycle = self._active
        if cycle is not None and cycle.task is task:
            self._fail(cycle, Refused(503 if task.cancelled() else 500, "The request could not be answered."))

    def _fail(self, cycle: Cycle, refusal: Refused) -> None:
        """Give the active request up: with a plain answer if none has begun, else by cutting it where it stands."""
        started, delimited = cycle.started, cycle.delimited
        self._abandon()
        if not started:
            self._answer(refusal)
        elif delimited:
            self._close()
        else:
            self.abort()

    def answered(self, cycle: Cycle) -> None:
        """Called by the cycle that is being answered once its answer is complete."""
        self._active = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not cycle.keep_alive:
            self._abandon()
            if cycle.more_body:
                self._linger()
            else:
                self._close()
        elif self._waiting:
            self._begin(*self._waiting.popleft())
        elif self._refusal is not None:
            self._answer(self._refusal)
        else:
            self.flow.resume_reading()
            if self._phase == _DONE:
                self._deadline.set(self.bounds.keep_alive_timeout)

    def default_head(self) -> bytes:
        """The headers of every answer (`date`, `server`), composed once per change."""
        headers = self.server_state.default_headers
        if headers is not self._default_headers:
            self._default_headers = headers
            self._default_head = b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._default_head

    # refusals and deadlines

    def _refuse(self, refusal: Refused) -> None:
        """Stop listening, and answer `refusal` when its turn comes."""
        self._deaf = True
        self._refusal = refusal
        cycle = self._newest if self._phase == _BODY else None
        if self._active is None:
            self._answer(refusal)
        elif cycle is self._active:
            self._fail(cycle, refusal)
        elif cycle is not None and self._waiting and self._waiting[-1][0] is cycle:
            self._waiting.pop()[0].lose()

    def _answer(self, refusal: Refused) -> None:
        self.transport.write(refusal.answer(self.default_head()))
        self._linger()

    def _linger(self) -> None:
        """Close our side, and read on for a moment, so that the client reads its answer before it meets a reset."""
        self._deaf = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._deadline.set(LINGER_SECONDS)
        else:
            self._close()

    def _expired(self) -> None:
        if self._deaf or self.transport.is_closing():
            self.abort()
        elif self._phase == _HEAD:
            self._refuse(Refused(408, "The request's headers took too long."))
        elif self._phase == _BODY:
            self._refuse(Refused(408, "The request's body took too long."))
        elif self._active is None:
            self._close()

    def pause_writing(self) -> None:
        """The client reads too slowly: bound how long."""
        self.flow.pause_writing()
        self._unwritten = self.transport.get_write_buffer_size()
        self._reading.set(self.bounds.write_timeout)

    def resume_writing(self) -> None:
        """The client has read."""
        self.flow.resume_writing()
        self._reading.clear()

    def _unread(self) -> None:
        """Cut a client that left its answer unread; one that reads a large piece slowly may go on."""
        left = self.transport.get_write_buffer_size()
        if self._unwritten - left < self.bounds.write_buffer_bytes:
            self.abort()
        else:
            self._unwritten = left
            self._reading.set(self.bounds.write_timeout)


def bounded(bounds: Server, emptied: Callable[[], None]) -> type[BoundedProtocol]:
    """The protocol class that enforces `bounds`, and calls `emptied` whenever the last connection is lost."""
    return type("Bounded", (BoundedProtocol,), {"bounds": bounds, "emptied": staticmethod(emptied)})
