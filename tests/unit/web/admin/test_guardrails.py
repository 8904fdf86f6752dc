"""Guardrail policies through the API: versions, what is in force, and what is refused."""

from typing import Any

import pytest

from sluicegate.audit.entry import ACT
from sluicegate.dlp.policy import UnknownPolicy
from sluicegate.store import tables
from tests.support.administration import World

PATH = "/api/v1/guardrails"
BLOCKS = {"prompt": {"email": "block"}, "answer": {}}
ALERTS = {"prompt": {"email": "alert"}, "answer": {}}
OWN = {
    "prompt": {"badge": "redact"},
    "answer": {},
    "rules": [{"id": "badge", "kind": "badge", "severity": "low", "label": "BADGE", "pattern": "B-[0-9]{4}"}],
}
MAIL = [("", "write to bob@example.org")]


def blocks(world: World, name: str, organisation: str | None = None) -> bool:
    prompt = world.policies.policy(name, organisation).prompt
    return prompt is not None and prompt.find(MAIL)[0].blocked


async def acts(world: World) -> list[Any]:
    await world.context.log.settle()
    entry = tables.audit_entry
    rows = await world.rows(lambda c: c.execute(entry.select().where(entry.c.kind == ACT)).mappings().all())
    return [row["body"] for row in rows if b"guardrail" in row["body"]]


async def test_the_life_of_a_policy(world: World) -> None:
    before = world.policies.version
    async with world.client("security_officer@all") as client:
        made = await client.post(PATH, json={"name": "default", "document": BLOCKS, "note": "first"})
        assert made.status_code == 201, made.text
        one = f"{PATH}/{made.json()['id']}"
        assert made.json()["version"] == 1
        assert blocks(world, "default")
        assert world.policies.version != before
        changed = (await client.patch(one, json={"document": ALERTS})).json()
        assert (changed["version"], changed["active"]) == (2, True)
        assert not blocks(world, "default")
        reverted = (await client.post(f"{one}/revert", json={"version": 1, "note": "back"})).json()
        assert (reverted["version"], reverted["document"]) == (3, BLOCKS)
        assert blocks(world, "default")
        ended = (await client.post(f"{one}/deactivate", json={})).json()
        assert (ended["version"], ended["active"]) == (4, False)
        assert world.policies.version != before, "the rows of both tenants count now as well"
        found = (await client.get(one)).json()
        assert found["version"] == 4
        assert [each["version"] for each in found["versions"]] == [4, 3, 2, 1]
        assert (await client.get(f"{one}/versions/2")).json()["document"] == ALERTS
        assert (await client.get(f"{one}/versions/5")).status_code == 404
        assert (await client.get(f"{one}/versions/x")).status_code == 404
        mine = sorted([world.a.guardrail, world.b.guardrail])
        assert [each["id"] for each in (await client.get(PATH)).json()["items"]] == [*mine, found["id"]]
        first = (await client.get(f"{PATH}?limit=1")).json()
        assert ([each["id"] for each in first["items"]], first["next"]) == (mine[:1], mine[0])
        assert (await client.get(f"{PATH}?cursor={found['id']}")).json() == {"items": [], "next": None}
    assert len(await acts(world)) == 4
    assert f'"guardrail:{found["id"]}:3"'.encode() in (await acts(world))[2]


async def test_a_policy_of_an_organisation_is_its_own(world: World) -> None:
    body = {"organisation_id": world.a.organisation, "name": "default", "document": BLOCKS}
    async with world.client("security_officer@a") as client:
        made = await client.post(PATH, json=body)
        assert made.status_code == 201, made.text
        assert (await client.post(PATH, json=body)).status_code == 409
        assert (await client.post(PATH, json={**body, "organisation_id": None})).status_code == 403
        assert "default" in (await client.get(f"{PATH}/names")).json()["policies"]
    assert blocks(world, "default", world.a.organisation)
    assert not blocks(world, "default", world.b.organisation)
    async with world.client("owner@all") as client:
        both = await client.post(PATH, json={"name": "default", "document": ALERTS})
        assert both.status_code == 201
        assert len((await client.get(PATH)).json()["items"]) == 4
    async with world.client("owner@a") as client:
        assert len((await client.get(PATH)).json()["items"]) == 2
        assert (await client.get(f"{PATH}/{both.json()['id']}")).status_code == 404
    assert blocks(world, "default", world.a.organisation)


async def test_rules_of_a_row_are_known_to_it_alone(world: World) -> None:
    async with world.client("owner@all") as client:
        own = {"name": "badges", "document": OWN}
        assert (await client.post(PATH, json={**own, "organisation_id": world.a.organisation})).status_code == 201
        assert (await client.post(PATH, json={**own, "organisation_id": world.b.organisation})).status_code == 201
        wild = {"name": "all", "document": {"prompt": {"ticket": "alert", "badge": "alert"}, "answer": {}}}
        assert (await client.post(PATH, json=wild)).status_code == 422
        names = (await client.get(f"{PATH}/names")).json()
    assert "badge" not in {rule["id"] for rule in names["rules"]}
    assert {"ticket", "payment_card"} <= {rule["id"] for rule in names["rules"]}
    assert {"card", "ticket"} <= set(names["kinds"])
    assert {"DE", "INT"} <= set(names["jurisdictions"])
    prompt = world.policies.policy("badges", world.a.organisation).prompt
    assert prompt is not None
    assert prompt.find([("", "badge B-1234")])[0].edits


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"prompt": {"carrd": "block"}, "answer": {}}, "prompt.carrd: no rule and no kind is called that"),
        ({"prompt": {"card": "blokc"}, "answer": {}}, "$.prompt"),
        ({"prompt": {}}, "answer"),
        ({"prompt": {}, "answer": {}, "more": 1}, "more"),
        ({"prompt": {}, "answer": {}, "rules": [{"id": "x"}]}, "$[0]"),
        ({**OWN, "rules": [{**OWN["rules"][0], "pattern": "(?=a)b"}]}, "rule badge: pattern refused"),  # type: ignore[index]  # a document of any shape
        ({**OWN, "rules": [{**OWN["rules"][0], "id": "ticket"}]}, "two are called ticket"),  # type: ignore[index]
    ],
)
async def test_what_does_not_compile_never_gets_in(world: World, document: dict[str, Any], why: str) -> None:
    async with world.client("owner@all") as client:
        refused = await client.post(PATH, json={"name": "new", "document": document})
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["field"] == "body.document"
        assert why in refused.json()["detail"]
        made = (await client.post(PATH, json={"name": "other", "document": ALERTS})).json()
        version = world.policies.version
        assert (await client.patch(f"{PATH}/{made['id']}", json={"document": document})).status_code == 422
        assert (await client.get(f"{PATH}/{made['id']}")).json()["version"] == 1
    assert world.policies.version == version
    assert world.changes == 1


async def test_a_broken_file_keeps_everything_as_it_is_and_the_state_says_so(world: World) -> None:
    async with world.client("owner@all") as client, world.client("owner@a") as tenant:
        made = (await client.post(PATH, json={"name": "default", "document": BLOCKS})).json()
        version = world.policies.version
        good = world.policies.path.read_text()
        world.policies.path.write_text("policies: {default: {prompt: {carrd: block}, answer: {}}}")
        assert not await world.policies.reload()
        state = (await client.get(f"{PATH}/state")).json()
        assert (state["version"], state["stale"], state["failed_loads"]) == (version, True, 1)
        assert "policies.default.prompt.carrd" in state["failure"]
        assert state["file"] == str(world.policies.path)
        told = (await tenant.get(f"{PATH}/state")).json()
        assert (told["stale"], told["failure"], told["file"]) == (True, None, None)
        refused = await client.patch(f"{PATH}/{made['id']}", json={"document": ALERTS})
        assert refused.status_code == 409
        assert blocks(world, "default")
        world.policies.path.write_text(good)
        assert await world.policies.reload()
        state = (await client.get(f"{PATH}/state")).json()
        assert (state["version"], state["stale"], state["failure"]) == (version, False, None)


async def test_a_policy_that_a_use_case_needs_stays(world: World) -> None:
    async with world.client("owner@all") as client:
        made = (await client.post(PATH, json={"name": "needed", "document": BLOCKS})).json()
        case = f"/api/v1/use-cases/{world.a.use_case}"
        assert (await client.patch(case, json={"guardrail": "needed"})).status_code == 200
        assert (await client.post(f"{PATH}/{made['id']}/deactivate", json={})).status_code == 409
        own = {"organisation_id": world.a.organisation, "name": "needed", "document": ALERTS}
        mine = (await client.post(PATH, json=own)).json()
        assert (await client.post(f"{PATH}/{made['id']}/deactivate", json={})).status_code == 200
        assert (await client.post(f"{PATH}/{mine['id']}/deactivate", json={})).status_code == 409
        assert (await client.patch(case, json={"guardrail": "default"})).status_code == 200
        assert (await client.post(f"{PATH}/{mine['id']}/deactivate", json={})).status_code == 200
    with pytest.raises(UnknownPolicy):
        world.policies.policy("needed", world.a.organisation)
