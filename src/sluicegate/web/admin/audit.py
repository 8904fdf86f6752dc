"""Reading the audit log: entries newest first, signed checkpoints, and the key that verifies them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, Query
from pydantic import AwareDatetime
from sqlalchemy import Connection, RowMapping, Select, select

from sluicegate.identity.sessions import Caller
from sluicegate.store import tables
from sluicegate.web.admin import models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.reach import Limit, Record

ENTRIES = "/api/v1/audit/entries"
CHECKPOINTS = "/api/v1/audit/checkpoints"
PUBLIC_KEY = "/api/v1/audit/public-key"
WINDOW = 10_000
"""How many entries one request looks at, however few of them its filters let through; `next` leads on from there."""

Before = Annotated[int | None, Query(alias="cursor", ge=0, le=2**63 - 1, description="`next` of the page before.")]
Code = Annotated[str, Query(pattern=r"^[a-z0-9_.]{1,64}$")]

ENTRY = tables.audit_entry
CHECKPOINT = tables.audit_checkpoint


class Filters(msgspec.Struct, frozen=True):
    """What a caller asks of entries; None asks nothing."""

    kind: str | None
    exchange: str | None
    organisation: str | None
    reason: str | None
    since_ns: int | None
    until_ns: int | None


class AuditRoutes:
    """The log, within the caller's organisation."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_api_route(ENTRIES, self.entries, methods=["GET"], response_model=models.AuditEntries)
        app.add_api_route(CHECKPOINTS, self.checkpoints, methods=["GET"], response_model=models.Checkpoints)
        app.add_api_route(PUBLIC_KEY, self.public_key, methods=["GET"], response_model=models.PublicKey)

    async def entries(
        self,
        caller: Current,
        cursor: Before = None,
        limit: Limit = 100,
        kind: Literal["intent", "outcome", "refusal", "act"] | None = None,
        exchange: models.Id | None = None,
        organisation: models.Id | None = None,
        reason: Code | None = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
    ) -> Record:
        """Entries, newest first. A page with a `next` may hold fewer than `limit`: one request looks at so many entries."""
        filters = Filters(kind, exchange, organisation, reason, _nanoseconds(since), _nanoseconds(until))
        await self._context.log.settle()
        return await self._context.database.read(lambda connection: _entries(connection, caller, filters, cursor, limit))

    async def checkpoints(self, cursor: Before = None, limit: Limit = 100) -> Record:
        """Signed checkpoints, newest first."""
        return await self._context.database.read(lambda connection: _checkpoints(connection, cursor, limit))

    async def public_key(self) -> Record:
        """What verifies the checkpoints."""
        return {"verifier_key": self._context.audit_public_key}


def _entries(connection: Connection, caller: Caller, filters: Filters, cursor: int | None, limit: int) -> Record:
    newest = connection.execute(select(ENTRY.c.log_index).order_by(ENTRY.c.log_index.desc()).limit(1)).scalar()
    end = -1 if newest is None else newest
    top = end + 1 if cursor is None else min(cursor, end + 1)
    bottom = 0 if filters.exchange is not None else max(0, top - WINDOW)
    query = _filtered(select(ENTRY), caller, filters).where(ENTRY.c.log_index < top, ENTRY.c.log_index >= bottom)
    items: list[Record] = []
    for row in connection.execute(query.order_by(ENTRY.c.log_index.desc())).mappings():
        body = msgspec.json.decode(row["body"])
        if filters.reason is not None and not _gives(body, filters.reason):
            continue
        if len(items) == limit:
            return {"items": items, "next": str(items[-1]["index"])}
        items.append(_shown(row, body))
    return {"items": items, "next": str(bottom) if bottom > 0 else None}


def _filtered(query: Select[Any], caller: Caller, filters: Filters) -> Select[Any]:
    if caller.organisation is not None:
        query = query.where(ENTRY.c.organisation_id == caller.organisation)
    if filters.organisation is not None:
        query = query.where(ENTRY.c.organisation_id == filters.organisation)
    if filters.kind is not None:
        query = query.where(ENTRY.c.kind == filters.kind)
    if filters.exchange is not None:
        query = query.where(ENTRY.c.exchange_id == filters.exchange)
    if filters.since_ns is not None:
        query = query.where(ENTRY.c.at_ns >= filters.since_ns)
    if filters.until_ns is not None:
        query = query.where(ENTRY.c.at_ns < filters.until_ns)
    return query


def _gives(body: Record, reason: str) -> bool:
    """Whether an entry ended for this reason, or a stage decided for it."""
    return body.get("reason") == reason or any(decision.get("reason") == reason for decision in body.get("decisions", ()))


def _shown(row: RowMapping, body: Record) -> Record:
    return {
        "index": row["log_index"],
        "kind": row["kind"],
        "exchange_id": row["exchange_id"],
        "organisation_id": row["organisation_id"],
        "at": _instant(row["at_ns"]),
        "body": body,
    }


def _checkpoints(connection: Connection, cursor: int | None, limit: int) -> Record:
    query = select(CHECKPOINT.c.size, CHECKPOINT.c.at_ns, CHECKPOINT.c.note).order_by(CHECKPOINT.c.size.desc())
    if cursor is not None:
        query = query.where(CHECKPOINT.c.size < cursor)
    rows = list(connection.execute(query.limit(limit + 1)).mappings())
    items = [{"size": row["size"], "at": _instant(row["at_ns"]), "note": row["note"]} for row in rows[:limit]]
    return {"items": items, "next": str(items[-1]["size"]) if len(rows) > limit else None}


def _instant(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000 / 1_000_000, UTC)


def _nanoseconds(instant: datetime | None) -> int | None:
    return None if instant is None else round(instant.timestamp() * 1_000_000) * 1_000
