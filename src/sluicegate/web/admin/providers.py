"""Providers: addresses and references to credentials. They belong to the installation, not to a tenant."""

from typing import Any

from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy import Connection, select

from sluicegate.objects import ProviderSpec
from sluicegate.settings import SettingsError
from sluicegate.store import tables
from sluicegate.web.admin import provider_models as models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.problems import Problem
from sluicegate.web.admin.reach import Cursor, Limit, Record, find, find_writable, owned, page, refuse_twin, shown

PATH = "/api/v1/providers"
ONE = f"{PATH}/{{name:path}}"
FILLED = ("dialects", "base_url", "place", "paths", "query", "auth", "client_headers", "quirks")
"""What a preset fills in."""


class ProviderRoutes:
    """Providers of the installation."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        add = app.add_api_route
        add(PATH, self.list, methods=["GET"], response_model=models.Providers)
        add(PATH, self.create, methods=["POST"], status_code=201, response_model=models.Provider)
        add(ONE, self.get, methods=["GET"], response_model=models.Provider)
        add(ONE, self.change, methods=["PATCH"], response_model=models.Provider)
        add(ONE, self.delete, methods=["DELETE"], status_code=204)

    async def list(self, caller: Current, cursor: Cursor = None, limit: Limit = 100) -> Record:
        """Every provider."""
        rows, after = await self._context.database.read(
            lambda connection: page(connection, tables.provider, caller, cursor, limit)
        )
        return {"items": [shown(row) for row in rows], "next": after}

    async def create(self, caller: Current, body: models.ProviderNew) -> Record:
        """Make a provider; its preset fills what is not given."""
        row = {**self._resolved(body), **owned(self._context.clock())}

        def create(connection: Connection) -> Record:
            refuse_twin(connection, tables.provider, name=body.name)
            connection.execute(tables.provider.insert().values(**row))
            return shown(row)

        return await self._context.change(caller, "provider.create", f"provider:{body.name}", None, create)

    async def get(self, caller: Current, name: str) -> Record:
        """One provider."""
        return await self._context.database.read(lambda connection: shown(find(connection, tables.provider, name, caller)))

    async def change(self, caller: Current, name: str, body: models.ProviderChange) -> Record:
        """Change the fields that are sent."""
        context, table = self._context, tables.provider
        before = await context.database.read(lambda connection: find_writable(connection, table, name, caller))
        fields = {field: before[field] for field in ProviderSpec.model_fields}
        if "preset" in body.model_fields_set:  # what the old preset filled in was nobody's choice
            fields |= dict.fromkeys(FILLED)
        fields |= body.model_dump(mode="json", include=set(body.model_fields_set))
        try:
            wanted = models.ProviderNew.model_validate(fields)
        except ValidationError as error:
            wrong = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise Problem(422, "This value cannot be used.", field=f"body.{wrong}") from None
        new = {**self._resolved(wanted), "updated_at": context.clock()}

        def change(connection: Connection) -> Record:
            connection.execute(table.update().where(table.c.name == name).values(**new))
            return shown(find(connection, table, name, caller))

        return await context.change(caller, "provider.change", f"provider:{name}", None, change)

    async def delete(self, caller: Current, name: str) -> None:
        """Remove a provider that no deployment uses."""
        context, table = self._context, tables.provider
        await context.database.read(lambda connection: find_writable(connection, table, name, caller))

        def delete(connection: Connection) -> None:
            used = select(tables.deployment.c.name).where(tables.deployment.c.provider == name).limit(1)
            if connection.execute(used).first() is not None:
                raise Problem(409, "A deployment uses this provider.")
            connection.execute(table.delete().where(table.c.name == name))

        await context.change(caller, "provider.delete", f"provider:{name}", None, delete)

    def _resolved(self, spec: ProviderSpec) -> dict[str, Any]:
        """The columns of a provider, with its preset's values. Raises Problem 422."""
        try:
            return self._context.resolve(spec).model_dump(mode="json")
        except SettingsError as error:
            raise Problem(422, str(error), field="body") from None
