"""A plain POST: one answer, bounded, over connections that are used again."""

import asyncio

import pytest

from sluicegate.core.errors import UpstreamError
from sluicegate.providers.post import Posted, post
from tests.support.calls import Caller
from tests.support.upstream import Reply, Upstream


async def test_what_is_sent_and_what_comes_back() -> None:
    async with Upstream() as server, Caller() as caller:
        server.script(Reply(body=b"yes"), Reply(status=404, body=b"no"))
        assert await post(caller.pool, f"{server.base_url}/a/b?c=d", b"{}", {"X-Own": "v"}, 10) == Posted(200, b"yes")
        assert await post(caller.pool, server.base_url, b"{}", {}, 10) == Posted(404, b"no")
        first, second = server.requests
        assert (first.method, first.path, first.body, first.headers["x-own"]) == ("POST", "/a/b?c=d", b"{}", "v")
        assert first.headers["content-type"] == "application/json"
        assert second.path == "/"
        assert first.connection == second.connection


async def test_a_redirect_is_not_followed() -> None:
    async with Upstream() as server, Caller() as caller:
        server.script(Reply(status=307, headers={"Location": f"{server.base_url}/else"}))
        assert (await post(caller.pool, server.base_url, b"{}", {}, 10)).status == 307
        assert server.hits == 1


async def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async with Upstream() as server, Caller() as caller:
        server.script(Reply(body=b"1", drop=True), Reply(body=b"2"))
        assert (await post(caller.pool, server.base_url, b"{}", {}, 10)).body == b"1"
        assert (await post(caller.pool, server.base_url, b"{}", {}, 10)).body == b"2"


@pytest.mark.parametrize(
    "reply",
    [Reply(body=b"x" * 11), Reply(pieces=[b"x" * 6, b"x" * 6]), Reply(raw=b""), Reply(raw=b"nonsense\r\n\r\n")],
    ids=range(4),
)
async def test_an_answer_that_cannot_be_used(reply: Reply) -> None:
    async with Upstream() as server, Caller() as caller:
        server.script(reply)
        with pytest.raises(UpstreamError):
            await post(caller.pool, server.base_url, b"{}", {}, 10)


async def test_giving_up_closes_the_connection() -> None:
    async with Upstream() as server, Caller() as caller:
        server.script(Reply(gate=asyncio.Event()))
        call = asyncio.ensure_future(post(caller.pool, server.base_url, b"{}", {}, 10))
        await server.arrived.wait()
        call.cancel()
        await asyncio.wait([call])
        await server.left.wait()


@pytest.mark.parametrize(
    ("url", "headers"),
    [("ftp://a", {}), ("http://a b", {}), ("http://a/?b c", {}), ("http://a/?\r\nX: y", {}), ("http://a", {"X": "a\r\nb"})],
)
async def test_what_cannot_be_sent(url: str, headers: dict[str, str]) -> None:
    async with Caller() as caller:
        with pytest.raises(UpstreamError, match="cannot be made"):
            await post(caller.pool, url, b"{}", headers, 10)
