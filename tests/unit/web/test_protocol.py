"""The connection, fed by hand. Timing and the wire are in tests/faults/test_http_hazards.py."""

import asyncio
import re
from typing import Any, cast

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from sluicegate.core.event import sse, whole
from sluicegate.core.exchange import Exchange
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.pipeline import Send
from sluicegate.settings import Server
from sluicegate.web.llm import Llm
from sluicegate.web.protocol import BoundedProtocol, bounded
from sluicegate.web.surface import Mount, Surface
from tests.unit.web.test_llm import Fake


class Transport:
    """A transport that records."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = self.aborted = self.ended = False
        self.unsent = 0
        self.high = 0

    def get_extra_info(self, _name: str) -> None:
        return None

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: bytes) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


async def hello(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def connect(
    state: ServerState | None = None, app: Any = hello, **bounds: Any
) -> tuple[BoundedProtocol, Transport, ServerState]:
    state = state or ServerState()
    config = Config(
        app,
        http=bounded(Server(**bounds), lambda: None),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
    )
    config.load()
    protocol = cast(Any, config.http_protocol_class)(config=config, server_state=state, app_state={})
    transport = Transport()
    protocol.connection_made(transport)
    return protocol, transport, state


GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def finished(state: ServerState) -> None:
    while state.tasks:
        await asyncio.wait(state.tasks)
        await asyncio.sleep(0)


async def test_answers_and_keeps_the_connection() -> None:
    protocol, transport, state = connect()
    for _ in range(3):
        protocol.data_received(GET)
        await finished(state)
    assert transport.written.count(b"HTTP/1.1 200 OK") == 3
    assert not transport.is_closing()
    protocol.connection_lost(None)
    assert not state.connections


@pytest.mark.parametrize("size", range(1, 60, 7))
async def test_pieces_do_not_matter(size: int) -> None:
    protocol, transport, state = connect()
    wire = GET + b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello" + GET
    for at in range(0, len(wire), size):
        protocol.data_received(wire[at : at + size])
    await finished(state)
    assert transport.written.count(b"HTTP/1.1 200 OK") == 3
    protocol.connection_lost(None)


async def test_write_buffer_is_bounded() -> None:
    protocol, transport, _ = connect(write_buffer_bytes=1_000)
    assert transport.high == 1_000
    protocol.connection_lost(None)


async def test_one_connection_too_many() -> None:
    state = ServerState()
    first, _, _ = connect(state, max_connections=1)
    second, transport, _ = connect(state, max_connections=1)
    assert transport.written.startswith(b"HTTP/1.1 503 ")
    assert transport.ended
    second.data_received(GET)
    assert not state.tasks
    for protocol in (first, second):
        protocol.connection_lost(None)


async def test_shutdown_closes_idle_connections_and_finishes_busy_ones() -> None:
    idle, idle_transport, _ = connect()
    busy, transport, state = connect()
    busy.data_received(GET)
    for protocol in (idle, busy):
        protocol.shutdown()
    assert idle_transport.closed
    assert not transport.closed
    await finished(state)
    assert b"connection: close\r\n" in transport.written
    assert transport.closed
    for protocol in (idle, busy):
        protocol.connection_lost(None)


async def test_lost_connection_is_told_to_every_request() -> None:
    ends: list[str] = []

    async def waits(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] == "http.request":
            pass
        ends.append("told")

    protocol, _, state = connect(app=waits)
    protocol.data_received(GET + GET)
    await asyncio.sleep(0)
    protocol.connection_lost(ConnectionResetError())
    await finished(state)
    assert ends == ["told"]


async def test_slow_reader_is_cut_and_a_moving_one_is_not() -> None:
    protocol, transport, _ = connect(write_timeout=0.01, write_buffer_bytes=100)
    transport.unsent = 1_000
    protocol.pause_writing()
    transport.unsent = 500
    protocol._unread()
    assert not transport.aborted
    transport.unsent = 450
    protocol._unread()
    assert transport.aborted
    protocol.connection_lost(None)


async def test_application_that_answers_nothing_is_a_plain_error() -> None:
    async def silent(_scope: Any, _receive: Any, _send: Any) -> None:
        return

    protocol, transport, state = connect(app=silent)
    protocol.data_received(GET)
    await finished(state)
    assert transport.written.startswith(b"HTTP/1.1 500 ")
    protocol.connection_lost(None)


def surface(pipeline: Fake) -> Any:
    llm, spoken = Llm(pipeline, Server()), Mount(Surface("POST", "/a", OpenAIChat()))

    def app(scope: Any, receive: Any, send: Any) -> Any:
        return llm(spoken, scope, receive, send)

    return app


POST = b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


async def echo(exchange: Exchange, send: Send) -> None:
    await send([whole({"size": len(await exchange.receive())})], True)


@pytest.mark.parametrize("expecting", [b"", b"expect: 100-continue\r\n"])
@pytest.mark.parametrize("late", [False, True])
async def test_a_surface_takes_the_body_when_it_has_come(expecting: bytes, late: bool) -> None:
    protocol, transport, state = connect(app=surface(Fake(echo)))
    body = b"x" * 10
    pieces = [POST + expecting + b"content-length: 10\r\n\r\n" + (b"" if late else body), body if late else b""]
    for _ in range(2):
        transport.written = b""
        for piece in pieces:
            if piece:
                protocol.data_received(piece)
                await asyncio.sleep(0)
        await finished(state)
        assert transport.written.startswith(b"HTTP/1.1 100 Continue\r\n\r\n" if expecting else b"HTTP/1.1 200 OK\r\n")
        assert b"content-type: application/json\r\ncontent-length: 11\r\n" in transport.written
        assert transport.written.endswith(b'\r\n\r\n{"size":10}')
    protocol.connection_lost(None)


async def test_a_surface_answers_pipelined_requests_in_their_order() -> None:
    protocol, transport, state = connect(app=surface(Fake(echo)))
    protocol.data_received(b"".join(POST + b"content-length: %d\r\n\r\n" % size + b"x" * size for size in (1, 2, 3)))
    await finished(state)
    assert [int(found) for found in re.findall(rb'"size":(\d)', transport.written)] == [1, 2, 3]
    protocol.connection_lost(None)


async def test_a_surface_streams_in_chunks() -> None:
    first, last = sse({"a": 1}), sse({"b": 2})

    async def stream(_exchange: Exchange, send: Send) -> None:
        await send([first], False)
        await send([last], True)

    protocol, transport, state = connect(app=surface(Fake(stream)))
    protocol.data_received(POST + b"content-length: 0\r\n\r\n")
    await finished(state)
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(first.raw), first.raw, len(last.raw), last.raw)
    assert transport.written.endswith(b"\r\n\r\n" + chunks)
    protocol.connection_lost(None)


async def test_a_surfaces_header_cannot_split_the_answer() -> None:
    async def inject(exchange: Exchange, send: Send) -> None:
        exchange.response_headers["x-a"] = "1\r\nx-b: 2"
        await send([whole({})], True)

    protocol, transport, state = connect(app=surface(Fake(inject)))
    protocol.data_received(POST + b"content-length: 0\r\n\r\n")
    await finished(state)
    assert transport.written.startswith(b"HTTP/1.1 500 ")
    assert b"x-b" not in transport.written
    protocol.connection_lost(None)


async def test_a_surface_whose_client_goes_is_cancelled() -> None:
    ends: list[str] = []

    async def hang(_exchange: Exchange, _send: Send) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    protocol, _, state = connect(app=surface(Fake(hang)))
    protocol.data_received(POST + b"content-length: 0\r\n\r\n")
    await asyncio.sleep(0)
    (task,) = state.tasks
    protocol.connection_lost(ConnectionResetError())
    await finished(state)
    assert ends == ["cancelled"]
    assert not task.cancelled()
