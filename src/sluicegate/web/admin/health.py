"""What a load balancer asks: does the process answer, and may it be sent requests?"""

from fastapi import FastAPI

from sluicegate.web.admin import models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.problems import Problem


class HealthRoutes:
    """Open to everybody; they tell a state and nothing else."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_api_route("/api/v1/health", self.health, methods=["GET"], response_model=models.Health)
        app.add_api_route("/api/v1/ready", self.ready, methods=["GET"], response_model=models.Health)

    async def health(self) -> models.Health:
        """The process answers."""
        return models.Health(status="ok")

    async def ready(self) -> models.Health:
        """The gateway takes requests; 503 with the reason while it does not."""
        reason = await self._context.ready()
        if reason is not None:
            raise Problem(503, reason, headers={"retry-after": "1"})
        return models.Health(status="ok")
