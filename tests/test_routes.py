"""Every HTTP route declares what it asks of a caller, and the running gateway serves exactly the declared ones."""

import ast
import re
from pathlib import Path

import httpx
import pytest

from sluicegate.identity.roles import Permission
from sluicegate.mounted import surfaces
from sluicegate.web.routes import PUBLIC, ROUTES, USE_CASE, Authentication, Route, TenantScope
from tests.support import gateway

SOURCE = Path(__file__).parents[1] / "src" / "sluicegate"
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}

OPEN = {
    ("GET", "/metrics"): "bound to callers on this machine, or to a bearer token",
    ("GET", "/api/v1/health"): "a load balancer asks it",
    ("GET", "/api/v1/ready"): "a load balancer asks it",
    ("GET", "/api/v1/openapi.json"): "describes the API, holds no data",
    ("POST", "/api/v1/session"): "the login itself",
}
"""The routes that need no credential of a caller who is known, and why."""

ROUTE_LIKE = re.compile(r"^/(k|v1|v1beta|api|openai|anthropic|gemini|metrics)(/|$)")
BY_KEY = "/k/{key}/{surface:path}"
"""Every surface once more, with the key in its path."""


def key(route: Route) -> tuple[str, str]:
    """What tells routes apart."""
    return route.method, route.path


def label(route: Route) -> str:
    """A route in a test's name."""
    return f"{route.method} {route.path}"


def concrete(path: str) -> str:
    """A path with something in each of its parameters."""
    return re.sub(r"\{[^}]*\}", "nothing", path)


def test_a_route_is_declared_once() -> None:
    assert len({key(route) for route in ROUTES}) == len(ROUTES)


def test_open_routes_are_named_here() -> None:
    """A new route without authentication fails until somebody writes down why it needs none."""
    open_routes = {key(route) for route in ROUTES if route.authentication in (Authentication.NONE, Authentication.PASSWORD)}
    assert open_routes == OPEN.keys()


@pytest.mark.parametrize("route", ROUTES, ids=label)
def test_a_route_says_what_it_asks(route: Route) -> None:
    assert route.method in METHODS
    if key(route) in OPEN:
        assert (route.authorisation, route.tenant_scope) == (PUBLIC, TenantScope.NONE)
    elif route.authentication is Authentication.VIRTUAL_KEY:
        assert (route.authorisation, route.tenant_scope) == (USE_CASE, TenantScope.KEY)
    else:
        assert route.authentication is Authentication.SESSION
        assert Permission(route.authorisation)
        assert route.tenant_scope in (TenantScope.ORGANISATION, TenantScope.INSTALLATION, TenantScope.SHARED)


def test_the_surfaces_are_the_declared_ones() -> None:
    declared = [key(r) for r in ROUTES if r.authentication is Authentication.VIRTUAL_KEY and r.path != BY_KEY]
    mounted = [(surface.method, surface.path) for surface in surfaces()]
    assert sorted(mounted) == sorted(declared)
    assert {method for method, _ in mounted} <= {r.method for r in ROUTES if r.path == BY_KEY}


def test_no_path_stands_in_the_code_undeclared() -> None:
    """Beside what runs below: a path written in web/ or app.py that the table does not know would be a route of its own."""
    declared = {route.path for route in ROUTES}
    files = [*(SOURCE / "web").rglob("*.py"), SOURCE / "app.py", SOURCE / "mounted.py"]
    written = {
        (path.relative_to(SOURCE).as_posix(), node.value)
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ROUTE_LIKE.match(node.value)
    }
    prefixes = {"/api/", "/api/v1", "/api/v1/", "/openai", "/anthropic", "/gemini", "/v1", "/v1/", "/k/"}
    unknown = {
        (name, path) for name, path in written if path not in declared | prefixes and not path.startswith("/api/v1/{")
    }
    assert unknown == set(), "declare these in web/routes.py"


async def test_the_gateway_serves_what_is_declared_and_nothing_else(tmp_path: Path) -> None:
    """Without a credential: a declared route asks for one, and everything else is not there."""
    async with gateway.running(tmp_path) as running, httpx.AsyncClient(base_url=running.url) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
        documented = {(method.upper(), path) for path, found in document["paths"].items() for method in found}
        admin = {(r.method, r.path.replace(":path}", "}")) for r in ROUTES if r.path.startswith("/api/")}
        assert documented - admin == set(), "registered and not declared"
        assert admin - documented <= {("GET", "/api/v1/openapi.json")}, "declared and not registered"
        for route in ROUTES:
            if route.path == BY_KEY:
                paths = {surface.path for surface in surfaces() if surface.method == route.method}
                for path in (f"/k/nothing{concrete(path)}" for path in paths):
                    answer = await client.request(route.method, path, json={})
                    assert answer.status_code == 403, f"{path}: {answer.status_code} {answer.text}"
                answer = await client.request(route.method, "/k/nothing/nothing", json={})
                assert answer.status_code == 404, f"{label(route)}: {answer.status_code} {answer.text}"
            elif key(route) not in OPEN:
                answer = await client.request(route.method, concrete(route.path), json={})
                assert answer.status_code == 401, f"{label(route)}: {answer.status_code} {answer.text}"
        for path in {route.path for route in ROUTES}:
            for method in METHODS - {route.method for route in ROUTES if route.path == path}:
                answer = await client.request(method, concrete(path), json={})
                assert answer.status_code in (401, 404, 405), f"{method} {path}: {answer.status_code}"
        for path in ("/docs", "/redoc", "/openapi.json", "/v1", "/api", "/api/v1", "/debug", "/k", "/k/nothing"):
            answer = await client.get(path)
            assert answer.status_code == 404, f"{path}: {answer.status_code}"
