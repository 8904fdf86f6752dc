"""The table of routes: nothing outside it, and the same in the documentation."""

import re
from pathlib import Path

import pytest

from sluicegate.web.routes import ROUTES, UndeclaredRoute, declared

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"


def test_a_route_is_found_by_method_and_path() -> None:
    for route in ROUTES:
        assert declared(route.method, route.path) is route


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "get", "GET+POST", "*"])
def test_nothing_else_is(method: str) -> None:
    with pytest.raises(UndeclaredRoute):
        declared(method, "/api/v1/teams")
    with pytest.raises(UndeclaredRoute):
        declared("GET", "/api/v1/team")


def test_the_document_says_the_same() -> None:
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if re.match(r"\| `[A-Z]+ /", line)]
    written = [tuple(cell.strip().strip("`") for cell in line.strip("|").split("|")) for line in lines]
    assert written == [
        (f"{route.method} {route.path}", route.authentication.value, route.authorisation, route.tenant_scope.value)
        for route in ROUTES
    ]
