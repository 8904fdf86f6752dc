"""Administrators' sessions: a random token shown once at login, its SHA-256 in the database, two expiries.

A session ends `session_hours` after login, after `session_idle_minutes` without a request, at logout, and when its user is
no longer active. A login always makes a new token; no request can bring its own. When a session was last used is written
at most once a minute, so an idle one may end up to a minute (or a tenth of the idle time) early.
"""

import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, select, update

from sluicegate.identity.keys import digest, mint_session, well_formed_session
from sluicegate.settings import Identity
from sluicegate.store import tables

TOUCH_SECONDS = 60.0
"""How old the stored time of a session's last use may be."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request to the admin API, as of this request: a changed role or a removed user acts at once."""

    user_id: str
    name: str
    role: str
    organisation: str | None
    """The organisation the user belongs to; None administers the whole installation."""
    session: bytes
    expires_at: float
    stale: bool
    """Whether the stored time of the session's last use is due to be written (`Sessions.touch`)."""

    @property
    def actor(self) -> str:
        """How an audit entry names the caller."""
        return f"user:{self.user_id}"


class Sessions:
    """Opens, finds and ends sessions; all methods that take a connection run away from the event loop."""

    def __init__(self, settings: Identity, clock: Callable[[], float] = time.time) -> None:
        self._hours = settings.session_hours * 3_600
        self._idle = settings.session_idle_minutes * 60
        self._clock = clock
        self._fresh = min(TOUCH_SECONDS, self._idle / 10)

    def begin(self, connection: Connection, user_id: str) -> tuple[str, float]:
        """A new session: its token, which is kept nowhere, and when it ends at the latest. Expired ones are removed."""
        token = mint_session()
        now = self._clock()
        connection.execute(tables.session.delete().where(tables.session.c.created_at <= now - self._hours))
        connection.execute(
            tables.session.insert().values(digest=digest(token), user_id=user_id, created_at=now, seen_at=now, ended_at=None)
        )
        return token, now + self._hours

    def find(self, connection: Connection, token: str) -> Caller | None:
        """Who holds `token`; None if it is malformed, unknown, ended, expired or idle, or its user is not active."""
        if not well_formed_session(token):
            return None
        name = digest(token)
        session, user = tables.session, tables.user
        query = (
            select(session.c.created_at, session.c.seen_at, user.c.id, user.c.name, user.c.role, user.c.organisation_id)
            .join(user, user.c.id == session.c.user_id)
            .where(session.c.digest == name, session.c.ended_at.is_(None), user.c.active)
        )
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        now = self._clock()
        expires_at = row["created_at"] + self._hours
        if expires_at <= now or row["seen_at"] + self._idle <= now:
            return None
        return Caller(
            user_id=row["id"],
            name=row["name"],
            role=row["role"],
            organisation=row["organisation_id"],
            session=name,
            expires_at=expires_at,
            stale=row["seen_at"] + self._fresh < now,
        )

    def touch(self, connection: Connection, session: bytes) -> None:
        """Write that the session stored under the digest `session` was used now."""
        table = tables.session
        connection.execute(update(table).where(table.c.digest == session).values(seen_at=self._clock()))

    def end(self, connection: Connection, session: bytes) -> None:
        """End the session stored under the digest `session`."""
        table = tables.session
        connection.execute(
            update(table).where(table.c.digest == session, table.c.ended_at.is_(None)).values(ended_at=self._clock())
        )
