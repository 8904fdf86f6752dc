import asyncio
import select
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.providers.address import Origin
from sluicegate.providers.connection import Connection
from sluicegate.providers.pool import Pool
from sluicegate.settings import Upstream as Bounds
from tests.support.calls import LOOPS, Caller, run, target
from tests.support.certificates import authority
from tests.support.upstream import Upstream, json_reply

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"


def origin(upstream: Upstream) -> Origin:
    return Origin(False, "127.0.0.1", upstream.port)


async def use(pool: Pool, connection: Connection) -> None:
    connection.begin(HEAD, b"{}")
    await connection.head()
    while await connection.read():
        pass
    pool.give_back(connection)


async def looked(pool: Pool) -> None:
    """Wait until no connection is fresh any more."""
    while pool._looked <= pool._newest:
        await asyncio.sleep(0)


def answers(peer: socket.socket) -> None:
    peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"of": 1}')


def resets(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


UNASKED: tuple[Callable[[socket.socket], None], ...] = (answers, socket.socket.close, resets)
"""What a provider may do to a connection that no call holds."""


class ByHand:
    """A provider that does at once, before the event loop goes on, what the test says."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.server = socket.create_server(("127.0.0.1", 0))
        self.origin = Origin(False, "127.0.0.1", self.server.getsockname()[1])
        self.peers: dict[Connection, socket.socket] = {}

    async def answered(self) -> Connection:
        """A connection whose call has its whole answer, and has not given it back."""
        connection = await self.pool.open(self.origin)
        self.peers[connection], _ = self.server.accept()
        connection.begin(HEAD, b"{}")
        self.peers[connection].sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        await connection.head()
        assert await connection.read() == b""
        return connection

    def does(self, connection: Connection, unasked: Callable[[socket.socket], None]) -> None:
        """`unasked` happens, and has reached the gateway's kernel; the event loop knows nothing of it."""
        transport = connection._transport
        assert transport is not None
        unasked(self.peers[connection])
        assert select.select([transport.get_extra_info("socket").fileno()], [], [], 5)[0]
        assert connection.usable()

    def close(self) -> None:
        self.pool.close()
        for closing in (self.server, *self.peers.values()):
            closing.close()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("unasked", UNASKED)
def test_what_came_unasked_is_never_the_next_calls_answer(loop: str, unasked: Callable[[socket.socket], None]) -> None:
    async def main() -> None:
        hand = ByHand(Pool(Bounds()))
        connection = await hand.answered()
        hand.pool.give_back(connection)
        hand.does(connection, unasked)
        assert hand.pool.take(hand.origin) is None  # the socket itself was asked
        hand.close()

    run(loop, main())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("unasked", UNASKED)
@pytest.mark.parametrize("steps", range(4))
def test_once_the_socket_is_not_asked_the_loop_has_seen_it(
    loop: str, unasked: Callable[[socket.socket], None], steps: int
) -> None:
    """Whatever else is given back before, in whichever order the loop's callbacks stand."""

    async def main() -> None:
        pool = Pool(Bounds())
        hand, running = ByHand(pool), asyncio.get_running_loop()
        earlier, later = await hand.answered(), await hand.answered()
        taken: list[bool] = []

        def check() -> None:
            if later.given_back < pool._looked:
                taken.append(later.usable())

        def give_back() -> None:
            running.call_soon(check)
            running.call_later(0, check)
            pool.give_back(later)
            running.call_soon(check)
            running.call_later(0, check)
            hand.does(later, unasked)

        later.given_back = pool._looked + 9  # not yet
        if steps == 0:
            running.call_soon(give_back)
        pool.give_back(earlier)
        for _ in range(steps):
            await asyncio.sleep(0)
        if steps:
            give_back()
        while not taken:
            check()
            await asyncio.sleep(0)
            check()
        assert not any(taken)
        assert pool.take(hand.origin) is earlier
        assert pool.take(hand.origin) is None
        hand.close()

    run(loop, main())


@pytest.mark.parametrize("loop", LOOPS)
def test_no_socket_is_asked_once_the_loop_has_looked(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Upstream() as upstream:
            pool, to = Pool(Bounds()), origin(upstream)
            await use(pool, await pool.open(to))
            await looked(pool)
            monkeypatch.delattr(Connection, "quiet")
            for _ in range(3):
                connection = pool.take(to)
                assert connection is not None
                await use(pool, connection)
                await looked(pool)
            assert (upstream.connections, pool.count(to)) == (1, (1, 1))
            pool.close()

    run(loop, main())


async def test_the_connection_used_last_is_used_first() -> None:
    async with Upstream() as upstream:
        pool, to = Pool(Bounds()), origin(upstream)
        assert pool.take(to) is None
        a, b = await pool.open(to), await pool.open(to)
        await use(pool, a)
        await use(pool, b)
        assert pool.count(to) == (2, 2)
        await looked(pool)
        assert pool.take(to) is b
        assert pool.take(to) is a
        assert pool.take(to) is None
        pool.discard(a)
        pool.discard(b)
        assert pool.count(to) == (0, 0)
        await asyncio.sleep(0)


async def test_idle_connections_are_bounded_and_expire() -> None:
    async with Upstream() as upstream:
        pool, to = Pool(Bounds(max_idle_connections=1, keep_alive_timeout=0.05)), origin(upstream)
        a, b = await pool.open(to), await pool.open(to)
        await use(pool, a)
        await use(pool, b)
        assert pool.count(to) == (1, 1)
        upstream.left.clear()
        while pool.count(to) != (0, 0):
            await upstream.left.wait()
            upstream.left.clear()
        pool.close()


async def test_beyond_the_bound_a_call_waits_for_its_turn() -> None:
    async with Upstream() as upstream:
        pool, to = Pool(Bounds(max_connections=1)), origin(upstream)
        first = await pool.open(to)
        second, third = (asyncio.ensure_future(pool.open(to)) for _ in range(2))
        await asyncio.sleep(0)
        await use(pool, first)
        assert await second is first
        pool.discard(first)  # its place goes to the third, which opens its own
        other = await third
        assert other is not first
        assert pool.count(to) == (1, 0)
        pool.discard(other)
        await asyncio.sleep(0)


async def test_a_call_that_stops_waiting_costs_the_others_nothing() -> None:
    async with Upstream() as upstream:
        pool, to = Pool(Bounds(max_connections=1)), origin(upstream)
        first = await pool.open(to)
        second, third = (asyncio.ensure_future(pool.open(to)) for _ in range(2))
        await asyncio.sleep(0)
        await use(pool, first)  # given to the second, which is cancelled before it runs
        second.cancel()
        assert await third is first
        with pytest.raises(asyncio.CancelledError):
            await second
        fourth = asyncio.ensure_future(pool.open(to))
        await asyncio.sleep(0)
        pool.discard(first)
        fourth.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fourth
        assert pool.count(to) == (0, 0)


async def test_waiting_is_bounded() -> None:
    async with Upstream() as upstream:
        pool, to = Pool(Bounds(max_connections=1, connect_timeout=0.05)), origin(upstream)
        held = await pool.open(to)
        with pytest.raises(UpstreamError, match="max_connections") as caught:
            await pool.open(to)
        assert caught.value.reason is Reason.UPSTREAM_UNREACHABLE
        pool.discard(held)
        assert pool.count(to) == (0, 0)
        await asyncio.sleep(0)


async def test_metadata_addresses_are_not_called() -> None:
    async with Upstream() as upstream:
        pool = Pool(Bounds())
        with pytest.raises(UpstreamError, match="never called"):
            pool._admit(Unnamed(Bounds(), lambda _: None))
        assert pool.count(origin(upstream)) == (0, 0)


class Unnamed(Connection):
    """A connection that reached a cloud's metadata service."""

    def peer(self) -> str:
        return "169.254.169.254"


async def test_tls_is_verified_and_never_downgraded(tmp_path: Path) -> None:
    trusted, server = authority(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    async with Upstream(ssl=context) as upstream:
        upstream.script(json_reply({"n": 1}))
        async with Caller() as caller:
            with pytest.raises(UpstreamError, match="certificate") as caught:
                await caller.call(target(upstream.base_url))
            assert caught.value.reason is Reason.UPSTREAM_UNREACHABLE
        async with Caller(ca_file=str(trusted)) as caller:
            assert (await caller.call(target(upstream.base_url)))[0].raw == b'{"n": 1}'
            with pytest.raises(UpstreamError, match="certificate"):
                await caller.call(target(upstream.base_url.replace("127.0.0.1", "localhost")))
        assert upstream.hits == 1


async def test_no_https_target_no_tls() -> None:
    async with Upstream() as upstream, Caller() as caller:
        await caller.call(target(upstream.base_url))
        assert caller.pool._tls is None
