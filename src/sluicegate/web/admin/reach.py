"""Which rows a caller reaches, how they are paged, and how they are shown. All of it runs away from the event loop.

The tenant scope is enforced here, in one place: a row of another organisation is not found, neither by its id nor in a list.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from sqlalchemy import Column, Connection, RowMapping, Select, Table, select

from sluicegate.identity.sessions import Caller
from sluicegate.store import tables
from sluicegate.store.declared import READ_ONLY
from sluicegate.web.admin.problems import Problem, not_found

ID = re.compile(r"[0-9a-f]{32}")
NAME = re.compile(r"[!-~]{1,256}")
MAX_PAGE = 500
TIMES = frozenset({"created_at", "updated_at", "expires_at", "revoked_at"})

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many items at most.")]
Cursor = Annotated[str | None, Query(pattern=r"^[!-~]{1,256}$", description="`next` of the page before.")]

Record = dict[str, Any]


def primary(table: Table) -> Column[Any]:
    """The one column that names a row of `table` in the API."""
    return next(iter(table.primary_key.columns))


def shown(row: RowMapping | Mapping[str, Any]) -> Record:
    """A row as the API shows it: times as RFC 3339, in UTC."""
    return {name: _instant(value) if name in TIMES else value for name, value in row.items()}


def find(connection: Connection, table: Table, id: str, caller: Caller) -> RowMapping:
    """The row of `id` within the caller's reach. Raises Problem 404, the same whether it is another's or nobody's."""
    column = primary(table)
    if not (ID if column.name == "id" else NAME).fullmatch(id):
        raise not_found()
    query = within(select(table), table, caller).where(column == id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise not_found()
    return row


def find_writable(connection: Connection, table: Table, id: str, caller: Caller) -> RowMapping:
    """The same, of a row that the API may change. Raises Problem 409 where the settings file owns it."""
    row = find(connection, table, id, caller)
    if row["origin"] in READ_ONLY:
        raise Problem(409, "This object is declared in the settings file, which is the only place to change it.")
    return row


def page(
    connection: Connection,
    table: Table,
    caller: Caller,
    cursor: str | None,
    limit: int,
    **equal: str | Literal[False] | None,
) -> tuple[list[RowMapping], str | None]:
    """The rows after `cursor` in the order of their ids, and the next cursor; `equal` filters by columns.

    None does not filter, and False asks for rows that have no value there.
    """
    column = primary(table)
    query = within(select(table), table, caller).order_by(column).limit(limit + 1)
    if cursor is not None:
        query = query.where(column > cursor)
    for name, value in equal.items():
        if value is not None:
            query = query.where(table.c[name].is_(None) if value is False else table.c[name] == value)
    rows = list(connection.execute(query).mappings())
    return rows[:limit], str(rows[limit - 1][column.name]) if len(rows) > limit else None


def refuse_twin(connection: Connection, table: Table, **identity: str) -> None:
    """Raises Problem 409 where a row of this identity exists."""
    query = select(primary(table))
    for name, value in identity.items():
        query = query.where(table.c[name] == value)
    if connection.execute(query).first() is not None:
        raise Problem(409, "There is an object of this name already.", field="body.name")


def owned(now: float) -> Record:
    """The columns of a new row that say whose it is: it was made through the API."""
    return {"origin": "api", "created_at": now, "updated_at": now}


def within(query: Select[Any], table: Table, caller: Caller) -> Select[Any]:
    """`query` with only the rows of `table` that the caller reaches."""
    if caller.organisation is None:
        return query
    if table is tables.organisation:
        return query.where(table.c.id == caller.organisation)
    if "organisation_id" in table.c:
        return query.where(table.c.organisation_id == caller.organisation)
    return query


def _instant(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)
