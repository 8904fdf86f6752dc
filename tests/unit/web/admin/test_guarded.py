"""Every route × every role: the matrix is generated from the two tables, and no other way in exists."""

from typing import Any

import pytest

from sluicegate.identity.keys import mint, mint_session
from sluicegate.identity.roles import PERMITTED, Permission, Role
from sluicegate.web.admin.guarded import MAX_BODY_BYTES
from sluicegate.web.routes import ROUTES, Authentication, Route, TenantScope
from tests.support.administration import World

SESSION = [route for route in ROUTES if route.authentication is Authentication.SESSION]


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


def address(route: Route, world: World) -> str:
    """The route's path for an object of tenant a."""
    ids = {
        "organisations": world.a.organisation,
        "teams": world.a.team,
        "use-cases": world.a.use_case,
        "keys": world.a.key_id,
        "guardrails": world.a.guardrail,
    }
    kind = route.path.split("/")[3]
    return (
        route.path.replace("{id}", ids.get(kind, ""))
        .replace("{version}", "1")
        .replace("{name:path}", "small" if kind == "deployments" else "local")
    )


@pytest.mark.parametrize("route", SESSION, ids=label)
async def test_matrix(world: World, route: Route) -> None:
    """With a body that is never valid, whoever passes gets 2xx, 409 or 422, and whoever does not gets 403."""
    permitted = PERMITTED[Permission(route.authorisation)]
    for role in Role:
        for within in ("a", "all"):
            user = f"{role}@{within}"
            async with world.client(user) as client:
                body: Any = [] if route.method in ("POST", "PATCH") else None
                answer = await client.request(route.method, address(route, world), json=body)
            allowed = role in permitted and (within == "all" or route.tenant_scope is not TenantScope.INSTALLATION)
            assert (answer.status_code != 403) == allowed, f"{user}: {answer.status_code} {answer.text}"
            assert answer.status_code < 500
            assert answer.status_code != 404 or route.method == "DELETE"  # another role removed it


@pytest.mark.parametrize("route", SESSION, ids=label)
async def test_nothing_but_a_session_opens_a_route(world: World, route: Route) -> None:
    path = address(route, world)
    wrong = {
        "nothing": {},
        "empty": {"authorization": "Bearer "},
        "basic": {"authorization": "Basic YTpi"},
        "a virtual key": {"authorization": f"Bearer {world.a.key}"},
        "a virtual key as x-api-key": {"x-api-key": world.a.key},
        "an unknown session": {"authorization": f"Bearer {mint_session()}"},
        "an unknown key": {"authorization": f"Bearer {mint()}"},
        "a session where none belongs": {"x-api-key": world.tokens["owner@all"]},
        "a cookie": {"cookie": f"session={world.tokens['owner@all']}"},
        "a trailing space": {"authorization": f"Bearer  {world.tokens['owner@all']}"},
        "its digest": {"authorization": "Bearer " + "ab" * 32},
    }
    async with world.client() as client:
        for name, headers in wrong.items():
            answer = await client.request(route.method, path, headers=headers, content=b"not even json")
            assert answer.status_code == 401, name
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/api/v1/teamsx", "/api/v1/teams/", "/api/v1/TEAMS", "/api/v1//teams", "/api/v1/keys/x/revoked"]
)
async def test_routes_match_exactly(world: World, path: str) -> None:
    async with world.client("owner@all") as client:
        answer = await client.get(path)
    assert answer.status_code == 404


async def test_an_unknown_role_may_do_nothing(world: World) -> None:
    def add(connection: Any) -> None:
        world.add_user(connection, "nobody", "superuser", None, "")

    await world.context.writer.write(add)
    async with world.client("nobody") as client:
        assert (await client.get("/api/v1/teams")).status_code == 403
        assert (await client.get("/api/v1/session")).status_code == 403


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonp"]
)
async def test_takes_json_alone(world: World, media_type: str) -> None:
    async with world.client("owner@all") as client:
        answer = await client.post("/api/v1/organisations", content=b'{"name": "c"}', headers={"content-type": media_type})
    assert answer.status_code == 415


async def test_the_body_is_bounded(world: World) -> None:
    async with world.client("owner@all") as client:
        answer = await client.post(
            "/api/v1/organisations", content=b" " * (MAX_BODY_BYTES + 1), headers={"content-type": "application/json"}
        )
        assert answer.status_code == 413
        deep = b"[" * (MAX_BODY_BYTES // 2)
        answer = await client.post("/api/v1/organisations", content=deep, headers={"content-type": "application/json"})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"name": "x", "name": "y"}', "body.name"),
        ('{"name": "x", "na\\u006de": "y"}', "body.name"),
        ('{"a": [{"": 1, "": 2}]}', "body"),
        ('[{"two words": 1, "two words": 1}]', "body"),
    ],
)
async def test_no_key_stands_twice(world: World, body: str, field: str) -> None:
    async with world.client("owner@all") as client:
        answer = await client.post("/api/v1/teams", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": field, "message": "A key stands twice in one object."}]


async def test_using_a_session_keeps_it_alive(world: World) -> None:
    async with world.client("viewer@a") as client:
        for _ in range(3):
            world.clock.now += world.settings.identity.session_idle_minutes * 60 - 120
            assert (await client.get("/api/v1/session")).status_code == 200
        world.clock.now += world.settings.identity.session_idle_minutes * 60 + 1
        assert (await client.get("/api/v1/session")).status_code == 401
