"""Every way to tamper with a stored log is found, and the first bad entry is named, wherever it is done."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluicegate.audit.checkpoint import Verifier
from sluicegate.audit.export import parts
from sluicegate.audit.sequencer import PUBLISHED
from sluicegate.audit.verify import Report, verify
from sluicegate.settings import Settings
from sluicegate.store.database import Database
from tests.support.auditing import exchanges, running, settings_in

SIZE = 240
COLUMNS = "body, at_ns, kind, exchange_id, organisation_id"
Change = Callable[[sqlite3.Connection, int, int], None]
"""Tampers at one index; the second serves those that need two."""


class Original:
    """One log, made once; each example tampers with a copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = settings_in(folder / "log", checkpoint_entries=32)
        self.key = ""
        asyncio.run(self._fill(SIZE // 2))
        shutil.copy(folder / "log" / "sluicegate.db", folder / "older.db")
        shutil.copy(folder / "log" / PUBLISHED, folder / PUBLISHED)
        asyncio.run(self._fill(SIZE))
        self.note = (folder / "log" / PUBLISHED).read_text()
        # another log that goes on from the older one, signed with the same key: a fork
        fork = folder / "fork"
        fork.mkdir()
        shutil.copy(folder / "older.db", fork / "sluicegate.db")
        shutil.copy(folder / PUBLISHED, fork / PUBLISHED)
        shutil.copy(folder / "log" / "audit.key", fork / "audit.key")
        self.settings = Settings.model_validate({**self.settings.model_dump(), "data_dir": fork})
        asyncio.run(self._fill(SIZE))
        self.used = folder / "used.db"

    async def _fill(self, size: int) -> None:
        async with running(self.settings) as at:
            self.key = at.log.verifier_key
            have = (await at.verify([])).entries
            for _ in range((size - have) // 8):
                await exchanges(at.log, 4, organisation="o")

    def tampered(self, change: Change, index: int, other: int) -> Report:
        shutil.copy(self.folder / "log" / "sluicegate.db", self.used)
        with closing(sqlite3.connect(self.used)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            change(connection, index, other)
            connection.commit()
        return self.verify(self.used)

    def verify(self, path: Path) -> Report:
        database = Database(Settings.model_validate({"database": {"url": f"sqlite:///{path}"}}))
        try:
            with database.connect() as connection:
                return verify(parts(connection), Verifier.parse(self.key), [self.note])
        finally:
            database.close()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("mutations"))


def change_body(c: sqlite3.Connection, i: int, _j: int) -> None:
    c.execute("UPDATE audit_entry SET body = CAST(replace(body, '\"v\":1', '\"v\":2') AS BLOB) WHERE log_index = ?", (i,))


def change_tenant_everywhere(c: sqlite3.Connection, i: int, _j: int) -> None:
    c.execute(
        'UPDATE audit_entry SET body = CAST(replace(body, \'"organisation":"o"\', \'"organisation":"p"\') AS BLOB), '
        "organisation_id = 'p' WHERE log_index = ?",
        (i,),
    )


def swap_rows(c: sqlite3.Connection, i: int, j: int) -> None:
    c.execute("UPDATE audit_entry SET log_index = -1 WHERE log_index = ?", (i,))
    c.execute("UPDATE audit_entry SET log_index = ? WHERE log_index = ?", (i, j))
    c.execute("UPDATE audit_entry SET log_index = ? WHERE log_index = -1", (j,))


def swap_bodies(c: sqlite3.Connection, i: int, j: int) -> None:
    (one,), (two,) = (c.execute("SELECT body FROM audit_entry WHERE log_index = ?", (n,)).fetchone() for n in (i, j))
    c.executemany("UPDATE audit_entry SET body = ? WHERE log_index = ?", [(two, i), (one, j)])


def drop_one(c: sqlite3.Connection, i: int, _j: int) -> None:
    c.execute("DELETE FROM audit_entry WHERE log_index = ?", (i,))


def drop_and_renumber(c: sqlite3.Connection, i: int, j: int) -> None:
    drop_one(c, i, j)
    for index in range(i + 1, SIZE):
        c.execute("UPDATE audit_entry SET log_index = ? WHERE log_index = ?", (index - 1, index))


def drop_tail(c: sqlite3.Connection, i: int, _j: int) -> None:
    c.execute("DELETE FROM audit_entry WHERE log_index >= ?", (i,))


def drop_tail_and_checkpoints(c: sqlite3.Connection, i: int, j: int) -> None:
    drop_tail(c, i, j)
    c.execute("DELETE FROM audit_checkpoint WHERE size > ?", (i,))


def insert_one(c: sqlite3.Connection, i: int, j: int) -> None:
    for index in range(SIZE - 1, i - 1, -1):
        c.execute("UPDATE audit_entry SET log_index = ? WHERE log_index = ?", (index + 1, index))
    c.execute(f"INSERT INTO audit_entry SELECT {i}, {COLUMNS} FROM audit_entry WHERE log_index = {j}")
    change_body(c, i, j)


def repeat_one(c: sqlite3.Connection, i: int, j: int) -> None:
    c.execute("DELETE FROM audit_entry WHERE log_index = ?", (i,))
    c.execute(f"INSERT INTO audit_entry SELECT {i}, {COLUMNS} FROM audit_entry WHERE log_index = {j}")


def change_time(c: sqlite3.Connection, i: int, _j: int) -> None:
    c.execute("UPDATE audit_entry SET at_ns = at_ns + 1 WHERE log_index = ?", (i,))


def change_tenant(c: sqlite3.Connection, i: int, _j: int) -> None:
    c.execute("UPDATE audit_entry SET organisation_id = 'p' WHERE log_index = ?", (i,))


def change_kind(c: sqlite3.Connection, i: int, _j: int) -> None:
    c.execute("UPDATE audit_entry SET kind = 'act' WHERE log_index = ?", (i,))


def change_exchange(c: sqlite3.Connection, i: int, _j: int) -> None:
    c.execute("UPDATE audit_entry SET exchange_id = NULL WHERE log_index = ?", (i,))


CHANGES = [
    change_body,
    change_tenant_everywhere,
    swap_rows,
    swap_bodies,
    drop_one,
    drop_and_renumber,
    drop_tail,
    drop_tail_and_checkpoints,
    insert_one,
    repeat_one,
    change_time,
    change_tenant,
    change_kind,
    change_exchange,
]


def test_the_original_is_valid(original: Original) -> None:
    report = original.verify(original.folder / "log" / "sluicegate.db")
    assert (report.exit_code, report.entries, report.covered) == (0, SIZE, SIZE)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@given(places=st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)).filter(lambda pair: pair[0] != pair[1]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tampering_is_found_and_the_first_bad_entry_named(
    original: Original, change: Change, places: tuple[int, int]
) -> None:
    first, other = min(places), max(places)
    report = original.tampered(change, first, other)
    assert report.exit_code == 1
    assert min(finding.first for finding in report.findings) == first


def test_an_older_copy_and_a_fork_are_found(original: Original) -> None:
    older = original.verify(original.folder / "older.db")
    assert [(finding.kind, finding.first) for finding in older.findings] == [("cut off", SIZE // 2)]
    fork = original.verify(original.folder / "fork" / "sluicegate.db")
    assert [finding.kind for finding in fork.findings] == ["fork"]
