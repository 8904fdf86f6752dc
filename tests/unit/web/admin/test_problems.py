"""Errors as problem documents."""

import json

import httpx
from fastapi import FastAPI, Request

from sluicegate.core.errors import AuditUnavailable
from sluicegate.store.database import DatabaseBusy
from sluicegate.web.admin.problems import Problem, install, not_found
from tests.support.administration import World

SECRET = "what the caller sent"


async def test_a_field_is_named_and_never_quoted(world: World) -> None:
    async with world.client("owner@all") as client:
        answer = await client.post("/api/v1/organisations", json={"name": f"{SECRET}!", "extra": SECRET})
        assert answer.status_code == 422
        assert {error["field"] for error in answer.json()["errors"]} == {"body.name", "body.extra"}
        assert SECRET not in answer.text
        answer = await client.post("/api/v1/organisations", content=SECRET, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert SECRET not in answer.text
        answer = await client.post("/api/v1/organisations")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")


async def test_each_kind_of_error() -> None:
    app = FastAPI(openapi_url=None)
    install(app)
    found = {
        "/problem": (Problem(409, "no", field="body.x"), 409),
        "/none": (not_found(), 404),
        "/audit": (AuditUnavailable(), 503),
        "/busy": (DatabaseBusy("x"), 503),
        "/broken": (RuntimeError(SECRET), 500),
    }

    async def fail(request: Request) -> None:
        raise found[request.url.path][0]

    for path in found:
        app.add_api_route(path, fail)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        for path, (_, status) in found.items():
            answer = await client.get(path)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            document = json.loads(answer.text)
            assert {"type", "title", "status", "detail"} <= document.keys()
            assert SECRET not in answer.text
