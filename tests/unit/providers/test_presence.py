import pytest

from sluicegate.providers.presence import present
from tests.support.calls import Caller, target
from tests.support.upstream import Reply, Upstream


@pytest.mark.parametrize(
    ("reply", "there"),
    [
        (Reply(body=b'{"data":[]}'), True),
        (Reply(status=401), True),
        (Reply(status=404), True),
        (Reply(status=500), True),
        (Reply(status=502), False),
        (Reply(status=503), False),
    ],
)
async def test_any_answer_is_a_sign_of_life_but_that_of_one_who_stands_in(reply: Reply, there: bool) -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(reply)
        assert await present(caller.pool, target(f"{upstream.base_url}/v1")) is there
        assert upstream.requests[0].path == "/v1/models"


async def test_nobody_there() -> None:
    async with Upstream() as upstream:
        gone = upstream.base_url
    async with Caller() as caller:
        assert not await present(caller.pool, target(f"{gone}/v1"))
        assert not await present(caller.pool, target("no address"))
