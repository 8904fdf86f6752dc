"""Virtual keys over their life: issued (shown once), rotated with an overlap, revoked. A key's binding never changes.

Rotation gives the key a new text and keeps its id, its budgets and its limits. The old text moves to a row of its own that
points at the key (`rotated_to`) and works until its `revoked_at`, so both texts count on the same budget meanwhile.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, or_, select

from sluicegate.core.ids import new_id
from sluicegate.identity.keys import digest, hint, mint
from sluicegate.store import tables

KEY = tables.virtual_key


class NotValid(Exception):
    """The key was revoked or has expired, so it cannot be rotated."""


class Issued(msgspec.Struct, frozen=True):
    """A key and the only copy of its text."""

    key: str
    row: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Issued({self.row['id']})"


def issue(
    connection: Connection,
    use_case: Mapping[str, Any] | RowMapping,
    now: float,
    *,
    name: str,
    principal: str,
    origin: str,
    expires_at: float | None = None,
    rate: Mapping[str, Any] | None = None,
    budgets: Sequence[Mapping[str, Any]] = (),
    id: str | None = None,
) -> Issued:
    """A new key, bound to the row `use_case`, its organisation and its team, for good. Times in seconds since the epoch.

    `id`, where the caller has made it already (`core.ids.new_id`), is the key's.
    """
    key = mint()
    row: dict[str, Any] = {
        "id": id or new_id(),
        "digest": digest(key),
        "hint": hint(key),
        "name": name,
        "principal": principal,
        "organisation_id": use_case["organisation_id"],
        "team_id": use_case["team_id"],
        "use_case_id": use_case["id"],
        "rate": dict(rate or {}),
        "budgets": [dict(budget) for budget in budgets],
        "expires_at": expires_at,
        "revoked_at": None,
        "rotated_to": None,
        "origin": origin,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(KEY.insert().values(**row))
    return Issued(key, row)


def rotate(connection: Connection, id: str, now: float, *, overlap: float) -> Issued:
    """A new text for a valid key; the old one works for `overlap` seconds more. Raises NotValid."""
    old = find(connection, id)
    if old is None or state(old, now) != "valid":
        raise NotValid
    key = mint()
    new = {"digest": digest(key), "hint": hint(key), "updated_at": now}
    connection.execute(KEY.update().where(KEY.c.id == id).values(**new))
    left = {**old, "id": new_id(), "rotated_to": id, "revoked_at": now + overlap, "updated_at": now}
    connection.execute(KEY.insert().values(**left))
    return Issued(key, {**old, **new})


def revoke(connection: Connection, id: str, now: float) -> None:
    """Revoke a key, and what is left of the texts it was rotated from."""
    mine = or_(KEY.c.id == id, KEY.c.rotated_to == id)
    working = or_(KEY.c.revoked_at.is_(None), KEY.c.revoked_at > now)
    connection.execute(KEY.update().where(mine, working).values(revoked_at=now, updated_at=now))


def find(connection: Connection, id: str) -> RowMapping | None:
    """The key's row; None where there is none, and for the rest of a rotation, which is no key of its own."""
    return connection.execute(select(KEY).where(KEY.c.id == id, KEY.c.rotated_to.is_(None))).mappings().first()


def state(row: Mapping[str, Any] | RowMapping, now: float) -> str:
    """`valid`, `revoked` or `expired`."""
    if row["revoked_at"] is not None and row["revoked_at"] <= now:
        return "revoked"
    return "expired" if row["expires_at"] is not None and row["expires_at"] <= now else "valid"
