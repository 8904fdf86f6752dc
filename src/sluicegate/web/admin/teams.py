"""Organisations and their teams."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import Connection

from sluicegate.core.ids import new_id
from sluicegate.store import tables
from sluicegate.web.admin import models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.reach import (
    Cursor,
    Limit,
    Record,
    find,
    find_writable,
    owned,
    page,
    refuse_twin,
    shown,
)

ORGANISATIONS = "/api/v1/organisations"
TEAMS = "/api/v1/teams"


class TeamRoutes:
    """Tenants, and the teams within them."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        add = app.add_api_route
        add(ORGANISATIONS, self.list_organisations, methods=["GET"], response_model=models.Organisations)
        add(ORGANISATIONS, self.create_organisation, methods=["POST"], status_code=201, response_model=models.Organisation)
        add(f"{ORGANISATIONS}/{{id}}", self.get_organisation, methods=["GET"], response_model=models.Organisation)
        add(TEAMS, self.list_teams, methods=["GET"], response_model=models.Teams)
        add(TEAMS, self.create_team, methods=["POST"], status_code=201, response_model=models.Team)
        add(f"{TEAMS}/{{id}}", self.get_team, methods=["GET"], response_model=models.Team)
        add(f"{TEAMS}/{{id}}", self.change_team, methods=["PATCH"], response_model=models.Team)

    async def list_organisations(self, caller: Current, cursor: Cursor = None, limit: Limit = 100) -> Record:
        """The organisations within the caller's reach."""
        rows, after = await self._context.database.read(
            lambda connection: page(connection, tables.organisation, caller, cursor, limit)
        )
        return {"items": [shown(row) for row in rows], "next": after}

    async def create_organisation(self, caller: Current, body: models.OrganisationNew) -> Record:
        """Make a tenant."""
        row = {"id": new_id(), "name": body.name, **owned(self._context.clock())}

        def create(connection: Connection) -> Record:
            refuse_twin(connection, tables.organisation, name=body.name)
            connection.execute(tables.organisation.insert().values(**row))
            return shown(row)

        return await self._context.change(caller, "organisation.create", f"organisation:{row['id']}", row["id"], create)

    async def get_organisation(self, caller: Current, id: str) -> Record:
        """One organisation."""
        return await self._context.database.read(lambda connection: shown(find(connection, tables.organisation, id, caller)))

    async def list_teams(self, caller: Current, cursor: Cursor = None, limit: Limit = 100) -> Record:
        """The teams within the caller's reach."""
        rows, after = await self._context.database.read(
            lambda connection: page(connection, tables.team, caller, cursor, limit)
        )
        return {"items": [shown(row) for row in rows], "next": after}

    async def create_team(self, caller: Current, body: models.TeamNew) -> Record:
        """Make a team in an organisation within the caller's reach."""
        within = body.organisation_id
        row: dict[str, Any] = {
            "id": new_id(),
            "organisation_id": within,
            "name": body.name,
            "budgets": [budget.model_dump(mode="json") for budget in body.budgets],
            **owned(self._context.clock()),
        }

        def create(connection: Connection) -> Record:
            find(connection, tables.organisation, within, caller)
            refuse_twin(connection, tables.team, organisation_id=within, name=body.name)
            connection.execute(tables.team.insert().values(**row))
            return shown(row)

        return await self._context.change(caller, "team.create", f"team:{row['id']}", within, create)

    async def get_team(self, caller: Current, id: str) -> Record:
        """One team."""
        return await self._context.database.read(lambda connection: shown(find(connection, tables.team, id, caller)))

    async def change_team(self, caller: Current, id: str, body: models.TeamChange) -> Record:
        """Change a team's budgets."""
        table = tables.team
        before = await self._context.database.read(lambda connection: find_writable(connection, table, id, caller))
        new: dict[str, Any] = {"updated_at": self._context.clock()}
        if "budgets" in body.model_fields_set:
            new["budgets"] = [budget.model_dump(mode="json") for budget in body.budgets]

        def change(connection: Connection) -> Record:
            connection.execute(table.update().where(table.c.id == id).values(**new))
            return shown(find(connection, table, id, caller))

        return await self._context.change(caller, "team.change", f"team:{id}", before["organisation_id"], change)
