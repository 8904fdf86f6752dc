"""The audit log on a disk that fills up, on a file that cannot be written, and under kill -9.

What was acknowledged before the database turned out to be unwritable is in the journal, and comes into the log in the end.
"""

import asyncio
import random
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sluicegate.core.errors import AuditUnavailable
from sluicegate.store.database import Database
from tests.support.auditing import exchanges, intent, running, settings_in, verify_in

ROOT = Path(__file__).parents[2]
KILLS = 20

APPENDING = """
import asyncio, sys
from pathlib import Path
from tests.support.auditing import DAY, Spend, intent, outcome, running
from sluicegate.settings import Settings

async def main():
    settings = Settings.model_validate({"data_dir": Path(sys.argv[1]), "audit": {"checkpoint_entries": 16}})
    async with running(settings) as at:
        print("started", flush=True)
        async def one():
            while True:
                entry = intent(reserved_tokens=1)
                await at.log.append(entry)
                print("intent", entry.exchange, flush=True)
                await at.log.append(outcome(entry.exchange), [Spend("key:k", DAY, 1, 3)])
                print("outcome", entry.exchange, flush=True)
        await asyncio.gather(*(one() for _ in range(8)))

asyncio.run(main())
"""


UNHURRIED: dict[str, Any] = {"journal_seconds": 3_600, "probe_seconds": 3_600}
"""The database is filled when something asks for it, and not because time has passed."""


async def test_on_a_full_disk_nothing_is_lost_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, **UNHURRIED)
    async with running(settings) as at:
        await exchanges(at.log, 5)
        used = await at.writer.write(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar())
        assert used is not None
        await at.writer.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {used}").scalar())
        await asyncio.gather(*(at.log.append(intent(principal="p" * 100_000)) for _ in range(4)))
        with pytest.raises(AuditUnavailable):
            await at.log.settle()
        assert at.writer.failing
        # after a failure the writer has a new connection, which has no such limit: there is room again
        assert await at.append(intent("a" * 32)) == 14
        assert (await at.verify([])).exit_code == 0
    database = Database(settings)
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_entry")).scalar() == 15
    database.close()


async def test_a_file_size_limit_refuses_all_from_the_first_failure_on(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, **UNHURRIED)
    async with running(settings) as at:
        await exchanges(at.log, 5)
        await at.log.settle()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        wal = tmp_path / "sluicegate.db-wal"
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
            await at.log.append(intent())  # the beginning of the journal is below the limit
            with pytest.raises(AuditUnavailable):
                await at.append(intent(principal="p" * 1_000_000))  # which is then in the way of the database, too
            for _ in range(2):
                answers = await asyncio.gather(
                    *(at.log.append(intent(principal="p" * 100_000)) for _ in range(3)), return_exceptions=True
                )
                assert [type(answer) for answer in answers] == [AuditUnavailable] * 3
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, previous)
        assert await at.append(intent("a" * 32)) == 11
        assert (await at.verify([])).exit_code == 0


async def test_a_read_only_database_refuses_entries_and_recovers(tmp_path: Path) -> None:
    async with running(settings_in(tmp_path, **UNHURRIED)) as at:
        await exchanges(at.log, 5)
        await at.writer.write(lambda c: c.exec_driver_sql("PRAGMA query_only = ON") and None)
        await at.log.append(intent())
        with pytest.raises(AuditUnavailable):
            await at.log.settle()
        assert await at.append(intent("a" * 32)) == 11
        assert (await at.verify([])).exit_code == 0


async def test_a_locked_database_refuses_entries_and_recovers(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, **UNHURRIED)
    settings = settings.model_copy(update={"database": settings.database.model_copy(update={"busy_timeout": 0.05})})
    async with running(settings) as at:
        await exchanges(at.log, 5)
        other = Database(settings)
        with other.transaction():
            await at.log.append(intent())
            with pytest.raises(AuditUnavailable):
                await at.log.settle()
            for _ in range(2):
                with pytest.raises(AuditUnavailable):
                    await at.log.append(intent())
        other.close()
        assert await at.append(intent()) == 11


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, checkpoint_entries=16)
    chance = random.Random(9)
    acknowledged: set[tuple[str, str]] = set()
    for _ in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", APPENDING, str(tmp_path)), stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"started\n"
        lines = [await process.stdout.readline() for _ in range(chance.randrange(1, 200))]
        process.kill()
        lines += (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
        for line in lines:
            if line.endswith(b"\n"):
                kind, exchange = line.decode().split()
                acknowledged.add((kind, exchange))
    async with running(settings) as at:
        with at.database.connect() as connection:
            rows = connection.execute(text("SELECT kind, exchange_id, body FROM audit_entry")).all()
            spent = connection.execute(text("SELECT tokens, nano_usd FROM spending")).one()
        stored = {(row.kind, row.exchange_id) for row in rows}
        assert len(stored) == len(rows)
        assert acknowledged <= stored
        answered = sum(row.kind == "outcome" and b"unknown_crash" not in row.body for row in rows)
        assert tuple(spent) == (answered, 3 * answered)
        report = await at.verify()
        assert report.exit_code == 0
        assert not any("without an outcome" in line for line in report.information)
        key = at.log.verifier_key
    database = Database(settings)
    report = verify_in(database, key, settings)
    assert (report.exit_code, report.entries) == (0, report.covered)
    database.close()
