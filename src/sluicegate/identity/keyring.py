"""The virtual keys this process has met: from a key's SHA-256 to its compiled grant, loaded on demand.

Found by one dictionary look-up of the full digest. Keys nobody knows are remembered too, under their own bound, so that a
client repeating a wrong key does not reach the database each time, and a flood of wrong keys displaces no right one. Any
change of control data forgets everything; whether a key is revoked or expired is asked of the clock at every request.

A revocation is found by the next request on this machine, whichever process made it. With PostgreSQL and several
machines, a process learns only of its own changes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import inf
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, select

from sluicegate.core.decision import Reason
from sluicegate.core.identity import Budget, Grant, Period
from sluicegate.identity.changes import ControlChanges
from sluicegate.identity.use_cases import lower, use_case
from sluicegate.settings import Identity
from sluicegate.store import tables

T = TypeVar("T")


class Reads(Protocol):
    """What the ring needs of the database."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection, away from the event loop."""


class Held(msgspec.Struct, frozen=True):
    """A loaded key: what it grants, and when it stops; `revoked_at` lies ahead while a rotated key still works."""

    grant: Grant
    revoked_at: float | None
    ends: float
    """The earlier of revocation and expiry."""


class KeyRing:
    """Grants by digest, within the bounds `key_cache` and `unknown_key_cache`."""

    def __init__(self, database: Reads, settings: Identity, changes: ControlChanges) -> None:
        self._database = database
        self._settings = settings
        self._changes = changes
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._unknown: OrderedDict[bytes, None] = OrderedDict()
        self._loading: dict[bytes, asyncio.Task[Held | None]] = {}

    def known(self, digest: bytes, now: float) -> Grant | Reason | None:
        """The grant of a key, or why it is refused, as far as memory says; None: `load` it."""
        if self._changes.moved():
            self.forget()
        held = self._held.get(digest)
        if held is not None:
            self._held.move_to_end(digest)
            return held.grant if now < held.ends else _standing(held, now)
        if digest in self._unknown:
            self._unknown.move_to_end(digest)
            return Reason.KEY_UNKNOWN
        return None

    async def load(self, digest: bytes, now: float) -> Grant | Reason:
        """The grant of a key, or why it is refused, from the database; requests for one key share one load."""
        task = self._loading.get(digest)
        if task is None:
            task = asyncio.ensure_future(self._read(digest))
            self._loading[digest] = task
            task.add_done_callback(lambda done: self._loaded(digest, done))
        held = await asyncio.shield(task)
        return Reason.KEY_UNKNOWN if held is None else _standing(held, now)

    def forget(self) -> None:
        """Drop everything: control data changed. A load under way still answers those who wait for it, and is not kept."""
        self._held.clear()
        self._unknown.clear()
        self._loading.clear()

    async def _read(self, digest: bytes) -> Held | None:
        return await self._database.read(lambda connection: load_key(connection, digest))

    def _loaded(self, digest: bytes, task: "asyncio.Task[Held | None]") -> None:
        """Keep what was loaded, unless everything was forgotten meanwhile: it may be from before the change."""
        if self._loading.get(digest) is not task:
            if not task.cancelled():
                task.exception()
            return
        del self._loading[digest]
        if task.cancelled() or task.exception() is not None:
            return
        held = task.result()
        if held is None:
            self._unknown[digest] = None
            if len(self._unknown) > self._settings.unknown_key_cache:
                self._unknown.popitem(last=False)
        else:
            self._held[digest] = held
            if len(self._held) > self._settings.key_cache:
                self._held.popitem(last=False)


def load_key(connection: Connection, digest: bytes) -> Held | None:
    """The key stored under `digest`, with its use case and its team's budgets; None if there is none."""
    key, binding, team = tables.virtual_key, tables.use_case, tables.team
    row = connection.execute(select(key).where(key.c.digest == digest)).mappings().one_or_none()
    if row is None:
        return None
    bound = connection.execute(select(binding).where(binding.c.id == row["use_case_id"])).mappings().one()
    team_name, budgets = connection.execute(select(team.c.name, team.c.budgets).where(team.c.id == row["team_id"])).one()
    id = row["rotated_to"] or row["id"]
    grant = Grant(
        key_id=id,
        key_name=row["name"],
        organisation=row["organisation_id"],
        team=row["team_id"],
        team_name=team_name,
        principal=row["principal"],
        role=role_of(connection, row["principal"], row["organisation_id"]),
        use_case=use_case(bound),
        rate=lower(bound["rate"], row["rate"]),
        budgets=(*_budgets(f"key:{id}", row["budgets"]), *_budgets(f"team:{row['team_id']}", budgets)),
        expires_at=row["expires_at"],
    )
    return hold(grant, row["revoked_at"])


def role_of(connection: Connection, principal: str, organisation: str) -> str:
    """The role of the principal; empty for a user who is not known, not active, or of another organisation."""
    kind, _, who = principal.partition(":")
    if kind != "user":
        return kind
    user = tables.user
    known = connection.execute(
        select(user.c.role)
        .where((user.c.id == who) | (user.c.name == who), user.c.active)
        .where((user.c.organisation_id == organisation) | user.c.organisation_id.is_(None))
        .order_by(user.c.id != who)  # an id comes before a name that reads like one
    ).first()
    return "" if known is None else str(known[0])


def hold(grant: Grant, revoked_at: float | None) -> Held:
    """A loaded key, with the moment worked out up to which nothing needs to be asked of it."""
    return Held(grant, revoked_at, min(inf if at is None else at for at in (revoked_at, grant.expires_at)))


def _standing(held: Held, now: float) -> Grant | Reason:
    if held.revoked_at is not None and held.revoked_at <= now:
        return Reason.KEY_REVOKED
    expires_at = held.grant.expires_at
    if expires_at is not None and expires_at <= now:
        return Reason.KEY_EXPIRED
    return held.grant


def _budgets(scope: str, rows: list[Mapping[str, Any]]) -> tuple[Budget, ...]:
    return tuple(
        Budget(
            scope=scope,
            period=Period(row["period"]),
            usd=None if row.get("usd") is None else Decimal(row["usd"]),
            tokens=row.get("tokens"),
        )
        for row in rows
    )
