"""Providers: data of the installation, with credentials by reference alone."""

import pytest

from tests.support.administration import World

PATH = "/api/v1/providers"


async def test_create_change_delete(world: World) -> None:
    async with world.client("admin@all") as client:
        made = await client.post(PATH, json={"name": "eu/main", "preset": "local", "credential": "env:EU_KEY"})
        assert made.status_code == 201, made.text
        assert made.json()["base_url"] == "http://127.0.0.1:1/v1"
        assert (await client.post(PATH, json={"name": "eu/main", "preset": "local"})).status_code == 409
        assert (await client.get(f"{PATH}/eu/main")).json() == made.json()
        changed = await client.patch(f"{PATH}/eu/main", json={"base_url": "http://127.0.0.1:2/v1", "region": "eu"})
        assert changed.json()["base_url"] == "http://127.0.0.1:2/v1"
        assert changed.json()["credential"] == "env:EU_KEY"
        again = await client.patch(f"{PATH}/eu/main", json={"preset": "local"})
        assert again.json()["base_url"] == "http://127.0.0.1:1/v1"
        assert {item["name"] for item in (await client.get(PATH)).json()["items"]} == {"eu/main", "local"}
        assert (await client.delete(f"{PATH}/eu/main")).status_code == 204
        assert (await client.get(f"{PATH}/eu/main")).status_code == 404
        assert (await client.delete(f"{PATH}/local")).status_code == 409


@pytest.mark.parametrize(
    "wrong",
    [
        {"credential": "file:/etc/shadow"},
        {"credential": "sk-" + "a" * 40},
        {"credential": "env:SLUICEGATE_DATABASE__URL"},
        {"credential": "env:A\nB"},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"x": "a\r\nhost: b"}},
        {"headers": {"x y": "a"}},
        {"preset": "nowhere"},
        {"preset": None},
        {"origin": "file"},
        {"place": "moon"},
    ],
    ids=repr,
)
async def test_what_cannot_be_a_provider(world: World, wrong: dict[str, object]) -> None:
    async with world.client("owner@all") as client:
        answer = await client.post(PATH, json={"name": "x", "preset": "local", **wrong})
        assert answer.status_code == 422
        assert "sk-aaa" not in answer.text
        assert (await client.get(f"{PATH}/x")).status_code == 404


async def test_a_change_is_checked_as_a_whole(world: World) -> None:
    async with world.client("owner@all") as client:
        assert (await client.patch(f"{PATH}/local", json={"headers": {"cookie": "a=b"}})).status_code == 422
        assert (await client.patch(f"{PATH}/local", json={"base_url": None})).status_code == 422
        assert (await client.patch(f"{PATH}/local", json={"name": "other"})).status_code == 422
