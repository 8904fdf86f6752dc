"""The tenant scope: what belongs to another organisation does not exist, by whatever route it is asked for."""

from typing import Any

import pytest
from sqlalchemy import Connection

from sluicegate.store import tables
from sluicegate.web.routes import ROUTES, Authentication, Route, TenantScope
from tests.support.administration import Tenant, World

BY_ID = [
    route
    for route in ROUTES
    if route.authentication is Authentication.SESSION
    and route.tenant_scope is TenantScope.ORGANISATION
    and "{id}" in route.path
]
LISTS = {
    "organisations": "organisation",
    "teams": "team",
    "use-cases": "use_case",
    "keys": "key_id",
    "guardrails": "guardrail",
}
BODIES = {
    "teams": {"budgets": [{"period": "day", "tokens": 1}]},
    "use-cases": {"purpose": "taken over"},
    "keys": {},
    "guardrails": {"document": {"prompt": {}, "answer": {}}},
    "revert": {"version": 1},
    "deactivate": {},
}


def ids(tenant: Tenant) -> list[str]:
    return [tenant.organisation, tenant.team, tenant.use_case, tenant.key_id]


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", BY_ID, ids=label)
async def test_every_id_of_another_tenant_on_every_route(world: World, route: Route) -> None:
    """The same answer for another's object as for none at all; `owner@a` holds every permission."""
    strange = ["0" * 32, "f" * 32, "1", "' OR 1=1 --", "%00", "..%2f..%2fteams", "a" * 10_000, "*", "%F0%9F%92%A9"]
    answers = set()
    async with world.client("owner@a") as client:
        for id in (*ids(world.b), *strange):
            path = route.path.replace("{id}", id).replace("{version}", "1")
            kind, *_, last = route.path.split("/")[3:]
            body = BODIES.get(last, BODIES.get(kind, {})) if route.method in ("POST", "PATCH") else None
            answer = await client.request(route.method, path, json=body)
            assert answer.status_code == 404, f"{id}: {answer.text}"
            if "/" not in id and "%2f" not in id:
                answers.add(answer.text)
    assert len(answers) == 1
    assert world.changes == 0


@pytest.mark.parametrize("kind", LISTS)
async def test_lists_show_the_own_tenant_alone(world: World, kind: str) -> None:
    mine, others = getattr(world.a, LISTS[kind]), getattr(world.b, LISTS[kind])
    async with world.client("owner@a") as client:
        for query in ("", "?limit=500", "?cursor=0", f"?cursor={'0' * 32}"):
            items = (await client.get(f"/api/v1/{kind}{query}")).json()["items"]
            assert [item["id"] for item in items] == [mine]
        filtered = {"use-cases": f"?team_id={world.b.team}", "keys": f"?use_case_id={world.b.use_case}"}
        if kind in filtered:
            assert (await client.get(f"/api/v1/{kind}{filtered[kind]}")).json()["items"] == []
    async with world.client("owner@all") as client:
        found = {item["id"] for item in (await client.get(f"/api/v1/{kind}")).json()["items"]}
    assert found == {mine, others}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("teams", {"organisation_id": "organisation", "name": "x"}),
        ("use-cases", {"team_id": "team", "name": "x", "purpose": "x"}),
        ("keys", {"use_case_id": "use_case", "name": "x", "principal": "user:x"}),
        ("guardrails", {"organisation_id": "organisation", "name": "x", "document": {"prompt": {}, "answer": {}}}),
    ],
)
async def test_nothing_is_made_inside_another_tenant(world: World, path: str, body: dict[str, Any]) -> None:
    sent = {name: getattr(world.b, value, value) if name.endswith("_id") else value for name, value in body.items()}
    async with world.client("owner@a") as client:
        assert (await client.post(f"/api/v1/{path}", json=sent)).status_code == 404
    assert world.changes == 0


async def test_pages_lead_through_everything_once(world: World) -> None:
    async with world.client("owner@all") as client:
        for number in range(7):
            body = {"organisation_id": world.a.organisation, "name": f"t{number}"}
            assert (await client.post("/api/v1/teams", json=body)).status_code == 201
        seen, query = [], "?limit=2"
        while True:
            page = (await client.get(f"/api/v1/teams{query}")).json()
            assert len(page["items"]) <= 2
            seen += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            query = f"?limit=2&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == 9


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=%00", "cursor=" + "a" * 300, "team_id=%27"])
async def test_a_page_that_cannot_be(world: World, query: str) -> None:
    async with world.client("owner@a") as client:
        assert (await client.get(f"/api/v1/use-cases?{query}")).status_code == 422


@pytest.mark.parametrize("origin", ["file", "retired"])
async def test_what_the_file_declares_is_read_only(world: World, origin: str) -> None:
    def own(connection: Connection) -> None:
        for table in (tables.team, tables.use_case, tables.virtual_key, tables.provider, tables.deployment):
            connection.execute(table.update().values(origin=origin))

    await world.context.writer.write(own)
    asked = [
        ("PATCH", f"teams/{world.a.team}", {}),
        ("PATCH", f"use-cases/{world.a.use_case}", {"purpose": "x"}),
        ("POST", f"keys/{world.a.key_id}/revoke", None),
        ("POST", f"keys/{world.a.key_id}/rotate", None),
        ("PATCH", "providers/local", {}),
        ("DELETE", "providers/local", None),
        ("PATCH", "deployments/small", {}),
        ("DELETE", "deployments/small", None),
    ]
    async with world.client("owner@all") as client:
        for method, path, body in asked:
            answer = await client.request(method, f"/api/v1/{path}", json=body)
            assert answer.status_code == 409, path
            assert "settings file" in answer.json()["detail"]
        assert (await client.get("/api/v1/deployments/small")).json()["origin"] == origin
    assert world.changes == 0
