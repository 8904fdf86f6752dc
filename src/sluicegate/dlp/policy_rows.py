"""Guardrail policies kept in the database: the versions of each, and which of them are in force beside the file's."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, Select, and_, func, select
from sqlalchemy.exc import SQLAlchemyError

from sluicegate.store.database import DatabaseBusy
from sluicegate.store.tables import guardrail

log = logging.getLogger(__name__)
T = TypeVar("T")

RowKey = tuple[str | None, str]
"""Whose a row is, and what it is called."""


class PolicyRow(msgspec.Struct, frozen=True):
    """One policy as a row has it: whose it is (None: everybody's), what it is called, and the document."""

    organisation: str | None
    name: str
    document: Mapping[str, object]

    @property
    def key(self) -> RowKey:
        """Whose it is, and what it is called."""
        return self.organisation, self.name

    @property
    def where(self) -> str:
        """How messages name it."""
        whose = "of the installation" if self.organisation is None else f"of organisation {self.organisation}"
        return f"guardrail {self.name} {whose}"


def latest() -> Select[Any]:
    """The last version of every policy, active or not."""
    newest = select(guardrail.c.id, func.max(guardrail.c.version).label("version")).group_by(guardrail.c.id).subquery()
    same = and_(newest.c.id == guardrail.c.id, newest.c.version == guardrail.c.version)
    return select(guardrail).join(newest, same)


def in_force(connection: Connection) -> tuple[PolicyRow, ...]:
    """What the rows add to the file, in an order that depends on them alone."""
    found = connection.execute(latest().where(guardrail.c.active)).mappings()
    rows = [PolicyRow(row["organisation_id"], row["name"], row["document"]) for row in found]
    return ordered(rows)


def ordered(rows: Sequence[PolicyRow]) -> tuple[PolicyRow, ...]:
    """The rows in the order in which they count into the policy version."""
    return tuple(sorted(rows, key=lambda row: (row.organisation or "", row.name)))


def said(rows: Sequence[PolicyRow]) -> bytes:
    """The rows as bytes, the same for equal ones; nothing where there are none."""
    if not rows:
        return b""
    return msgspec.json.encode([[row.organisation, row.name, row.document] for row in rows], order="deterministic")


class Reads(Protocol):
    """What a watch needs of the database."""

    postgres: bool
    """Whether other machines may write to it."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection, away from the event loop."""


class Changes(Protocol):
    """How a change by another process of this machine is noticed (`identity.changes.ControlChanges`)."""

    def moved(self) -> bool:
        """Whether there was one since the last call."""

    def close(self) -> None:
        """Ask no more."""


class Adopt(Protocol):
    """What is done with the rows (`Policies.adopt`)."""

    async def __call__(self, rows: Sequence[PolicyRow], *, first: bool = False) -> bool:
        """Put them in force; False if that cannot be."""


class RowWatch:
    """Puts the rows in force when they have changed, whoever changed them."""

    def __init__(self, database: Reads, changes: Changes, adopt: Adopt, seconds: float) -> None:
        self._database = database
        self._changes = changes
        self._adopt = adopt
        self._seconds = seconds
        self._versions = -1

    async def load(self, *, first: bool = False) -> None:
        """Read the rows, and adopt them if there are other versions than last time."""
        versions, rows = await self._database.read(_read)
        if versions > self._versions:  # what was read before somebody else's newer reading must not count after it
            self._versions = versions
            if rows or not first:
                await self._adopt(rows, first=first)

    async def watch(self) -> None:
        """Look for changes by others every so many seconds, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                if self._changes.moved() or self._database.postgres:
                    await self.load()
            except (SQLAlchemyError, DatabaseBusy, OSError):
                log.warning("the database could not be asked for guardrail policies; it is asked again")

    def close(self) -> None:
        """Let go of what tells of changes."""
        self._changes.close()


def _read(connection: Connection) -> tuple[int, tuple[PolicyRow, ...]]:
    """How many versions there are, which only grows, and the rows in force."""
    return connection.execute(select(func.count()).select_from(guardrail)).scalar_one(), in_force(connection)
