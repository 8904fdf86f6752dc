"""Errors of the admin API: RFC 9457 problem details, and never a word of what the caller sent."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sluicegate.core.errors import GatewayError
from sluicegate.store.database import DatabaseBusy

MEDIA_TYPE = "application/problem+json"
HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""On every answer of the admin API."""


class Problem(Exception):
    """An answer that is an error. `field` names the part of the request that is wrong (`body.name`)."""

    def __init__(
        self, status: int, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = [] if field is None else [{"field": field, "message": detail}]
        self.headers = headers or {}


def not_found() -> Problem:
    """What a caller is told of an object that does not exist, and of one that belongs to somebody else."""
    return Problem(404, "There is no such object.")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(GatewayError, _gateway)
    app.add_exception_handler(DatabaseBusy, _busy)
    app.add_exception_handler(Exception, _broken)


def _answer(
    status: int, detail: str, errors: list[dict[str, str]], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        document["errors"] = errors
    return JSONResponse(document, status, {**HEADERS, **(headers or {})}, MEDIA_TYPE)


def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return _answer(error.status, error.detail, error.errors, error.headers)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """400 for a body that is no JSON, 422 for fields that are missing, unknown or wrong."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return _answer(400, "The body is not JSON.", [])
    errors = [{"field": ".".join(str(part) for part in one["loc"]), "message": _message(one)} for one in found]
    return _answer(422, f"{errors[0]['field']}: {errors[0]['message']}", errors)


def _message(error: Mapping[str, Any]) -> str:
    return "unknown field" if error["type"] == "extra_forbidden" else str(error["msg"])


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, f"{HTTPStatus(error.status_code).phrase}.", [], error.headers)


def _gateway(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GatewayError)
    return _answer(error.status, error.message, [], error.headers)


def _busy(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(503, "Too many requests are waiting for the database.", [], {"retry-after": "1"})


def _broken(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(500, "The request could not be carried out; the log says why.", [])
