"""Virtual keys: made (shown once), listed, revoked, rotated. A key's binding never changes."""

from datetime import UTC, datetime

from fastapi import FastAPI
from sqlalchemy import Connection, RowMapping

from sluicegate.core.ids import new_id
from sluicegate.identity import issuing
from sluicegate.identity.issuing import NotValid
from sluicegate.store import tables
from sluicegate.web.admin import models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.problems import Problem, not_found
from sluicegate.web.admin.reach import Cursor, Limit, Record, find, find_writable, page, shown

PATH = "/api/v1/keys"
KEY = tables.virtual_key


class KeyRoutes:
    """Virtual keys of the caller's organisation."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        add = app.add_api_route
        add(PATH, self.list, methods=["GET"], response_model=models.Keys)
        add(PATH, self.create, methods=["POST"], status_code=201, response_model=models.KeyIssued)
        add(f"{PATH}/{{id}}", self.get, methods=["GET"], response_model=models.Key)
        add(f"{PATH}/{{id}}/revoke", self.revoke, methods=["POST"], response_model=models.Key)
        add(f"{PATH}/{{id}}/rotate", self.rotate, methods=["POST"], response_model=models.KeyIssued)

    async def list(
        self, caller: Current, cursor: Cursor = None, limit: Limit = 100, use_case_id: models.Id | None = None
    ) -> Record:
        """The keys within the caller's reach, optionally of one use case."""
        now = self._context.clock()
        rows, after = await self._context.database.read(
            lambda connection: page(connection, KEY, caller, cursor, limit, use_case_id=use_case_id, rotated_to=False)
        )
        return {"items": [_shown(row, now) for row in rows], "next": after}

    async def create(self, caller: Current, body: models.KeyNew) -> Record:
        """Make a key for a use case within the caller's reach; the answer is the only place that ever shows it."""
        context, now = self._context, self._context.clock()
        bound = await context.database.read(lambda connection: find(connection, tables.use_case, body.use_case_id, caller))
        if body.expires_at is not None and body.expires_at.timestamp() <= now:
            raise Problem(422, "The key would have expired already.", field="body.expires_at")
        id = new_id()

        def create(connection: Connection) -> Record:
            issued = issuing.issue(
                connection,
                bound,
                now,
                id=id,
                name=body.name,
                principal=body.principal,
                origin="api",
                expires_at=None if body.expires_at is None else body.expires_at.timestamp(),
                rate=body.rate.model_dump(mode="json"),
                budgets=[budget.model_dump(mode="json") for budget in body.budgets],
            )
            return _shown(find(connection, KEY, id, caller), now) | {"key": issued.key}

        return await context.change(caller, "key.create", f"key:{id}", bound["organisation_id"], create)

    async def get(self, caller: Current, id: str) -> Record:
        """One key, without its text."""
        now = self._context.clock()
        return await self._context.database.read(lambda connection: _shown(_current(find(connection, KEY, id, caller)), now))

    async def revoke(self, caller: Current, id: str) -> Record:
        """Revoke a key, and what is left of the texts it was rotated from: the next request is refused."""
        context, now = self._context, self._context.clock()
        before = await context.database.read(lambda connection: _current(find_writable(connection, KEY, id, caller)))

        def end(connection: Connection) -> Record:
            issuing.revoke(connection, id, now)
            return _shown(find(connection, KEY, id, caller), now)

        return await context.change(caller, "key.revoke", f"key:{id}", before["organisation_id"], end)

    async def rotate(self, caller: Current, id: str, body: models.KeyRotation | None = None) -> Record:
        """Give a valid key a new text, shown here only; the old one works on for the overlap."""
        context, now = self._context, self._context.clock()
        before = await context.database.read(lambda connection: _current(find_writable(connection, KEY, id, caller)))
        sent = body.overlap_seconds if body is not None else None
        overlap = context.settings.identity.rotation_overlap if sent is None else sent

        def renew(connection: Connection) -> Record:
            try:
                key = issuing.rotate(connection, id, now, overlap=overlap).key
            except NotValid:
                raise Problem(409, "Only a valid key can be rotated; make a new one.") from None
            return _shown(find(connection, KEY, id, caller), now) | {"key": key}

        issued = await context.change(caller, "key.rotate", f"key:{id}", before["organisation_id"], renew)
        return issued | {"previous_works_until": datetime.fromtimestamp(now + overlap, UTC)}


def _current(row: RowMapping) -> RowMapping:
    """The row itself, unless it is the rest of a rotation, which the API does not show. Raises Problem 404."""
    if row["rotated_to"] is not None:
        raise not_found()
    return row


def _shown(row: RowMapping, now: float) -> Record:
    """A key as the API shows it: never its digest."""
    record = shown(row) | {"state": issuing.state(row, now)}
    del record["digest"], record["rotated_to"]
    return record
