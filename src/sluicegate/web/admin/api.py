"""The admin API as one ASGI application. Its routes carry their whole path, so it is served without a prefix of its own."""

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sluicegate import __version__
from sluicegate.web.admin import problems
from sluicegate.web.admin.audit import AuditRoutes
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.deployments import DeploymentRoutes
from sluicegate.web.admin.guarded import check, route_class
from sluicegate.web.admin.guardrails import GuardrailRoutes
from sluicegate.web.admin.health import HealthRoutes
from sluicegate.web.admin.keys import KeyRoutes
from sluicegate.web.admin.playground import PlaygroundRoutes
from sluicegate.web.admin.providers import ProviderRoutes
from sluicegate.web.admin.routing import RoutingRoutes
from sluicegate.web.admin.session import SessionRoutes
from sluicegate.web.admin.teams import TeamRoutes
from sluicegate.web.admin.use_cases import UseCaseRoutes

RESOURCES = (
    SessionRoutes,
    TeamRoutes,
    UseCaseRoutes,
    KeyRoutes,
    ProviderRoutes,
    DeploymentRoutes,
    RoutingRoutes,
    PlaygroundRoutes,
    GuardrailRoutes,
    AuditRoutes,
    HealthRoutes,
)
HEADERS = [(name.encode(), value.encode()) for name, value in problems.HEADERS.items()]
DESCRIPTION = """Administer an installation. Log in at `/api/v1/session`; send the token as `Authorization: Bearer`.
Errors are RFC 9457 problem documents; `errors` names each field that is wrong."""


class SecurityHeaders:
    """Puts the security headers on every answer that does not carry them already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in HEADERS if pair[0] not in present)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def create(context: AdminContext) -> FastAPI:
    """The application. Raises UndeclaredRoute for a route that `web/routes.py` does not declare."""
    app = FastAPI(
        title="Sluicegate",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.router.route_class = route_class(context)
    app.add_middleware(SecurityHeaders)
    problems.install(app)
    for resource in RESOURCES:
        resource(context).register(app)

    async def openapi() -> dict[str, Any]:
        """This description."""
        return app.openapi()

    app.add_api_route("/api/v1/openapi.json", openapi, methods=["GET"], include_in_schema=False)
    check(app)
    return app
