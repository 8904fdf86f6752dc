import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from sluicegate.settings import Settings
from sluicegate.store.database import Database, DatabaseBusy, DatabaseError, Transaction, database_url
from tests.support.auditing import settings_in


def with_url(url: str) -> Settings:
    return Settings.model_validate({"database": {"url": url}})


async def test_reads_see_what_was_written_and_writes_are_durable(tmp_path: Path) -> None:
    database = Database(settings_in(tmp_path))
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO spending VALUES ('key:a', 'total', 1, 2)"))
    assert await database.read(lambda c: c.execute(text("SELECT nano_usd FROM spending")).scalar()) == 2
    database.close()


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(settings_in(tmp_path))
    with pytest.raises(RuntimeError), database.transaction() as connection:
        connection.execute(text("INSERT INTO spending VALUES ('key:a', 'total', 1, 2)"))
        raise RuntimeError
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM spending")).scalar() == 0
    database.close()


def test_sqlite_is_told_what_durability_needs(tmp_path: Path) -> None:
    database = Database(settings_in(tmp_path / "made"))
    with database.connect() as connection:
        asked = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")}
        assert asked == {"journal_mode": "wal", "synchronous": 2}
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "made").iterdir()} == {0o600}
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    database.close()


async def test_reads_beyond_the_bound_are_refused(tmp_path: Path) -> None:
    settings_in(tmp_path)
    database = Database(Settings.model_validate({"data_dir": tmp_path, "database": {"read_threads": 1, "read_queue": 1}}))
    gate = threading.Event()

    def wait(_connection: Connection) -> bool:
        return gate.wait(10)

    waiting = [asyncio.ensure_future(database.read(wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DatabaseBusy):
        await database.read(wait)
    gate.set()
    assert await asyncio.gather(*waiting) == [True, True]
    database.close()


def test_a_transaction_that_sqlite_ended_is_not_taken_for_committed(tmp_path: Path) -> None:
    database = Database(settings_in(tmp_path))
    transaction = Transaction(database.open_writing())
    transaction.begin()
    raw = transaction.connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("ROLLBACK")
    with pytest.raises(DatabaseError, match="ended"):
        transaction.commit()
    transaction.drop()
    database.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://h/d", "postgresql+asyncpg://h/d", "no address"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"database\.url"):
        database_url(with_url(url))


def test_postgresql_is_reached_through_psycopg() -> None:
    assert database_url(with_url("postgresql://u@h/d")).drivername == "postgresql+psycopg"


def test_a_probe_writes_and_changes_nothing(tmp_path: Path) -> None:
    database = Database(settings_in(tmp_path))
    transaction = Transaction(database.open_writing())
    wal = tmp_path / "sluicegate.db-wal"
    before = wal.stat().st_size
    transaction.begin()
    transaction.probe()
    transaction.commit()
    assert wal.stat().st_size > before
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    transaction.connection.close()
    database.close()
