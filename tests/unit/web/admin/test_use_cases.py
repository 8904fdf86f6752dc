"""Use cases: every change is a new version and counts at once."""

from sluicegate.core.identity import Grant
from sluicegate.identity.keys import digest
from tests.support.administration import NOW, World


async def test_create(world: World) -> None:
    body = {"team_id": world.a.team, "name": "support", "purpose": "answer tickets", "models": ["claude-*"]}
    async with world.client("security_officer@a") as client:
        made = await client.post("/api/v1/use-cases", json=body)
        assert made.status_code == 201, made.text
        found = made.json()
        assert (found["version"], found["organisation_id"], found["system_mode"]) == (1, world.a.organisation, "append")
        assert (await client.post("/api/v1/use-cases", json=body)).status_code == 409
        assert (await client.get(f"/api/v1/use-cases/{found['id']}")).json() == found
        listed = (await client.get(f"/api/v1/use-cases?team_id={world.a.team}")).json()["items"]
    assert {item["name"] for item in listed} == {"case", "support"}


async def test_a_change_is_a_new_version_and_counts_from_the_next_request_on(world: World) -> None:
    name = digest(world.a.key)
    before = await world.keyring.load(name, NOW)
    assert isinstance(before, Grant)
    async with world.client("admin@a") as client:
        path = f"/api/v1/use-cases/{world.a.use_case}"
        sent = {"features": ["tools", "hosted_tools"], "system_prompt": "Be kind.", "active": False}
        answer = await client.patch(path, json=sent)
        assert answer.json()["version"] == 2
        assert answer.json()["features"] == ["hosted_tools", "tools"]
        assert answer.json()["models"] == ["demo*"]
        assert (await client.patch(path, json={"system_prompt": None})).json()["system_prompt"] is None
        assert (await client.patch(path, json={})).status_code == 422
    assert world.keyring.known(name, NOW) is None
    after = await world.keyring.load(name, NOW)
    assert isinstance(after, Grant)
    assert (before.use_case.version, before.use_case.active) == (1, True)
    assert (after.use_case.version, after.use_case.active) == (3, False)


async def test_the_prompt_does_not_reach_the_audit_log(world: World) -> None:
    async with world.client("owner@a") as client:
        await client.patch(f"/api/v1/use-cases/{world.a.use_case}", json={"system_prompt": "confidential instruction"})
        entries = await client.get("/api/v1/audit/entries")
    assert entries.json()["items"][0]["body"]["action"] == "use_case.change"
    assert "confidential" not in entries.text


async def test_own_credentials_and_a_prompt_exclude_each_other(world: World) -> None:
    body = {"team_id": world.a.team, "name": "own", "purpose": "tools with accounts of their own", "own_credentials": True}
    async with world.client("admin@a") as client:
        refused = await client.post("/api/v1/use-cases", json=body | {"system_prompt": "Be kind."})
        assert refused.status_code == 422
        assert "exclude each other" in refused.text
        made = (await client.post("/api/v1/use-cases", json=body)).json()
        assert made["own_credentials"] is True
        path = f"/api/v1/use-cases/{made['id']}"
        assert (await client.patch(path, json={"system_prompt": "Be kind."})).status_code == 422
        both = {"system_prompt": "Be kind.", "own_credentials": False}
        assert (await client.patch(path, json=both)).json()["version"] == 2
