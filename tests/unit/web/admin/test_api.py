"""The application as a whole: what every answer carries, and that the table of routes is the truth."""

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from sluicegate.web.admin.api import create
from sluicegate.web.admin.guarded import check
from sluicegate.web.routes import ROUTES, UndeclaredRoute
from tests.support.administration import World


async def test_serves_every_declared_route(world: World) -> None:
    routes = [route for route in world.app.routes if isinstance(route, APIRoute)]
    served = {(method, route.path) for route in routes for method in route.methods or ()}
    assert served == {(route.method, route.path) for route in ROUTES if route.path.startswith("/api/v1/")}


async def test_a_route_that_is_not_declared_cannot_be_registered(world: World) -> None:
    async def secret() -> None: ...

    with pytest.raises(UndeclaredRoute, match="GET /api/v1/secret"):
        world.app.add_api_route("/api/v1/secret", secret)
    with pytest.raises(UndeclaredRoute):
        world.app.get("/api/v1/teams/{id}/secret")(secret)
    foreign = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    foreign.add_api_route("/api/v1/teams", secret)
    with pytest.raises(UndeclaredRoute):
        check(foreign)
    with pytest.raises(UndeclaredRoute):
        check(FastAPI())


async def test_describes_itself(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/api/v1/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    assert "/api/v1/keys/{id}/rotate" in answer.json()["paths"]


@pytest.mark.parametrize("path", ["/api/v1/health", "/api/v1/teams", "/api/v1/nothing", "/docs", "/api/v1/session/"])
@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD"])
async def test_every_answer_carries_the_security_headers(world: World, path: str, method: str) -> None:
    async with world.client() as client:
        answer = await client.request(method, path, headers={"origin": "https://evil.example"})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert not any(name.startswith("access-control-") for name in answer.headers)
    assert "set-cookie" not in answer.headers
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


async def test_can_be_made_twice(world: World) -> None:
    assert create(world.context) is not world.app
