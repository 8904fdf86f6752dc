"""Reading the audit log."""

import pytest

from sluicegate.audit import entry as entries
from sluicegate.audit.checkpoint import Verifier
from sluicegate.audit.log import AuditLog
from sluicegate.core.ids import new_id
from tests.support.administration import World

PATH = "/api/v1/audit/entries"


async def fill(world: World, number: int = 5) -> list[str]:
    """Outcome entries for both tenants, in turn; their exchange ids."""
    log = world.context.log
    assert isinstance(log, AuditLog)
    ids = [new_id() for _ in range(number)]
    for place, id in enumerate(ids):
        within = (world.a if place % 2 == 0 else world.b).organisation
        reason = "prompt_blocked" if place == 0 else "allowed"
        entry = entries.Entry(
            at_ns=0, kind="refusal", exchange=id, organisation=within, reason=reason, outcome="refused", v=1
        )
        await log.append(entry)
    return ids


async def test_newest_first_in_pages(world: World) -> None:
    ids = await fill(world)
    async with world.client("auditor@all") as client:
        seen: list[str] = []
        query = ""
        while True:
            page = (await client.get(f"{PATH}?limit=2&kind=refusal{query}")).json()
            seen += [item["exchange_id"] for item in page["items"]]
            if page["next"] is None:
                break
            query = f"&cursor={page['next']}"
    assert seen == ids[::-1]


async def test_filters(world: World) -> None:
    ids = await fill(world)
    async with world.client("auditor@all") as client:

        async def found(query: str) -> list[str]:
            answer = await client.get(f"{PATH}?{query}")
            assert answer.status_code == 200, answer.text
            return [item["exchange_id"] for item in answer.json()["items"]]

        assert await found(f"exchange={ids[1]}") == [ids[1]]
        assert await found("reason=prompt_blocked") == [ids[0]]
        assert await found(f"organisation={world.b.organisation}") == [ids[3], ids[1]]
        assert await found("kind=intent") == []
        assert await found("kind=refusal&since=2000-01-01T00:00:00Z&until=2001-01-01T00:00:00Z") == []
        assert await found("kind=refusal&since=2001-01-01T00:00:00Z") == ids[::-1]


@pytest.mark.parametrize(
    "query", ["kind=x", "exchange=1'", "reason=A%20B", "since=yesterday", "since=2020-01-01T00:00:00", "cursor=-1"]
)
async def test_filters_are_data(world: World, query: str) -> None:
    async with world.client("auditor@all") as client:
        assert (await client.get(f"{PATH}?{query}")).status_code == 422


async def test_a_tenant_sees_its_own(world: World) -> None:
    ids = await fill(world)
    async with world.client("auditor@a") as client:
        items = (await client.get(PATH)).json()["items"]
        assert [item["exchange_id"] for item in items] == ids[::2][::-1]
        assert (await client.get(f"{PATH}?exchange={ids[1]}")).json()["items"] == []
        assert (await client.get(f"{PATH}?organisation={world.b.organisation}")).json()["items"] == []


async def test_checkpoints_verify_with_the_public_key(world: World) -> None:
    await fill(world)
    log = world.context.log
    assert isinstance(log, AuditLog)
    async with world.client("security_officer@all") as client:
        key = (await client.get("/api/v1/audit/public-key")).json()["verifier_key"]
        items = (await client.get("/api/v1/audit/checkpoints")).json()["items"]
        assert items
        for item in items:
            assert Verifier.parse(key).open(item["note"]).size == item["size"]
        older = (await client.get(f"/api/v1/audit/checkpoints?cursor={items[-1]['size']}")).json()
    assert older == {"items": [], "next": None}
