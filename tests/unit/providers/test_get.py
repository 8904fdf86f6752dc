from sluicegate.providers import address
from sluicegate.providers.get import Got, get
from tests.support.calls import Caller
from tests.support.upstream import Reply, Upstream


async def test_the_body_of_a_good_answer_and_the_status_of_any() -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(Reply(body=b"hello"), Reply(status=404, body=b"no"))
        base = address.parse(upstream.base_url)
        assert await get(caller.pool, base, "/v1/models", 100) == Got(200, b"hello")
        assert (await get(caller.pool, base, "/v1/models", 100)).status == 404
        assert [(request.method, request.path) for request in upstream.requests] == [("GET", "/v1/models")] * 2
        assert all("authorization" not in request.headers for request in upstream.requests)


async def test_a_body_is_read_up_to_its_bound() -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(Reply(pieces=[b"x" * 1_000] * 1_000))
        found = await get(caller.pool, address.parse(upstream.base_url), "/", 10_000)
        assert 10_000 < len(found.body) < 500_000
