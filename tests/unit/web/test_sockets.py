"""Socket options, on real sockets."""

import asyncio
import socket
from typing import cast

import pytest
import uvloop

from sluicegate.web.sockets import bound_unsent, reset


class Bare(asyncio.Protocol):
    """Keeps its transport."""

    def __init__(self, made: "asyncio.Future[asyncio.Transport]") -> None:
        self._made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made.set_result(cast(asyncio.Transport, transport))  # uvloop's is no subclass


def _read(sock: socket.socket) -> None:
    with sock, pytest.raises(ConnectionResetError):
        while sock.recv(1 << 20):
            pass


async def _reset_with_unread_answer() -> None:
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()
    server = await loop.create_server(lambda: Bare(made), "127.0.0.1", 0)
    client = socket.create_connection(server.sockets[0].getsockname(), timeout=5)
    transport = await asyncio.wait_for(made, 5)  # what connection_made raises is logged, and would leave us waiting
    bound_unsent(transport, 1_000)
    transport.write(b"x" * 10_000_000)
    reset(transport)
    await asyncio.to_thread(_read, client)
    server.close()


async def test_reset_reaches_a_client_that_has_not_read() -> None:
    await _reset_with_unread_answer()


def test_reset_on_uvloop() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_reset_with_unread_answer())
