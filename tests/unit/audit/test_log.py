import asyncio
import shutil
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from sluicegate.audit.head import AuditDamaged, AuditRollback
from sluicegate.audit.log import act_now
from sluicegate.audit.sequencer import PUBLISHED
from sluicegate.core.errors import AuditUnavailable
from sluicegate.core.exchange import Spend
from sluicegate.settings import Settings
from sluicegate.store.database import Database
from tests.support.auditing import exchanges, intent, outcome, running, settings_in


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


def spent(database: Database) -> dict[tuple[str, str], tuple[int, int]]:
    with database.connect() as connection:
        rows = connection.execute(text('SELECT scope, "window", tokens, nano_usd FROM spending'))
        return {(scope, window): (tokens, nano_usd) for scope, window, tokens, nano_usd in rows}


async def test_appended_entries_are_numbered_durable_and_verify(tmp_path: Path, url: str) -> None:
    settings = settings_in(tmp_path, url, checkpoint_entries=50)
    async with running(settings) as at:
        assert await at.append(intent("a" * 32, organisation="o")) == 0
        assert await at.append(outcome("a" * 32), [Spend("key:k", "total", 1, 2)]) == 1
        await exchanges(at.log, 100)
        report = await at.verify()
        assert (report.exit_code, report.entries) == (0, 202)
        assert report.covered >= 152
    async with running(settings) as at:
        assert spent(at.database) == {("key:k", "total"): (1, 2), ("key:k", "2026-11-21"): (1000, 10000)}
        assert await at.append(intent()) == 202
        assert (await at.verify()).exit_code == 0
    published = (tmp_path / PUBLISHED).read_text().split("\n")
    assert published[:2] == [settings.audit.origin, "203"]


async def test_an_act_and_its_entry_happen_together_or_not_at_all(tmp_path: Path, url: str) -> None:
    async with running(settings_in(tmp_path, url)) as at:

        def add(connection: Connection) -> str:
            connection.execute(text("INSERT INTO spending VALUES ('key:a', 'total', 1, 1)"))
            return "added"

        class Refused(Exception):
            pass

        def refuse(connection: Connection) -> None:
            connection.execute(text("INSERT INTO spending VALUES ('key:b', 'total', 1, 1)"))
            raise Refused

        first, second, third, fourth = await asyncio.gather(
            at.log.append(intent("a" * 32)),
            at.log.act("user:root", "key.create", "key:a", "o", add),
            at.log.act("user:root", "key.create", "key:b", "o", refuse),
            at.log.append(outcome("a" * 32)),
            return_exceptions=True,
        )
        assert (first, second, fourth) == (None, "added", None)
        assert isinstance(third, Refused)
        assert list(spent(at.database)) == [("key:a", "total")]
        assert (await at.verify([])).exit_code == 0
        body = await at.database.read(lambda c: c.execute(text("SELECT body FROM audit_entry WHERE kind = 'act'")).scalar())
        assert b'"action":"key.create","actor":"user:root"' in bytes(body or b"")


async def test_a_command_may_act_while_the_server_runs(tmp_path: Path, url: str) -> None:
    settings = settings_in(tmp_path, url)
    async with running(settings) as at:
        await exchanges(at.log, 3)
        other = Database(settings)

        def now(name: str) -> int:
            return act_now(other, settings, "command", "test", name, None, lambda _connection: 7)

        assert await asyncio.get_running_loop().run_in_executor(None, now, "one") == 7
        assert await at.append(intent("a" * 32)) == 7
        assert await asyncio.get_running_loop().run_in_executor(None, now, "two") == 7
        assert await at.append(outcome("a" * 32)) == 9
        other.close()
        report = await at.verify()
        assert (report.exit_code, report.entries) == (0, 10)
    async with running(settings) as at:
        assert (await at.verify()).covered == 10


async def test_what_a_command_changes_badly_is_undone_and_raised(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    database = Database(settings)

    def fail(_connection: Connection) -> None:
        raise LookupError("no such key")

    with pytest.raises(LookupError):
        act_now(database, settings, "command", "test", "x", None, fail)
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_entry")).scalar() == 0
    database.close()


async def test_a_crash_closes_open_intents_and_charges_what_they_reserved(tmp_path: Path, url: str) -> None:
    settings = settings_in(tmp_path, url)
    async with running(settings) as at:
        await at.log.append(intent("a" * 32, key="k", team="t", reserved_tokens=5, reserved_nano_usd=70))
        await at.log.append(intent("b" * 32))
        await at.log.append(outcome("b" * 32))
    async with running(settings) as at:
        report = await at.verify()
        assert (report.exit_code, report.entries) == (0, 4)
        assert not any("without an outcome" in line for line in report.information)
        with at.database.connect() as connection:
            row = connection.execute(text("SELECT kind, exchange_id, body FROM audit_entry WHERE log_index = 3")).one()
        assert (row.kind, row.exchange_id) == ("outcome", "a" * 32)
        assert b'"outcome":"unknown_crash"' in bytes(row.body)
        charged = spent(at.database)
        assert {scope for scope, _ in charged} == {"key:k", "team:t"}
        assert sorted(len(window) for _, window in charged) == [10, 10]
        assert set(charged.values()) == {(5, 70)}
    async with running(settings) as at:
        assert (await at.verify()).entries == 4


async def test_another_servers_open_intents_are_left_alone(tmp_path: Path, url: str) -> None:
    settings = settings_in(tmp_path, url)
    async with running(settings) as first:
        await first.log.append(intent("a" * 32))
        async with running(settings) as second:
            await second.log.append(intent("b" * 32))
            await first.log.append(outcome("a" * 32))
            await second.log.append(outcome("b" * 32))
            await asyncio.gather(exchanges(first.log, 40), exchanges(second.log, 40))
        report = await first.verify()
        assert (report.exit_code, report.entries) == (0, 164)


async def test_an_older_database_is_refused_at_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as at:
        await exchanges(at.log, 5)
    old = tmp_path / "backup"
    shutil.copy(tmp_path / "sluicegate.db", old)
    async with running(settings) as at:
        await exchanges(at.log, 5)
    shutil.copy(old, tmp_path / "sluicegate.db")
    with pytest.raises(AuditRollback, match=r"10 entries.*20 entries was published"):
        async with running(settings):
            pass
    database = Database(settings)
    with pytest.raises(AuditRollback):
        act_now(database, settings, "command", "test", "x", None, lambda _connection: None)
    database.close()


async def test_a_database_that_went_another_way_is_refused_at_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as at:
        await exchanges(at.log, 5)
    shutil.copy(tmp_path / "sluicegate.db", tmp_path / "backup")
    older = (tmp_path / PUBLISHED).read_text()
    async with running(settings) as at:
        await exchanges(at.log, 5)
    kept = (tmp_path / PUBLISHED).read_text()
    shutil.copy(tmp_path / "backup", tmp_path / "sluicegate.db")
    (tmp_path / PUBLISHED).write_text(older)
    async with running(settings) as at:
        await exchanges(at.log, 7)
    (tmp_path / PUBLISHED).write_text(kept)
    with pytest.raises(AuditRollback, match="another way"):
        async with running(settings):
            pass


async def test_a_tree_that_does_not_fit_its_checkpoint_is_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as at:
        await exchanges(at.log, 5)
    database = Database(settings)
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER audit_checkpoint_no_update"))
        connection.execute(text("UPDATE audit_checkpoint SET frontier = zeroblob(length(frontier)) WHERE size = 10"))
    database.close()
    with pytest.raises(AuditDamaged, match="10 entries"):
        async with running(settings):
            pass


async def test_a_log_cut_off_under_the_running_server_is_not_continued(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as at:
        await exchanges(at.log, 5)
        await at.log.settle()
        with at.database.transaction() as connection:
            connection.execute(text("DROP TRIGGER audit_entry_no_delete"))
            connection.execute(text("DELETE FROM audit_entry WHERE log_index = 9"))
        await at.log.append(intent())  # durable in the journal, which is not what was tampered with
        for _ in range(2):
            with pytest.raises(AuditUnavailable):
                await at.log.settle()
            with pytest.raises(AuditUnavailable):
                await at.log.append(intent())
        at.database.engine.dispose()
        # put it back, so that the log can be closed in order
        with at.database.transaction() as connection:
            connection.execute(
                text(
                    "INSERT INTO audit_entry SELECT 9, body, at_ns, kind, exchange_id, organisation_id "
                    "FROM audit_entry WHERE log_index = 8"
                )
            )


async def test_an_entry_without_canonical_bytes_fails_alone(tmp_path: Path) -> None:
    async with running(settings_in(tmp_path)) as at:
        good, bad = await asyncio.gather(
            at.log.append(intent()), at.log.append(intent(model="\ud800")), return_exceptions=True
        )
        assert good is None
        assert isinstance(bad, UnicodeEncodeError)
        assert await at.append(intent()) == 1


async def test_an_entry_is_covered_by_a_checkpoint_soon_after_the_last_append(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, checkpoint_seconds=0.05)
    async with running(settings) as at:
        await at.log.append(intent("a" * 32))
        async with asyncio.timeout(10):
            while (await at.verify([])).covered < 1:
                pass
        await at.log.append(outcome("a" * 32))


async def test_a_clock_that_goes_back_is_said(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as at:
        await at.append(intent("a" * 32))
        ahead = 4_000_000_000 * 10**9
        with at.database.transaction() as connection:
            connection.execute(text("DROP TRIGGER audit_entry_no_update"))
            connection.execute(text("UPDATE audit_entry SET at_ns = :ahead"), {"ahead": ahead})
    async with running(settings) as at:
        with at.database.connect() as connection:
            body = connection.execute(text("SELECT body FROM audit_entry WHERE log_index = 1")).scalar()
        assert body is not None
        assert b'"time_regressed":true' in body


def crashed(settings: Settings, folder: Path) -> Settings:
    """Settings on what a crash would leave at this moment."""
    folder.mkdir()
    for path in settings.data_dir.glob("*"):
        if path.is_file():
            shutil.copy(path, folder)
    return settings.model_copy(update={"data_dir": folder})


async def test_what_a_crash_leaves_in_the_journal_comes_into_the_log_before_intents_are_closed(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "first", journal_seconds=3_600)
    async with running(settings) as at:
        await at.log.append(intent("a" * 32))
        await at.log.append(outcome("a" * 32), [Spend("key:k", "2026-11-21", 1, 2)])
        await at.log.append(intent("b" * 32))
        left = crashed(settings, tmp_path / "second")
        with at.database.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM audit_entry")).scalar() == 0
    again = crashed(left, tmp_path / "third")
    for found in (left, again):
        async with running(found) as at:
            report = await at.verify()
            assert (report.exit_code, report.entries) == (0, 4)
            with at.database.connect() as connection:
                rows = connection.execute(text("SELECT exchange_id, kind FROM audit_entry ORDER BY log_index")).all()
            assert [(exchange[0], kind) for exchange, kind in rows] == [
                *(("a", "intent"), ("a", "outcome"), ("b", "intent"), ("b", "outcome"))
            ]
            assert spent(at.database) == {("key:k", "2026-11-21"): (1, 2)}


async def test_a_journal_that_does_not_hold_is_refused_at_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "first", journal_seconds=3_600)
    async with running(settings) as at:
        for _ in range(3):
            await at.log.append(intent())
        left = crashed(settings, tmp_path / "second")
    path = tmp_path / "second" / "sluicegate.db.journal"
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"!" + whole[41:])
    for _ in range(2):  # and is let go of again
        with pytest.raises(AuditDamaged, match=str(path)):
            async with running(left):
                pass
    path.write_bytes(whole)
    async with running(left) as at:
        assert (await at.verify()).entries == 6


async def test_an_older_database_is_refused_before_anything_comes_in_from_the_journal(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "first", journal_seconds=3_600)
    older = crashed(settings, tmp_path / "older")
    async with running(settings) as at:
        await exchanges(at.log, 3)
    async with running(settings) as at:
        await at.log.append(intent())
        left = crashed(settings, tmp_path / "second")
    for path in left.data_dir.glob("sluicegate.db*"):
        if path.suffix != ".journal":
            path.unlink()
    shutil.copy(older.data_dir / "sluicegate.db", left.data_dir)
    with pytest.raises(AuditRollback):
        async with running(left):
            pass
    database = Database(left)
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_entry")).scalar() == 0
    database.close()


async def test_a_second_server_commits_without_the_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as first, running(settings) as second:
        assert [record.message for record in caplog.records if "journal" in record.message] == [
            "another process holds the journal, so each group is committed by itself"
        ]
        await first.log.append(intent("a" * 32))
        await second.log.append(intent("b" * 32))
        with second.database.connect() as connection:
            found = connection.execute(text("SELECT exchange_id FROM audit_entry")).scalars().all()
        assert "b" * 32 in found
        await second.log.append(outcome("b" * 32))
        await first.log.append(outcome("a" * 32))
        assert (await first.verify()).entries == 4
