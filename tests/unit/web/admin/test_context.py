"""A change of control data: recorded, and in force at once."""

import pytest

from sluicegate.core.identity import Grant
from sluicegate.identity.keys import digest
from sluicegate.identity.sessions import Caller
from sluicegate.web.admin.problems import Problem, not_found
from tests.support.administration import NOW, World

CALLER = Caller(user_id="u", name="u", role="owner", organisation=None, session=b"", expires_at=0, stale=False)


async def test_a_change_is_recorded_and_forgets_compiled_keys(world: World) -> None:
    name = digest(world.a.key)
    assert isinstance(await world.keyring.load(name, NOW), Grant)
    assert await world.context.change(CALLER, "test.change", "x:1", None, lambda _connection: 7) == 7
    assert world.keyring.known(name, NOW) is None
    assert world.changes == 1
    async with world.client("owner@all") as client:
        body = (await client.get("/api/v1/audit/entries")).json()["items"][0]["body"]
    assert (body["actor"], body["action"], body["subject"]) == ("user:u", "test.change", "x:1")


async def test_a_refused_change_changes_and_records_nothing(world: World) -> None:
    def refuse(_connection: object) -> None:
        raise not_found()

    with pytest.raises(Problem):
        await world.context.change(CALLER, "test.change", "x:1", None, refuse)
    assert world.changes == 0
    async with world.client("owner@all") as client:
        assert (await client.get("/api/v1/audit/entries?kind=act")).json()["items"] == []
