"""Use cases: the binding that virtual keys carry. Every change is a new version."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import Connection

from sluicegate.core.ids import new_id
from sluicegate.objects import OWN_AND_PROMPT
from sluicegate.store import tables
from sluicegate.web.admin import models, use_case_models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.problems import Problem
from sluicegate.web.admin.reach import Cursor, Limit, Record, find, find_writable, owned, page, refuse_twin, shown

PATH = "/api/v1/use-cases"


class UseCaseRoutes:
    """Use cases of the caller's organisation."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        add = app.add_api_route
        add(PATH, self.list, methods=["GET"], response_model=use_case_models.UseCases)
        add(PATH, self.create, methods=["POST"], status_code=201, response_model=use_case_models.UseCase)
        add(f"{PATH}/{{id}}", self.get, methods=["GET"], response_model=use_case_models.UseCase)
        add(f"{PATH}/{{id}}", self.change, methods=["PATCH"], response_model=use_case_models.UseCase)

    async def list(
        self, caller: Current, cursor: Cursor = None, limit: Limit = 100, team_id: models.Id | None = None
    ) -> Record:
        """The use cases within the caller's reach, optionally of one team."""
        rows, after = await self._context.database.read(
            lambda connection: page(connection, tables.use_case, caller, cursor, limit, team_id=team_id)
        )
        return {"items": [shown(row) for row in rows], "next": after}

    async def create(self, caller: Current, body: use_case_models.UseCaseNew) -> Record:
        """Make a use case, at version 1, for a team within the caller's reach."""
        context = self._context
        _check_compatible(body.own_credentials, body.system_prompt)
        team = await context.database.read(lambda connection: find(connection, tables.team, body.team_id, caller))
        row: dict[str, Any] = {
            **_stored(body, set(use_case_models.UseCaseNew.model_fields)),
            "id": new_id(),
            "organisation_id": team["organisation_id"],
            "version": 1,
            **owned(context.clock()),
        }

        def create(connection: Connection) -> Record:
            refuse_twin(connection, tables.use_case, organisation_id=row["organisation_id"], name=body.name)
            connection.execute(tables.use_case.insert().values(**row))
            return shown(row)

        return await context.change(caller, "use_case.create", f"use_case:{row['id']}", row["organisation_id"], create)

    async def get(self, caller: Current, id: str) -> Record:
        """One use case."""
        return await self._context.database.read(lambda connection: shown(find(connection, tables.use_case, id, caller)))

    async def change(self, caller: Current, id: str, body: use_case_models.UseCaseChange) -> Record:
        """Change the fields that are sent: a new version, which every key of the use case follows at once."""
        context, table = self._context, tables.use_case
        before = await context.database.read(lambda connection: find_writable(connection, table, id, caller))
        new = _stored(body, set(body.model_fields_set))
        if not new:
            raise Problem(422, "Send at least one field to change.", field="body")
        after = {**before, **new}
        _check_compatible(after["own_credentials"], after["system_prompt"])

        def change(connection: Connection) -> Record:
            values = {**new, "version": table.c.version + 1, "updated_at": context.clock()}
            connection.execute(table.update().where(table.c.id == id).values(**values))
            return shown(find(connection, table, id, caller))

        return await context.change(caller, "use_case.change", f"use_case:{id}", before["organisation_id"], change)


def _check_compatible(own_credentials: bool, system_prompt: str | None) -> None:
    """Raises Problem where a use case would have both."""
    if own_credentials and system_prompt is not None:
        raise Problem(422, f"{OWN_AND_PROMPT}.", field="body.own_credentials")


def _stored(body: use_case_models.UseCaseChange, fields: set[str]) -> dict[str, Any]:
    values = body.model_dump(mode="json", include=fields)
    if "features" in values:
        values["features"] = sorted(values["features"])
    return values
