"""The connection, fed by hand. Timing and the wire are in tests/faults/test_http_hazards.py."""

import asyncio
from typing import Any, cast

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from sluicegate.settings import Server
from sluicegate.web.protocol import BoundedProtocol, bounded


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
        app, http=bounded(Server(**bounds), lambda: None), ws="none", lifespan="off", log_config=None, access_log=False
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
