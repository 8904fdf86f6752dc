"""One connection against a scripted socket; `tests/faults/test_upstream.py` has the faults."""

import asyncio

import pytest

from sluicegate.core.errors import UpstreamError, UpstreamTimeout
from sluicegate.providers.connection import BUFFER_BYTES, Connection, StaleConnectionError, State
from sluicegate.settings import Upstream as Bounds
from tests.support.upstream import Reply, Upstream, json_reply, sse_reply

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"


async def connected(upstream: Upstream, bounds: Bounds, freed: list[Connection]) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(bounds, freed.append), "127.0.0.1", upstream.port)
    return connection


async def body(connection: Connection) -> bytes:
    pieces = b""
    while piece := await connection.read():
        pieces += piece
    return pieces


async def test_one_request_after_another() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), [])
        upstream.script(json_reply({"n": 1}, headers={"X-Request-Id": "r"}), json_reply({"n": 2}))
        for n in (1, 2):
            connection.begin(HEAD, b"{}")
            await connection.head()
            assert (connection.status, connection.uses) == (200, n)
            assert connection.headers.get(b"x-request-id") == (b"r" if n == 1 else None)
            assert await body(connection) == b'{"n": %d}' % n
            assert connection.state is State.DONE
            assert connection.release()
            assert connection.usable()
            assert connection.quiet()
        assert connection.peer() == "127.0.0.1"
        connection.close()
        assert not connection.usable()
        assert upstream.connections == 1


async def test_large_bodies_arrive_whole() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), [])
        sent = b"x" * 3_000_000
        upstream.script(Reply(body=b"y" * 3_000_000))
        connection.begin(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n", sent)
        await connection.head()
        assert await body(connection) == b"y" * 3_000_000
        assert upstream.requests[0].body == sent
        connection.close()


async def test_what_is_not_read_is_not_taken_from_the_socket() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(idle_timeout=0.3), [])
        upstream.script(sse_reply([b"x" * 50_000] * 200))
        connection.begin(HEAD, b"{}")
        await connection.head()
        while not connection._paused:
            await asyncio.sleep(0)
        await asyncio.sleep(0.4)  # it is not the provider that is silent
        held = sum(map(len, connection.pieces))
        assert held <= BUFFER_BYTES + 300_000
        assert len(await body(connection)) == 10_000_000
        connection.close()


async def test_bytes_on_an_idle_connection_close_it() -> None:
    freed: list[Connection] = []
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), freed)
        connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.sleep(0)
        assert not connection.usable()
        assert connection.state is State.CLOSED
        assert freed == [connection]
        await upstream.left.wait()


async def test_an_idle_connection_that_the_provider_closes_cannot_be_used_from_then_on() -> None:
    freed: list[Connection] = []
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), freed)
        connection.eof_received()  # `connection_lost` comes later
        assert not connection.usable()
        assert connection.state is State.CLOSED
        await asyncio.sleep(0)
        assert freed == [connection]
        connection.close()


async def test_header_names_are_told_in_lower_case_and_trailers_are_not_kept() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), [])
        upstream.script(Reply(gate=asyncio.Event()))
        connection.begin(HEAD, b"{}")
        connection.data_received(
            b"HTTP/1.1 200 OK\r\nX-One: 1\r\nx-one: 2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
        )
        await connection.head()
        assert connection.take() == b"a"
        for n in range(100):
            connection.data_received(b"X-Two-%d: %d\r\n" % (n, n))
            assert len(connection._fields) <= 1
        connection.data_received(b"X-One: 3\r\n\r\n")
        assert connection.state is State.DONE
        assert connection.headers == {b"x-one": b"2", b"transfer-encoding": b"chunked"}
        connection.close()


async def test_what_is_no_body_does_not_stop_the_reading() -> None:
    """A head, or the framing, may be longer than what may wait of the body: nothing waits, so nobody would go on reading."""
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(max_head_bytes=BUFFER_BYTES * 2), [])
        upstream.script(Reply(gate=asyncio.Event()))
        connection.begin(HEAD, b"{}")
        long = b"x" * BUFFER_BYTES
        connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: " + long + b"\r\n\r\n")
        connection.data_received(b"1;" + long)
        assert not connection._paused
        connection.data_received(b"\r\na\r\n")
        assert connection._paused
        assert connection.take() == b"a"
        assert not connection._paused
        connection.close()


async def test_an_answer_in_pieces_moves_its_deadline_with_each() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(first_byte_timeout=5, idle_timeout=0.4), [])
        gates = {n: asyncio.Event() for n in range(1, 4)}
        upstream.script(sse_reply([b"a"] * 3, gates=gates, hang=True))
        connection.begin(HEAD, b"{}")
        await connection.head()
        began = asyncio.get_running_loop().time()
        assert await connection.read() == b"a"
        for n in (1, 2):
            await asyncio.sleep(0.25)
            gates[n].set()
            assert await connection.read() == b"a"
        with pytest.raises(UpstreamTimeout, match="idle_timeout"):
            await connection.read()
        assert asyncio.get_running_loop().time() - began >= 0.89


async def test_a_used_connection_that_closes_before_a_byte_is_stale() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), [])
        upstream.script(json_reply({}), Reply(raw=b""))
        connection.begin(HEAD, b"{}")
        await connection.head()
        assert connection.release()
        connection.begin(HEAD, b"{}")
        with pytest.raises(StaleConnectionError):
            await connection.head()
        assert not connection.release()


async def test_draining_ends_in_done_or_closed() -> None:
    freed: list[Connection] = []
    async with Upstream() as upstream:
        end = asyncio.Event()
        for reply, state in (
            (sse_reply([b"a"], gates={1: end}), State.DONE),
            (sse_reply([b"a", b"x" * 2_000], gates={1: end}, hang=True), State.CLOSED),
            (sse_reply([b"a"], gates={1: end}, close_after=1), State.CLOSED),
        ):
            connection = await connected(upstream, Bounds(), freed)
            upstream.script(reply)
            connection.begin(HEAD, b"{}")
            await connection.head()
            assert await connection.read() == b"a"
            assert connection.drain()
            end.set()
            while not freed:
                await asyncio.sleep(0)
            assert freed.pop().state is state
            end.clear()
            connection.close()


async def test_there_is_nothing_to_drain_where_the_answer_is_over() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), [])
        assert not connection.drain()
        connection.close()


async def test_closing_tells_the_call() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), [])
        upstream.script(Reply(gate=asyncio.Event()))
        connection.begin(HEAD, b"{}")
        waiting = asyncio.ensure_future(connection.head())
        await upstream.arrived.wait()
        connection.close()
        with pytest.raises(UpstreamError):
            await waiting


async def test_an_answer_in_time_sets_no_timer_again() -> None:
    async with Upstream() as upstream:
        connection = await connected(upstream, Bounds(), [])
        upstream.script(json_reply({}))
        timers = set()
        for _ in range(5):
            connection.begin(HEAD, b"{}")
            timers.add(connection._timer)
            await connection.head()
            await body(connection)
            assert connection.release()
        assert len(timers) == 1
        connection.close()
