"""Organisations and teams."""

from tests.support.administration import World


async def test_organisations(world: World) -> None:
    async with world.client("owner@all") as client:
        made = await client.post("/api/v1/organisations", json={"name": "c"})
        assert made.status_code == 201
        assert (await client.post("/api/v1/organisations", json={"name": "c"})).status_code == 409
        one = await client.get(f"/api/v1/organisations/{made.json()['id']}")
    assert one.json() == made.json()
    assert one.json()["origin"] == "api"
    assert one.json()["created_at"].endswith("Z")


async def test_teams(world: World) -> None:
    body = {"organisation_id": world.a.organisation, "name": "x", "budgets": [{"period": "month", "usd": "12.50"}]}
    async with world.client("admin@a") as client:
        made = await client.post("/api/v1/teams", json=body)
        assert made.status_code == 201
        assert made.json()["budgets"] == [{"period": "month", "usd": "12.50", "tokens": None}]
        assert (await client.post("/api/v1/teams", json=body)).status_code == 409
        path = f"/api/v1/teams/{made.json()['id']}"
        changed = await client.patch(path, json={"budgets": []})
        assert changed.json()["budgets"] == []
        assert (await client.patch(path, json={})).json()["budgets"] == []
        assert (await client.get(path)).json()["name"] == "x"
    assert world.changes == 3
