"""Virtual keys: shown once, stored as a digest, revoked at once, rotated with an overlap."""

import asyncio
import logging
from typing import Any

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.identity import Grant
from sluicegate.identity.keys import digest, well_formed
from tests.support.administration import World

PATH = "/api/v1/keys"


async def standing(world: World, key: str) -> Any:
    """What the next request with `key` would be told."""
    name, now = digest(key), world.clock()
    return world.keyring.known(name, now) or await world.keyring.load(name, now)


async def make(world: World, user: str = "team_lead@a", **more: Any) -> dict[str, Any]:
    body = {"use_case_id": world.a.use_case, "name": "k", "principal": "service_account:bot", **more}
    async with world.client(user) as client:
        answer = await client.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_key_is_shown_once_and_stored_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = await make(world)
        key = made["key"]
        async with world.client("owner@all") as client:
            rotated = (await client.post(f"{PATH}/{made['id']}/rotate")).json()["key"]
            answers = [
                await client.get(PATH),
                await client.get(f"{PATH}/{made['id']}"),
                await client.get("/api/v1/audit/entries"),
            ]
            answers.append(await client.post(f"{PATH}/{made['id']}/revoke"))
    assert well_formed(key)
    assert well_formed(rotated)
    for secret in (key, rotated):
        assert all(secret not in answer.text and digest(secret).hex() not in answer.text for answer in answers)
        assert secret not in caplog.text
        assert world.database.path is not None
        for file in world.database.path.parent.iterdir():
            assert secret.encode() not in file.read_bytes()
    assert all("digest" not in answer.text for answer in answers)


async def test_a_new_key_works_and_is_bound(world: World) -> None:
    made = await make(world, rate={"concurrent": 2}, budgets=[{"period": "day", "tokens": 5}])
    grant = await standing(world, made["key"])
    assert isinstance(grant, Grant)
    assert (grant.organisation, grant.team, grant.use_case.id) == (world.a.organisation, world.a.team, world.a.use_case)
    assert (grant.principal, grant.rate.concurrent) == ("service_account:bot", 2)
    assert [(budget.scope, budget.tokens) for budget in grant.budgets] == [(f"key:{made['id']}", 5)]
    assert made["hint"] == made["key"][-4:]
    assert made["state"] == "valid"


async def test_revoking_works_on_the_next_request(world: World) -> None:
    assert isinstance(await standing(world, world.a.key), Grant)
    async with world.client("security_officer@a") as client:
        answer = await client.post(f"{PATH}/{world.a.key_id}/revoke")
        assert answer.json()["state"] == "revoked"
        first = answer.json()["revoked_at"]
        assert await standing(world, world.a.key) is Reason.KEY_REVOKED
        world.clock.now += 5
        assert (await client.post(f"{PATH}/{world.a.key_id}/revoke")).json()["revoked_at"] == first
    async with world.client("team_lead@a") as client:
        assert (await client.post(f"{PATH}/{world.a.key_id}/rotate")).status_code == 409


async def test_rotation_overlaps_and_keeps_the_identity(world: World) -> None:
    made = await make(world, budgets=[{"period": "total", "usd": "1"}])
    async with world.client("team_lead@a") as client:
        answer = await client.post(f"{PATH}/{made['id']}/rotate", json={"overlap_seconds": 60})
        rotated = answer.json()
        assert rotated["id"] == made["id"]
        assert rotated["previous_works_until"] is not None
        old, new = await standing(world, made["key"]), await standing(world, rotated["key"])
        assert (old.key_id, old.budgets) == (new.key_id, new.budgets)
        listed = (await client.get(PATH)).json()["items"]
        assert [item["id"] for item in listed if item["name"] == "k"] == [made["id"]]
        world.clock.now += 60
        assert await standing(world, made["key"]) is Reason.KEY_REVOKED
        assert isinstance(await standing(world, rotated["key"]), Grant)


async def test_revoking_ends_the_overlap_too(world: World) -> None:
    made = await make(world)
    async with world.client("owner@a") as client:
        rotated = (await client.post(f"{PATH}/{made['id']}/rotate")).json()
        await client.post(f"{PATH}/{made['id']}/revoke")
    assert await standing(world, made["key"]) is Reason.KEY_REVOKED
    assert await standing(world, rotated["key"]) is Reason.KEY_REVOKED


async def test_rotation_without_overlap(world: World) -> None:
    made = await make(world)
    async with world.client("owner@a") as client:
        await client.post(f"{PATH}/{made['id']}/rotate", json={"overlap_seconds": 0})
    assert await standing(world, made["key"]) is Reason.KEY_REVOKED


async def test_expiry(world: World) -> None:
    made = await make(world, expires_at="2027-01-15T08:01:00+00:00")
    assert isinstance(await standing(world, made["key"]), Grant)
    world.clock.now += 60
    assert await standing(world, made["key"]) is Reason.KEY_EXPIRED
    async with world.client("owner@a") as client:
        assert (await client.get(f"{PATH}/{made['id']}")).json()["state"] == "expired"
        body = {"use_case_id": world.a.use_case, "name": "k", "principal": "user:x", "expires_at": "2020-01-01T00:00:00Z"}
        assert (await client.post(PATH, json=body)).status_code == 422
        body["expires_at"] = "2030-01-01T00:00:00"
        assert (await client.post(PATH, json=body)).status_code == 422


@pytest.mark.parametrize(
    "field",
    [
        "id",
        "organisation_id",
        "team_id",
        "digest",
        "key",
        "hint",
        "origin",
        "created_at",
        "revoked_at",
        "rotated_to",
        "scope",
    ],
)
async def test_what_a_client_may_not_set(world: World, field: str) -> None:
    body = {"use_case_id": world.a.use_case, "name": "k", "principal": "user:x", field: "x"}
    async with world.client("owner@a") as client:
        answer = await client.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": f"body.{field}", "message": "unknown field"}]


async def test_revoking_amid_many_requests_is_one_moment(world: World) -> None:
    """Whoever asks after the answer to the revocation is refused; nobody is admitted again after somebody was refused."""
    async with world.client("owner@a") as client:
        revoking = asyncio.ensure_future(client.post(f"{PATH}/{world.a.key_id}/revoke"))
        seen = []
        while not revoking.done():
            seen.append(isinstance(await standing(world, world.a.key), Grant))
            await asyncio.sleep(0)
    assert (await revoking).status_code == 200
    assert seen == sorted(seen, reverse=True)
    assert await standing(world, world.a.key) is Reason.KEY_REVOKED
