"""The database engine: connections, read transactions in threads, and what SQLite must be told on every connection.

Everything that writes while the server runs goes through `store/writer.py`; `transaction` is for commands and start-up.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from sluicegate.settings import Settings

T = TypeVar("T")

WAL_PAGES = 1_000
"""SQLite folds its write-ahead log into the database when it is this long (4 MB). Folding keeps the writer busy for about a
millisecond per megabyte, so a longer log means longer pauses, at hardly less work in all."""
CACHED_STATEMENTS = 256


class DatabaseError(Exception):
    """The database's address cannot be used; the message says why and never shows the address's password."""


class DatabaseBusy(Exception):
    """More reads are waiting than `database.read_queue` allows."""


def database_url(settings: Settings) -> URL:
    """The address in force. Raises DatabaseError for a kind of database that is not supported."""
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        raise DatabaseError("database.url: not a database address") from None
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:" or url.get_driver_name() != "pysqlite":
            raise DatabaseError("database.url: SQLite needs the path of a file: sqlite:///path")
        return url
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseError(f"database.url: {url.drivername} is not supported; use sqlite:/// or postgresql+psycopg://")


def sqlite_path(url: URL) -> Path | None:
    """The database file, or None for PostgreSQL."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def open_engine(url: URL, *, busy_timeout: float, pool: int) -> Engine:
    """An engine with at most `pool` connections kept open; 0 keeps none. `busy_timeout` in seconds bounds waits for locks.

    Raises DatabaseError where the driver is not installed.
    """
    pooling: dict[str, Any] = {"poolclass": NullPool}
    if pool:
        pooling = {"poolclass": QueuePool, "pool_size": pool, "max_overflow": 0, "pool_timeout": busy_timeout}
    path = sqlite_path(url)
    if path is not None:
        return _open_sqlite(url, path, busy_timeout, pooling)
    try:
        return create_engine(
            url,
            hide_parameters=True,
            connect_args={
                "connect_timeout": max(2, round(busy_timeout)),
                "options": f"-c lock_timeout={round(busy_timeout * 1000)}",
                "application_name": "sluicegate",
            },
            pool_pre_ping=True,
            **pooling,
        )
    except ModuleNotFoundError:
        raise DatabaseError("PostgreSQL needs the extra `postgres`: pip install 'sluicegate[postgres]'") from None


def _open_sqlite(url: URL, path: Path, busy_timeout: float, pooling: dict[str, Any]) -> Engine:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # SQLite gives its journal files the mode of the database file
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(
        url,
        hide_parameters=True,  # an exception must not show a row's values
        connect_args={
            "isolation_level": None,  # transactions are begun here, not by the driver's guess
            "cached_statements": CACHED_STATEMENTS,
            "timeout": busy_timeout,
            "check_same_thread": False,
        },
        **pooling,
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"wal_autocheckpoint={WAL_PAGES}",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    """A transaction that will write takes the write lock at once: one that asks for it later can be refused half-way."""
    if raw_connection(connection).in_transaction:
        return  # begun by `Transaction`, past SQLAlchemy
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def raw_connection(connection: Connection) -> Any:
    """The driver's own connection; both drivers' have `execute`, `commit` and `rollback`."""
    return connection.connection.driver_connection


class Transaction:
    """One writing transaction after another on one connection, past most of SQLAlchemy, which costs more than SQLite does.

    The connection may be used through SQLAlchemy in between, savepoints included.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._raw = raw_connection(connection)
        self._sqlite = isinstance(self._raw, sqlite3.Connection)

    def begin(self) -> None:
        """Begin; PostgreSQL's driver does so with the first statement."""
        if self._sqlite:
            self._raw.execute("BEGIN IMMEDIATE")

    def probe(self) -> None:
        """Write something that changes nothing: committing a transaction without a write succeeds on a full disk, too."""
        self.connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

    def commit(self) -> None:
        """Commit. Raises DatabaseError where SQLite has ended the transaction by itself, as it does after some errors."""
        if self._sqlite and not self._raw.in_transaction:
            raise DatabaseError("the database has ended the transaction")
        if self.connection.in_transaction():
            self.connection.commit()
        else:
            self._raw.commit()

    def drop(self) -> None:
        """Roll back by letting go of the connection, which may be in any state."""
        self.connection.invalidate()
        self.connection.close()


class Database:
    """Connections to the one database of an installation."""

    def __init__(self, settings: Settings) -> None:
        url = database_url(settings)
        threads = settings.database.read_threads
        self.path = sqlite_path(url)
        """The file, or None for PostgreSQL."""
        self.postgres = self.path is None
        # beside the readers' connections: the writer's, its standing claim, and a command's
        self.engine = open_engine(url, busy_timeout=settings.database.busy_timeout, pool=threads + 3)
        self._readers = ThreadPoolExecutor(threads, thread_name_prefix="sluicegate-read")
        self._reading = 0
        self._bound = threads + settings.database.read_queue

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read transaction, in one of the reading threads. Raises DatabaseBusy, or what `work` raises."""
        if self._reading >= self._bound:
            raise DatabaseBusy("too many reads of the database are waiting")
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)
        finally:
            self._reading -= 1

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection for reading, for commands."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A writing transaction, committed at the end, for commands and start-up; never while the event loop runs."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    def open_writing(self) -> Connection:
        """A connection whose transactions write, for `store/writer.py`; the caller closes it."""
        return self.engine.connect().execution_options(writes=True)

    def close(self) -> None:
        """Wait for reads under way, and close every connection."""
        self._readers.shutdown()
        self.engine.dispose()
