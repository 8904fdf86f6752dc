"""The schema's version: read cheaply at start, and brought up to date by a process of its own.

Alembic is imported only in that process (`python -m sluicegate.store.migrate`), so neither it nor its memory stays in the
server. The database's address reaches it on standard input, because a command line can be seen by others.
"""

import fcntl
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from sluicegate.settings import Settings
from sluicegate.store.database import DatabaseError, database_url, open_engine, raw_connection, sqlite_path

log = logging.getLogger(__name__)

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every version of the schema, oldest first; the last is the one this program needs."""
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x5C1C_0003
"""The key of PostgreSQL's advisory lock."""
TIMEOUT = 600
"""Seconds that a migration may take."""


class SchemaMismatch(Exception):
    """The database's schema is not one this program can use or migrate; the message says what to do."""


def ensure(settings: Settings) -> None:
    """Bring the schema to the version this program needs. Raises SchemaMismatch, DatabaseError."""
    url = database_url(settings)
    engine = open_engine(url, busy_timeout=settings.database.busy_timeout, pool=0)
    try:
        if _outdated(engine):
            log.info("migrating the database", extra={"to": VERSIONS[-1]})
            _in_own_process(url, settings.database.busy_timeout)
            if _outdated(engine):
                raise SchemaMismatch("the migration ended, but the database's schema is still not the one needed")
    except SQLAlchemyError as error:
        raise DatabaseError(f"the database cannot be used: {cause(error)}") from None
    finally:
        engine.dispose()


def _outdated(engine: Engine) -> bool:
    with engine.connect() as connection:
        found = version(connection)
        if found is None and set(inspect(connection).get_table_names()) - {"alembic_version"}:
            raise SchemaMismatch("the database holds tables, but none that says which version of the schema they are")
    if found is not None and found not in VERSIONS:
        raise SchemaMismatch(
            f"the database has schema version {found}, which this program does not know (it needs {VERSIONS[-1]}): "
            "it was migrated by a newer version. Run that one, or restore the backup made before"
        )
    return found != VERSIONS[-1]


def version(connection: Connection) -> str | None:
    """The version of the schema in the database, or None where there is none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _in_own_process(url: URL, busy_timeout: float) -> None:
    task = json.dumps({"url": url.render_as_string(hide_password=False), "busy_timeout": busy_timeout})
    command = [sys.executable, "-m", "sluicegate.store.migrate"]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module, nothing from outside
            command, input=task, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise SchemaMismatch(f"the migration took longer than {TIMEOUT} seconds and was ended") from None
    if done.returncode:
        raise SchemaMismatch(f"the migration failed: {done.stderr.strip()[-2_000:]}")


def main() -> int:
    """The process that migrates: reads its task from standard input, exits 0 once the schema is up to date."""
    from alembic import command
    from alembic.config import Config

    task = json.load(sys.stdin)
    url = make_url(task["url"])
    engine = open_engine(url, busy_timeout=task["busy_timeout"], pool=0)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with _alone(url, engine), engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            config.attributes["connection"] = connection
            _let_tables_be_replaced(connection)
            with connection.begin():
                command.upgrade(config, "head")
                _check_references(connection)
    except SQLAlchemyError as error:
        sys.stderr.write(cause(error))
        return 1
    finally:
        engine.dispose()
    return 0


def _let_tables_be_replaced(connection: Connection) -> None:
    """SQLite changes a table by making it anew, which references to it forbid (sqlite.org, ALTER TABLE, section 7)."""
    if connection.dialect.name == "sqlite":
        raw_connection(connection).execute("PRAGMA foreign_keys=OFF")  # does nothing within a transaction


def _check_references(connection: Connection) -> None:
    """Nothing refers to what is not there. Raises IntegrityError."""
    if connection.dialect.name == "sqlite" and (broken := connection.execute(text("PRAGMA foreign_key_check")).first()):
        raise IntegrityError("foreign_key_check", None, ValueError(f"rows of {broken[0]} refer to what is not there"))


@contextmanager
def _alone(url: URL, engine: Engine) -> Iterator[None]:
    """Hold the lock under which one process migrates; the others wait, and then find nothing left to do."""
    path = sqlite_path(url)
    if path is not None:
        descriptor = os.open(f"{path}.migrating", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        yield


def cause(error: SQLAlchemyError) -> str:
    """What the driver said, without the statement and its values."""
    return str(getattr(error, "orig", None) or type(error).__name__)


if __name__ == "__main__":
    sys.exit(main())
