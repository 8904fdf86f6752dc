"""Deployments and models."""

import pytest

from tests.support.administration import World

PATH = "/api/v1/deployments"
UNSAID = ("cached", "cache_write", "image", "characters", "minute")


async def test_create_change_delete(world: World) -> None:
    async with world.client("admin@all") as client:
        made = await client.post(PATH, json={"name": "big/1", "model": "demo-big", "provider": "local", "order": 1})
        assert made.status_code == 201, made.text
        found = made.json()
        assert (found["place"], found["region"], found["upstream_model"], found["price"]) == (
            "on_prem",
            "eu",
            "demo-big",
            None,
        )
        assert (await client.post(PATH, json={"name": "big/1", "model": "x", "provider": "local"})).status_code == 409
        changed = await client.patch(f"{PATH}/big/1", json={"price": {"input": "1.5", "output": "2"}, "place": "cloud"})
        assert changed.json()["price"] == {"input": "1.5", "output": "2", **dict.fromkeys(UNSAID)}
        assert changed.json()["place"] == "cloud"
        assert (await client.get(f"{PATH}/big/1")).json() == changed.json()
        assert [item["name"] for item in (await client.get(f"{PATH}?limit=1")).json()["items"]] == ["big/1"]
        assert (await client.delete(f"{PATH}/big/1")).status_code == 204
        assert (await client.delete(f"{PATH}/big/1")).status_code == 404


async def test_models_group_deployments_in_their_order(world: World) -> None:
    async with world.client("owner@all") as client:
        body = {"name": "a", "model": "demo-small", "provider": "local", "order": 5}
        assert (await client.post(PATH, json=body)).status_code == 201
    async with world.client("viewer@a") as client:
        models = (await client.get("/api/v1/models")).json()["items"]
    assert [(item["model"], [one["name"] for one in item["deployments"]]) for item in models] == [
        ("demo-small", ["small", "a"])
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "nobody"},
        {"order": 10**12},
        {"weight": -1},
        {"max_output_tokens": 2**40},
        {"upstream_model": "a\x00"},
        {"x": 1},
    ],
    ids=repr,
)
async def test_what_cannot_be_a_deployment(world: World, wrong: dict[str, object]) -> None:
    async with world.client("owner@all") as client:
        answer = await client.post(PATH, json={"name": "x", "model": "m", "provider": "local", **wrong})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == f"body.{next(iter(wrong))}"
