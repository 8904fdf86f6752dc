import asyncio
import ssl
from pathlib import Path

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.providers.address import Origin
from sluicegate.providers.connection import Connection
from sluicegate.providers.pool import Pool
from sluicegate.settings import Upstream as Bounds
from tests.support.calls import Caller, target
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


async def test_the_connection_used_last_is_used_first() -> None:
    async with Upstream() as upstream:
        pool, to = Pool(Bounds()), origin(upstream)
        assert pool.take(to) is None
        a, b = await pool.open(to), await pool.open(to)
        await use(pool, a)
        await use(pool, b)
        assert pool.count(to) == (2, 2)
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
