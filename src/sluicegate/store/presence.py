"""Who is alone: servers hold a claim on the database while they run, and the first one may clean up after a crash.

The kernel (a lock on a file beside SQLite's) or PostgreSQL (an advisory lock of a session) gives the claim back when a
process dies, however it dies.
"""

import fcntl
import os
from typing import Protocol

from sqlalchemy import Connection

from sluicegate.store.database import Database

PRESENCE_LOCK = 0x5C1C_0001
"""The key of PostgreSQL's advisory lock."""


class Presence(Protocol):
    """A claim that a server is running."""

    def alone(self) -> bool:
        """Claim the database for this process only; False where another server holds a claim."""

    def share(self) -> None:
        """Claim the database beside others, giving up the claim to be alone."""

    def release(self) -> None:
        """Give every claim back."""


def claim(database: Database) -> Presence:
    """No claim yet, but the means to make one."""
    return _File(f"{database.path}.server") if database.path else _Session(database.engine.connect())


class _File:
    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def alone(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self) -> None:
        os.close(self._descriptor)


class _Session:
    def __init__(self, connection: Connection) -> None:
        # outside any transaction, so that holding the claim keeps nothing else from being cleaned up
        self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        self._alone = False

    def _call(self, function: str) -> bool:
        return bool(self._connection.exec_driver_sql(f"SELECT {function}(%s)", (PRESENCE_LOCK,)).scalar())

    def alone(self) -> bool:
        self._alone = self._call("pg_try_advisory_lock")
        return self._alone

    def share(self) -> None:
        self._call("pg_advisory_lock_shared")
        if self._alone:
            self._call("pg_advisory_unlock")

    def release(self) -> None:
        # at once: the server notices the end of a session a little later. And the session stays out of the pool
        self._connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
        self._connection.detach()
        self._connection.close()
