"""Why a route is as it is."""

from sqlalchemy import Connection

from sluicegate.store import tables
from tests.support.administration import World

PATH = "/api/v1/routing/explain"


async def explained(world: World, role: str = "viewer@a", **query: str) -> list[tuple[str, str, object]]:
    async with world.client(role) as client:
        answer = await client.get(PATH, params={"use_case_id": world.a.use_case, "model": "demo-small", **query})
    assert answer.status_code == 200, answer.text
    assert answer.json()["strategy"] == "adaptive"
    return [(one["deployment"], one["refused"], one["score"] and one["score"]["price"]) for one in answer.json()["targets"]]


async def test_where_a_use_case_s_requests_go(world: World) -> None:
    assert await explained(world) == [("small", "", 7), ("far", "", 7)]


async def test_what_is_confined_does_not_go_far(world: World) -> None:
    assert await explained(world, on_prem_only="true") == [("small", "", 7), ("far", "place", None)]


async def test_an_alias_is_what_it_stands_for(world: World) -> None:
    def alias(connection: Connection) -> None:
        case = tables.use_case
        connection.execute(case.update().where(case.c.id == world.a.use_case).values(aliases={"fast": "demo-small"}))

    await world.context.writer.write(alias)
    assert len(await explained(world, model="fast")) == 2


async def test_what_is_not_there(world: World) -> None:
    async with world.client("viewer@a") as client:
        unknown = await client.get(PATH, params={"use_case_id": world.a.use_case, "model": "other"})
        assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (404, "query.model")
        theirs = await client.get(PATH, params={"use_case_id": world.b.use_case, "model": "demo-small"})
        assert theirs.status_code == 404
        assert (await client.get(PATH, params={"use_case_id": world.a.use_case})).status_code == 422
