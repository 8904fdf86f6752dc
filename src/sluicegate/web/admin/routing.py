"""Routing, explained: where a use case's requests for a model may go, and in which order."""

from typing import Annotated

import msgspec
from fastapi import FastAPI, Query
from pydantic import BaseModel
from sqlalchemy import Connection

from sluicegate.core.identity import UseCase
from sluicegate.identity.use_cases import use_case
from sluicegate.store import tables
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.models import Id
from sluicegate.web.admin.problems import Problem
from sluicegate.web.admin.reach import Record, find


class Score(BaseModel):
    """How a target stands among those that may be called; less is better."""

    points: float
    failures: float
    first_event: float | None
    price: int


class RouteTarget(BaseModel):
    """One target of a model."""

    deployment: str
    circuit: str
    provider: str
    place: str
    region: str
    order: int
    weight: int
    refused: str
    state: str
    wait: float
    score: Score | None


class RouteExplained(BaseModel):
    """Every target of a model, in the order in which they are tried but for what is drawn."""

    model: str
    strategy: str
    targets: list[RouteTarget]


class RoutingRoutes:
    """Explains routes."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the route."""
        app.add_api_route("/api/v1/routing/explain", self.explain, methods=["GET"], response_model=RouteExplained)

    async def explain(
        self,
        caller: Current,
        use_case_id: Id,
        model: Annotated[str, Query(min_length=1, max_length=256)],
        on_prem_only: bool = False,
    ) -> Record:
        """Where this use case's requests for a model go, and why; `on_prem_only` as after a finding that reroutes."""

        def read(connection: Connection) -> UseCase:
            return use_case(find(connection, tables.use_case, use_case_id, caller))

        binding = await self._context.database.read(read)
        name = binding.aliases.get(model, model)
        found = self._context.explain(name, binding, on_prem_only)
        if found is None:
            raise Problem(404, "There is no model of this name.", field="query.model")
        return {
            "model": found.model,
            "strategy": found.strategy.value,
            "targets": [msgspec.structs.asdict(one) | {"score": one.score and one.score._asdict()} for one in found.targets],
        }
