import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from sluicegate.settings import Settings
from sluicegate.store.committer import FILL, Noted, WriteFailed
from sluicegate.store.database import Database
from sluicegate.store.journal import Journal, read
from sluicegate.store.rows import Rows
from sluicegate.store.writer import QueueFull, Writer
from tests.support.auditing import settings_in

SPENDING = Rows("spending", ("scope", "window", "tokens", "nano_usd"))


class Scopes:
    """Writes names into `spending`, and remembers what it was told."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.told: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.failing: Exception | None = None

    def apply(self, connection: Connection, items: Sequence[str]) -> Sequence[Any]:
        self.entered.set()
        assert self.gate.wait(10)
        if self.failing is not None:
            raise self.failing
        SPENDING.insert(connection, [(item, "total", 0, 0) for item in items])
        self.groups.append(list(items))
        return [f"wrote {item}" for item in items]

    def due(self) -> float | None:
        return None

    def committed(self) -> None:
        self.told.append("committed")

    def rolled_back(self) -> None:
        self.told.append("rolled back")


class Bench:
    def __init__(self, folder: Path, **audit: Any) -> None:
        settings_in(folder)
        settings = Settings.model_validate({"data_dir": folder, "audit": audit, "traces": {"queue": 50, "batch": 20}})
        self.database = Database(settings)
        self.path = folder / "journal"
        self.writer = Writer(self.database, settings)
        self.batch = Scopes()

    async def hold(self) -> "asyncio.Future[Any]":
        """Let the thread stand in the middle of a group of one."""
        self.batch.gate.clear()
        held = self.writer.submit(self.batch, "held")
        await asyncio.get_running_loop().run_in_executor(None, self.batch.entered.wait)
        return held

    def names(self) -> list[str]:
        with self.database.connect() as connection:
            return list(connection.execute(text("SELECT scope FROM spending ORDER BY scope")).scalars())


@pytest.fixture
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    made = Bench(tmp_path, **{"queue": 40, "commit_timeout": 30, **getattr(request, "param", {})})
    made.writer.start()
    yield made
    made.batch.gate.set()
    await made.writer.stop()
    made.database.close()


async def test_what_gathers_while_the_thread_commits_is_one_group(bench: Bench) -> None:
    held = await bench.hold()
    later = [bench.writer.submit(bench.batch, f"n{n:02}") for n in range(30)]
    await asyncio.sleep(0)
    bench.batch.gate.set()
    assert await held == "wrote held"
    assert await asyncio.gather(*later) == [f"wrote n{n:02}" for n in range(30)]
    assert [len(group) for group in bench.batch.groups] == [1, 30]
    assert len(bench.names()) == 31


async def test_a_full_queue_refuses_at_once(bench: Bench) -> None:
    held = await bench.hold()
    later = [bench.writer.submit(bench.batch, f"n{n:02}") for n in range(39)]
    with pytest.raises(QueueFull):
        bench.writer.submit(bench.batch, "one too many")
    bench.batch.gate.set()
    await asyncio.gather(held, *later)
    assert await bench.writer.submit(bench.batch, "again") == "wrote again"


async def test_a_group_that_fails_fails_for_all_and_the_next_one_is_written(bench: Bench) -> None:
    bench.batch.failing = sqlite3.OperationalError("disk I/O error")
    answers = await asyncio.gather(*(bench.writer.submit(bench.batch, f"n{n}") for n in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [WriteFailed] * 5
    assert all(isinstance(answer, WriteFailed) and answer.__cause__ is bench.batch.failing for answer in answers)
    assert len({id(answer) for answer in answers}) == 5
    assert bench.batch.told == ["rolled back"]
    bench.batch.failing = None
    assert await bench.writer.submit(bench.batch, "after") == "wrote after"
    assert bench.names() == ["after"]


async def test_a_database_that_can_be_written_again_is_noticed_though_nothing_is_submitted(bench: Bench) -> None:
    bench.batch.failing = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(WriteFailed):
        await bench.writer.submit(bench.batch, "n")
    assert bench.writer.failing
    bench.batch.failing = None
    bench.batch.told.clear()
    while "committed" not in bench.batch.told:  # told by the writer's thread
        await asyncio.sleep(0)
    assert not bench.writer.failing


async def test_what_waits_too_long_is_refused_and_then_not_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_timeout=0.05)
    bench.writer.start()
    held = await bench.hold()
    late = bench.writer.submit(bench.batch, "late")
    for future in (held, late):
        with pytest.raises(WriteFailed, match="commit_timeout"):
            await future
    bench.batch.gate.set()
    await bench.writer.stop()
    assert bench.names() == ["held"]  # its group had begun; the answer was late, the entry is there
    bench.database.close()


async def test_a_cancelled_task_waits_until_its_item_is_durable(bench: Bench) -> None:
    held = await bench.hold()

    async def write() -> None:
        await bench.writer.submit(bench.batch, "gone")

    task = asyncio.ensure_future(write())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    bench.batch.gate.set()
    assert await held == "wrote held"
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.names() == ["gone", "held"]


async def test_a_work_that_raises_is_undone_alone(bench: Bench) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("INSERT INTO spending VALUES ('half', 'total', 0, 0)"))
        connection.execute(text("INSERT INTO spending VALUES ('half', 'total', 0, 0)"))

    def work(connection: Connection) -> str:
        connection.execute(text("INSERT INTO spending VALUES ('whole', 'total', 0, 0)"))
        return "done"

    answers = await asyncio.gather(bench.writer.write(fail), bench.writer.write(work), return_exceptions=True)
    assert isinstance(answers[0], IntegrityError)
    assert answers[1] == "done"
    assert bench.names() == ["whole"]


async def test_offered_rows_are_written_and_never_fail_the_group(bench: Bench) -> None:
    offers = Scopes()
    assert all(bench.writer.offer(offers, f"offered {n:02}") for n in range(45))
    await bench.writer.flush()
    assert len(bench.names()) == 45
    for _ in range(20):  # there already, and as many as ride along with an entry
        assert bench.writer.offer(offers, "offered 00")
    await bench.writer.submit(bench.batch, "entry")
    assert bench.writer.lost == 20
    assert "entry" in bench.names()


async def test_offered_rows_are_flushed_when_nothing_else_happens(bench: Bench) -> None:
    offers = Scopes()
    offers.entered.clear()
    for n in range(45):
        bench.writer.offer(offers, f"offered {n:02}")
    await asyncio.get_running_loop().run_in_executor(None, offers.entered.wait)
    await bench.writer.stop()
    assert len(bench.names()) == 45
    assert max(len(group) for group in offers.groups) <= 20


async def test_offers_beyond_the_bound_are_dropped_and_counted(bench: Bench) -> None:
    held = await bench.hold()
    taken = [bench.writer.offer(bench.batch, f"o{n}") for n in range(60)]
    assert (taken.count(True), taken.count(False), bench.writer.lost) == (50, 10, 10)
    bench.batch.gate.set()
    await held


async def test_stopping_writes_what_waits_and_then_refuses(bench: Bench) -> None:
    waiting = [bench.writer.submit(bench.batch, f"n{n:02}") for n in range(30)]
    bench.writer.offer(bench.batch, "offered")
    await bench.writer.stop()
    assert [future.result() for future in waiting] == [f"wrote n{n:02}" for n in range(30)]
    assert len(bench.names()) == 31
    with pytest.raises(QueueFull):
        bench.writer.submit(bench.batch, "too late")


class Noting(Scopes):
    """Names that a journal can hold, but for those in capitals."""

    def note(self, items: Sequence[str]) -> Noted | None:
        if any(item.isupper() for item in items):
            return None
        if items == ["odd"]:
            return Noted(b"", [], [ValueError("odd")])
        return Noted(" ".join(items).encode(), items, [f"noted {item}" for item in items])


@pytest.fixture
def noting(bench: Bench) -> Noting:
    """What the bench's writer makes durable in a journal."""
    batch = Noting()
    journal = Journal.open(bench.path, FILL * 1024)
    assert journal is not None
    bench.writer.adopt(journal, batch)
    return batch


async def test_what_is_noted_is_acknowledged_before_the_database_is_filled(bench: Bench, noting: Noting) -> None:
    noting.gate.clear()
    assert await bench.writer.submit(noting, "a") == "noted a"
    await asyncio.get_running_loop().run_in_executor(None, noting.entered.wait)  # time has passed
    assert read(bench.path) == [b"a"]
    noting.gate.set()
    await bench.writer.settle()
    assert bench.names() == ["a"]


async def test_what_cannot_be_noted_is_acknowledged_with_all_before_it_in_the_database(bench: Bench, noting: Noting) -> None:
    first = bench.writer.submit(noting, "a")
    assert await bench.writer.submit(noting, "B") == "wrote B"
    assert first.done()
    assert bench.names() == ["B", "a"]


@pytest.mark.parametrize("bench", [{"journal_seconds": 3_600}], indirect=True)
async def test_whoever_settles_reads_what_was_acknowledged(bench: Bench, noting: Noting) -> None:
    for name in "abc":
        await bench.writer.submit(noting, name)
    assert bench.names() == []
    await bench.writer.settle()
    assert bench.names() == ["a", "b", "c"]
    await bench.writer.settle()
    await bench.writer.submit(noting, "d")
    await bench.writer.stop()
    assert bench.names() == ["a", "b", "c", "d"]
    assert read(bench.path) == []


async def test_an_unwritable_database_is_noticed_and_nothing_acknowledged_is_lost(bench: Bench, noting: Noting) -> None:
    noting.failing = sqlite3.OperationalError("disk I/O error")
    await bench.writer.submit(noting, "a")
    with pytest.raises(WriteFailed):
        await bench.writer.settle()
    assert bench.writer.failing
    with pytest.raises(WriteFailed):
        await bench.writer.submit(noting, "b")
    noting.failing = None
    noting.told.clear()
    while "committed" not in noting.told:  # told by the writer's thread, which tries again by itself
        await asyncio.sleep(0)
    assert not bench.writer.failing
    assert bench.names() == ["a"]
    assert await bench.writer.submit(noting, "c") == "noted c"


async def test_stopping_ends_though_the_database_cannot_be_written(bench: Bench, noting: Noting) -> None:
    noting.failing = sqlite3.OperationalError("disk I/O error")
    await bench.writer.submit(noting, "a")
    for n in range(45):
        bench.writer.offer(Scopes(), f"offered {n:02}")
    await bench.writer.stop()
    assert bench.writer.lost == 45
    assert read(bench.path) == [b"a"]


async def test_in_a_lull_an_item_is_durable_at_once_and_soon_in_the_database(bench: Bench, noting: Noting) -> None:
    noting.gate.clear()
    assert bench.writer.at_once(noting, "a")
    assert (read(bench.path), bench.writer.waiting) == ([b"a"], 0)
    await asyncio.get_running_loop().run_in_executor(None, noting.entered.wait)  # time has passed
    noting.gate.set()
    await bench.writer.settle()
    assert bench.names() == ["a"]


@pytest.mark.parametrize("bench", [{"journal_seconds": 3_600}], indirect=True)
async def test_what_is_durable_at_once_is_filled_in_by_number_too(bench: Bench, noting: Noting) -> None:
    noting.gate.clear()
    names = [f"{number:03}" for number in range(FILL)]
    for name in names:
        await asyncio.sleep(0)
        if not bench.writer.at_once(noting, name):
            await bench.writer.submit(noting, name)
    await asyncio.get_running_loop().run_in_executor(None, noting.entered.wait)
    noting.gate.set()
    await bench.writer.settle()
    assert bench.names() == names


async def test_only_one_item_of_a_turn_is_written_at_once(bench: Bench, noting: Noting) -> None:
    assert [bench.writer.at_once(noting, name) for name in "ab"] == [True, False]
    await asyncio.sleep(0)
    assert not bench.writer.at_once(noting, "c")  # there is a crowd now


async def test_nothing_is_written_at_once_while_something_waits(bench: Bench, noting: Noting) -> None:
    held = await bench.hold()
    assert not bench.writer.at_once(noting, "a")
    bench.batch.gate.set()
    await held


async def test_what_no_journal_holds_is_not_written_at_once(bench: Bench, noting: Noting) -> None:
    assert not bench.writer.at_once(noting, "A")
    assert not bench.writer.at_once(bench.batch, "a")


async def test_an_item_that_cannot_be_noted_fails_alone_at_once(bench: Bench, noting: Noting) -> None:
    with pytest.raises(ValueError, match="odd"):
        bench.writer.at_once(noting, "odd")


async def test_a_writer_that_stopped_writes_nothing_at_once(bench: Bench, noting: Noting) -> None:
    await bench.writer.stop()
    assert not bench.writer.at_once(noting, "a")
