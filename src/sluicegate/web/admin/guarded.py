"""A route of the admin API that enforces its own declaration before it reads a body.

In order: the session, the role's permission, the tenant scope, the media type, the size. The declaration is looked up when
the route is made, so that one which `web/routes.py` does not list cannot be registered, by whatever way it is added.
"""

import json
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute

from sluicegate.core.names import NAME
from sluicegate.identity.credentials import bearer
from sluicegate.identity.roles import Permission, permits
from sluicegate.identity.sessions import Caller
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.problems import Problem
from sluicegate.web.routes import Authentication, Route, TenantScope, UndeclaredRoute, declared

MAX_BODY_BYTES = 1024 * 1024
WITH_BODY = frozenset({"POST", "PATCH", "PUT"})

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route_class(context: AdminContext) -> type[APIRoute]:
    """The class of every route of an app that serves `context`."""

    class Guarded(APIRoute):
        """Enforces the declaration of its method and path."""

        def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
            methods = options.get("methods") or ["GET"]
            self.declaration = declared("+".join(sorted(methods)), path)
            super().__init__(path, endpoint, **options)

        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                await _authorise(context, self.declaration, request)
                if self.declaration.method in WITH_BODY:
                    request = await _bounded(request)
                return await handler(request)

            return guarded

    return Guarded


def check(app: FastAPI) -> None:
    """Walk every registered route; raises UndeclaredRoute naming one that does not enforce a declaration."""
    for route in app.routes:
        found = getattr(route, "declaration", None)
        if not isinstance(found, Route) or found is not declared(found.method, getattr(route, "path", "")):
            raise UndeclaredRoute(f"{route!r} enforces no declaration")


def _current(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


Current = Annotated[Caller, Depends(_current)]
"""The caller of a route that asks for a session."""


async def _authorise(context: AdminContext, route: Route, request: Request) -> None:
    """Let the request through as its route declares. Raises Problem: 401 without a valid session, 403 without the right."""
    if route.authentication in (Authentication.NONE, Authentication.PASSWORD):
        return
    token = bearer(request.headers)
    caller = await context.database.read(lambda connection: context.sessions.find(connection, token)) if token else None
    if caller is None:
        raise Problem(
            401, "Log in: send a session token as `Authorization: Bearer`.", headers={"www-authenticate": "Bearer"}
        )
    if route.authentication is not Authentication.SESSION or not permits(caller.role, Permission(route.authorisation)):
        raise Problem(403, "Your role does not permit this.")
    if route.tenant_scope is TenantScope.INSTALLATION and caller.organisation is not None:
        raise Problem(403, "Only administrators of the installation may do this.")
    if caller.stale:
        await context.writer.write(lambda connection: context.sessions.touch(connection, caller.session))
    request.state.caller = caller


async def _bounded(request: Request) -> Request:
    """The request with its JSON body read, at most MAX_BODY_BYTES of it, and no key twice. Raises Problem: 415, 413, 400."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Problem(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        raise Problem(415, "Send the body as `application/json`.")
    with suppress(ValueError, RecursionError):  # what is no JSON is refused where it is needed
        json.loads(bytes(body), object_pairs_hook=_no_key_twice, parse_int=str, parse_float=str)
    return Request(request.scope, _once(bytes(body)))


def _no_key_twice(pairs: list[tuple[str, Any]]) -> None:
    """Raises Problem for an object with a key that stands twice, which is told where it reads as a name."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            field = f"body.{key}" if NAME.fullmatch(key) else "body"
            raise Problem(400, "A key stands twice in one object.", field=field)
        seen.add(key)


def _once(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
