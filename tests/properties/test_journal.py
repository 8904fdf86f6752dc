"""Whatever is appended, filled and crashed: every acknowledged entry is in the log once, and its spending."""

import json
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from sluicegate.audit.log import journal_path, journaled, load_signer
from sluicegate.audit.sequencer import Append, Replay, Sequencer
from sluicegate.core.exchange import Spend
from sluicegate.settings import Settings
from sluicegate.store.committer import Committer
from sluicegate.store.database import Database
from sluicegate.store.journal import Journal
from tests.support.auditing import intent, outcome, settings_in, verify_in

FILES = ("sluicegate.db", "sluicegate.db-wal", "sluicegate.db.journal", "audit.key", "audit.checkpoint")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("group"), st.integers(1, 5)),
        st.just(("fill", 0)),
        st.just(("direct", 0)),
        st.just(("fail", 0)),
        st.just(("restart", 0)),
        st.tuples(st.just("crash"), st.integers(0, 2)),
    ),
    max_size=14,
)


class Watched(Journal):
    """A journal that lets somebody look before it is emptied."""

    seen: Callable[[], None] = staticmethod(lambda: None)

    def reset(self) -> None:
        self.seen()
        super().reset()


class Life:
    """A log in a folder, used as the writer's thread uses it, over any number of crashes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = count()
        self.acknowledged: set[tuple[str, str]] = set()
        folder.mkdir()
        settings_in(folder)
        self.open()

    def open(self) -> None:
        """Start on what the folder holds."""
        self.settings = Settings.model_validate({"data_dir": self.folder, "audit": {"journal_bytes": 65_536}})
        self.database = Database(self.settings)
        path = journal_path(self.database)
        assert path is not None
        journal = Watched.open(path, self.settings.audit.journal_bytes)
        assert isinstance(journal, Watched)
        self.journal = journal
        self.sequencer = Sequencer(self.settings, load_signer(self.settings), postgres=False)
        self.committer = Committer(self.database, self.settings.audit)
        self.commit([Replay(journaled(path, journal.payloads))])
        journal.reset()
        self.committer.adopt(journal, self.sequencer)

    def commit(self, items: list[Any]) -> None:
        """Commit, with what waits in the journal."""
        results, _ = self.committer.commit([(self.sequencer, item, None) for item in items], [])
        assert not any(isinstance(result, Exception) for result in results)
        self.committer.after()

    def entries(self, number: int) -> list[Append]:
        """So many entries of exchanges, each with what it adds to spending."""
        found = []
        for _ in range(number):
            name = f"{next(self.names):032x}"
            found += [Append(intent(name)), Append(outcome(name), (Spend("key:k", "2026-11-21", 1, 10),))]
        return found

    def acknowledge(self, items: list[Append]) -> None:
        """Their callers were told."""
        self.acknowledged |= {(item.entry.exchange, item.entry.kind) for item in items}

    def do(self, what: str, number: int) -> None:
        """One step."""
        if what == "group":
            items = self.entries(number)
            if self.committer.append([(self.sequencer, item, None) for item in items]) is None:
                self.commit(items)
            self.acknowledge(items)
        elif what == "direct":
            items = self.entries(1)
            self.commit([*items, Append(intent("f" * 32), (), lambda _connection: None)])
            self.acknowledge(items)
        elif what == "fill":
            self.commit([])
        elif what == "fail":
            self.fail()
        elif what == "restart":
            self.committer.close()
            self.database.close()
            self.open()
        else:
            self.crash(number)

    def fail(self) -> None:
        """A transaction that holds everything in the journal, and is undone."""

        def refuse(*_: object) -> None:
            raise OSError

        self.sequencer._flush, kept = refuse, self.sequencer._flush  # type: ignore[method-assign,assignment]
        self.committer.commit([], [])
        self.sequencer._flush = kept  # type: ignore[method-assign]
        self.commit([])

    def crash(self, when: int) -> None:
        """What is on disk now, or in the middle of a fill, is all that is left."""
        left = self.folder.with_name(f"{self.folder.name}x")
        if when == 0:
            self.copy(left)
        if when == 1:  # committed, and the journal not emptied
            self.journal.seen = lambda: self.copy(left)
        if when == 2:  # and then the first record of the next generation cut short
            self.journal.seen = lambda: self.copy(left, torn=True)
        self.commit([])
        self.committer.close()
        self.database.close()
        self.folder = left
        self.open()

    def copy(self, left: Path, *, torn: bool = False) -> None:
        if left.exists():
            return
        left.mkdir()
        for name in FILES:
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, left / name)
        if torn:
            path = left / "sluicegate.db.journal"
            content = bytearray(path.read_bytes())
            content[8:16] = (int.from_bytes(content[8:16], "little") + 1).to_bytes(8, "little")
            path.write_bytes(content)

    def check(self) -> None:
        """Everything acknowledged is there once, with its spending, and the log verifies."""
        self.committer.close()
        with self.database.connect() as connection:
            rows = connection.execute(text("SELECT exchange_id, kind, body FROM audit_entry WHERE kind != 'act'")).all()
            spent = connection.execute(text("SELECT sum(tokens), sum(nano_usd) FROM spending")).one()
        stored = [(exchange, kind) for exchange, kind, _ in rows if exchange != "f" * 32]
        assert len(stored) == len(set(stored))
        assert set(stored) == self.acknowledged
        outcomes = sum(json.loads(body)["kind"] == "outcome" for _, _, body in rows)
        assert (spent[0] or 0, spent[1] or 0) == (outcomes, 10 * outcomes)
        report = verify_in(self.database, str(load_signer(self.settings).verifier), self.settings, [])
        assert not report.findings
        self.database.close()


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_every_acknowledged_entry_is_in_the_log_once(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        life = Life(Path(folder) / "log")
        for what, number in steps:
            life.do(what, number)
        life.check()
