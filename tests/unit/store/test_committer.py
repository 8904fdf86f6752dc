"""What is appended, what is committed, and what becomes of it when either fails. `test_writer.py` runs it in its thread."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from sluicegate.store.committer import FILL, Committer, Noted, WriteFailed
from sluicegate.store.database import Database
from sluicegate.store.journal import Journal, read
from sluicegate.store.rows import Rows
from tests.support.auditing import settings_in

SPENDING = Rows("spending", ("scope", "window", "tokens", "nano_usd"))


class Names:
    """Writes names into `spending`; those in capitals cannot be noted."""

    def __init__(self) -> None:
        self.failing: Exception | None = None

    def note(self, items: Sequence[str]) -> Noted | None:
        if any(item.isupper() for item in items):
            return None
        return Noted(" ".join(items).encode(), items, [f"noted {item}" for item in items])

    def apply(self, connection: Connection, items: Sequence[str]) -> Sequence[Any]:
        if self.failing is not None:
            raise self.failing
        SPENDING.insert(connection, [(item, "total", 0, 0) for item in items])
        return [f"wrote {item}" for item in items]

    def due(self) -> float | None:
        return None

    def committed(self) -> None:
        pass

    def rolled_back(self) -> None:
        pass


class Failing(Journal):
    """A journal whose device breaks."""

    broken = False

    def append(self, payload: bytes) -> bool:
        if self.broken:
            raise OSError(5, "Input/output error")
        return super().append(payload)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.now = 1_000.0
        settings = settings_in(folder)
        self.database = Database(settings)
        self.path = folder / "journal"
        journal = Failing.open(self.path, 64 * 1024)
        assert isinstance(journal, Failing)
        self.journal = journal
        self.names = Names()
        self.committer = Committer(self.database, settings.audit, clock=lambda: self.now)
        self.committer.adopt(journal, self.names)

    def append(self, *items: str) -> Sequence[Any] | None:
        return self.committer.append([(self.names, item, None) for item in items])

    def commit(self, *items: str) -> Sequence[Any]:
        return self.committer.commit([(self.names, item, None) for item in items], [])[0]

    def stored(self) -> list[str]:
        with self.database.connect() as connection:
            return list(connection.execute(text("SELECT scope FROM spending ORDER BY rowid")).scalars())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.committer.close()
    made.database.close()


def test_what_can_be_noted_is_durable_at_once_and_filled_in_later(bench: Bench) -> None:
    assert bench.append("a", "b") == ["noted a", "noted b"]
    assert bench.append("c") == ["noted c"]
    assert (bench.stored(), bench.committer.behind, read(bench.path)) == ([], 3, [b"a b", b"c"])
    bench.commit()
    assert (bench.stored(), bench.committer.behind) == (["a", "b", "c"], 0)
    bench.append("d")
    assert read(bench.path) == [b"d"]


def test_what_must_be_committed_comes_after_what_was_noted_in_one_transaction(bench: Bench) -> None:
    bench.append("a")
    assert bench.append("b", "C") is None
    assert bench.commit("b", "C") == ["wrote b", "wrote C"]
    assert bench.stored() == ["a", "b", "C"]


def test_another_batch_is_committed(bench: Bench) -> None:
    assert bench.committer.append([(bench.names, "a", None), (Names(), "b", None)]) is None


def test_the_time_to_fill(bench: Bench) -> None:
    assert (bench.committer.wait(), bench.committer.must_fill) == (None, False)
    bench.append("a")
    bench.now += 0.03
    bench.append("b")
    assert bench.committer.wait() == pytest.approx(0.02)
    assert not bench.committer.must_fill
    bench.now += 0.03
    assert (bench.committer.wait(), bench.committer.must_fill) == (0.0, True)
    bench.commit()
    assert (bench.committer.wait(), bench.committer.must_fill) == (None, False)
    bench.append(*(f"n{n}" for n in range(FILL)))
    assert bench.committer.must_fill


def test_what_was_acknowledged_is_kept_until_it_can_be_committed(bench: Bench) -> None:
    bench.append("a")
    bench.names.failing = sqlite3.OperationalError("disk I/O error")
    for _ in range(2):
        (result,) = bench.commit("B")
        assert isinstance(result, WriteFailed)
        assert bench.append("c") is None  # nothing more is acknowledged
        assert (bench.committer.broken, bench.committer.behind) == (True, 1)
        assert (bench.committer.wait(), read(bench.path)) == (1.0, [b"a"])
    bench.names.failing = None
    assert bench.commit("c") == ["wrote c"]
    assert (bench.stored(), bench.committer.broken) == (["a", "c"], False)
    assert bench.append("d") == ["noted d"]


def test_a_full_journal_is_emptied_by_the_next_commit(bench: Bench) -> None:
    count = 0
    while bench.append(f"{count:0500}"):
        count += 1
    assert bench.commit("last") == ["wrote last"]
    assert len(bench.stored()) == count + 1
    assert bench.append("more") == ["noted more"]


def test_without_a_journal_that_can_be_written_groups_are_committed(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.journal.broken = True
    for name in ("a", "b"):
        assert bench.append(name) is None
        assert bench.commit(name) == [f"wrote {name}"]
    bench.journal.broken = False
    assert bench.append("c") == ["noted c"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_closing_fills_what_waits_and_leaves_an_empty_journal(bench: Bench) -> None:
    bench.append("a")
    bench.committer.close()
    assert (bench.stored(), read(bench.path)) == (["a"], [])


def test_closing_leaves_in_the_journal_what_cannot_be_filled(bench: Bench) -> None:
    bench.append("a")
    bench.names.failing = sqlite3.OperationalError("disk I/O error")
    bench.committer.close()
    assert (bench.stored(), read(bench.path)) == ([], [b"a"])
