"""Deployments, and the models they make up. They belong to the installation; every tenant may see them."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import Connection, select

from sluicegate.store import tables
from sluicegate.web.admin import models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.problems import Problem
from sluicegate.web.admin.reach import Cursor, Limit, Record, find, find_writable, owned, page, refuse_twin, shown

PATH = "/api/v1/deployments"
ONE = f"{PATH}/{{name:path}}"


class DeploymentRoutes:
    """Deployments of the installation."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        add = app.add_api_route
        add("/api/v1/models", self.list_models, methods=["GET"], response_model=models.Models)
        add(PATH, self.list, methods=["GET"], response_model=models.Deployments)
        add(PATH, self.create, methods=["POST"], status_code=201, response_model=models.Deployment)
        add(ONE, self.get, methods=["GET"], response_model=models.Deployment)
        add(ONE, self.change, methods=["PATCH"], response_model=models.Deployment)
        add(ONE, self.delete, methods=["DELETE"], status_code=204)

    async def list_models(self) -> Record:
        """Every name that clients may ask for, with its deployments in the order in which they are tried."""
        return {"items": await self._context.database.read(_models)}

    async def list(self, caller: Current, cursor: Cursor = None, limit: Limit = 100) -> Record:
        """Every deployment."""
        rows, after = await self._context.database.read(
            lambda connection: page(connection, tables.deployment, caller, cursor, limit)
        )
        return {"items": [shown(row) for row in rows], "next": after}

    async def create(self, caller: Current, body: models.DeploymentNew) -> Record:
        """Make a deployment of a model at a provider; place and region are the provider's unless given."""
        context = self._context

        def create(connection: Connection) -> Record:
            refuse_twin(connection, tables.deployment, name=body.name)
            row = {**_stored(connection, body), **owned(context.clock())}
            connection.execute(tables.deployment.insert().values(**row))
            return shown(row)

        return await context.change(caller, "deployment.create", f"deployment:{body.name}", None, create)

    async def get(self, caller: Current, name: str) -> Record:
        """One deployment."""
        return await self._context.database.read(lambda connection: shown(find(connection, tables.deployment, name, caller)))

    async def change(self, caller: Current, name: str, body: models.DeploymentChange) -> Record:
        """Change the fields that are sent."""
        context, table = self._context, tables.deployment
        await context.database.read(lambda connection: find_writable(connection, table, name, caller))
        new = body.model_dump(mode="json", include=set(body.model_fields_set))

        def change(connection: Connection) -> Record:
            values = {**new, "updated_at": context.clock()}
            connection.execute(table.update().where(table.c.name == name).values(**values))
            return shown(find(connection, table, name, caller))

        return await context.change(caller, "deployment.change", f"deployment:{name}", None, change)

    async def delete(self, caller: Current, name: str) -> None:
        """Remove a deployment."""
        context, table = self._context, tables.deployment
        await context.database.read(lambda connection: find_writable(connection, table, name, caller))

        def delete(connection: Connection) -> None:
            connection.execute(table.delete().where(table.c.name == name))

        await context.change(caller, "deployment.delete", f"deployment:{name}", None, delete)


def _stored(connection: Connection, body: models.DeploymentNew) -> dict[str, Any]:
    """The columns of a new deployment. Raises Problem 422 for a provider that does not exist."""
    table = tables.provider
    provider = connection.execute(select(table).where(table.c.name == body.provider)).mappings().one_or_none()
    if provider is None:
        raise Problem(422, "There is no provider of this name.", field="body.provider")
    values = body.model_dump(mode="json")
    values["place"] = values["place"] or provider["place"]
    values["region"] = provider["region"] if values["region"] is None else values["region"]
    values["upstream_model"] = values["upstream_model"] or body.model
    return values


def _models(connection: Connection) -> list[Record]:
    table = tables.deployment
    found: dict[str, Record] = {}
    for row in connection.execute(select(table).order_by(table.c.model, table.c.order, table.c.name)).mappings():
        found.setdefault(row["model"], {"model": row["model"], "deployments": []})["deployments"].append(shown(row))
    return list(found.values())
