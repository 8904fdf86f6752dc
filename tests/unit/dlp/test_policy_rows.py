"""Rows of guardrail policies: the last version counts, and a change is noticed once, whoever made it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError

from sluicegate.dlp.policy_rows import PolicyRow, RowWatch, in_force, ordered, said
from sluicegate.store import tables

rows = st.builds(
    PolicyRow,
    organisation=st.none() | st.sampled_from(["a", "b"]),
    name=st.text("xyz", min_size=1, max_size=2),
    document=st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=3),
)


@given(st.lists(rows, unique_by=lambda row: row.key), st.randoms())
def test_what_is_said_depends_on_the_rows_alone(found: list[PolicyRow], random: Any) -> None:
    shuffled = found[:]
    random.shuffle(shuffled)
    again = [PolicyRow(row.organisation, row.name, dict(reversed(list(row.document.items())))) for row in shuffled]
    assert said(ordered(found)) == said(ordered(again))
    assert bool(said(found)) == bool(found)


class Store:
    """A database in memory, and changes that a test makes."""

    def __init__(self, *, postgres: bool = False) -> None:
        self.engine = create_engine("sqlite://")
        tables.metadata.create_all(self.engine)
        self.postgres = postgres
        self.marked = False
        self.broken = False
        self.closed = False
        self.reads = 0
        self.adopted: list[tuple[str, ...]] = []
        self.first: list[bool] = []

    def put(self, id: str, version: int, name: str = "x", organisation: str | None = None, *, active: bool = True) -> None:
        """Add a version."""
        values = {"id": id, "version": version, "organisation_id": organisation, "name": name, "active": active}
        made = {"document": {"v": version}, "note": "", "created_by": "user:x", "created_at": 1.0}
        with self.engine.begin() as connection:
            connection.execute(tables.guardrail.insert().values(**values, **made))

    async def read(self, work: Callable[[Connection], Any]) -> Any:
        """As the database does."""
        self.reads += 1
        if self.broken:
            raise OperationalError("", {}, Exception("gone"))
        with self.engine.connect() as connection:
            return work(connection)

    def moved(self) -> bool:
        """Whether somebody says so."""
        marked, self.marked = self.marked, False
        return marked

    def close(self) -> None:
        """Let go."""
        self.closed = True

    async def adopt(self, rows: Sequence[PolicyRow], *, first: bool = False) -> bool:
        """Note what is to be in force."""
        self.adopted.append(tuple(f"{row.organisation or ''}/{row.name}:{row.document['v']}" for row in rows))
        self.first.append(first)
        return True


def test_the_last_version_counts_unless_it_is_not_active() -> None:
    store = Store()
    store.put("1", 1, "b")
    store.put("1", 2, "b")
    store.put("2", 1, "a")
    store.put("3", 1, "c")
    store.put("3", 2, "c", active=False)
    store.put("4", 1, "a", "org")
    with store.engine.connect() as connection:
        found = in_force(connection)
    assert [(row.organisation, row.name, row.document["v"]) for row in found] == [
        (None, "a", 1),
        (None, "b", 2),
        ("org", "a", 1),
    ]


async def test_rows_are_adopted_when_there_are_new_versions() -> None:
    store = Store()
    watch = RowWatch(store, store, store.adopt, 0.001)
    await watch.load(first=True)
    assert store.adopted == [], "nothing is stored, and nothing to compile"
    store.put("1", 1)
    await watch.load()
    await watch.load()
    store.put("1", 2, active=False)
    await watch.load()
    assert store.adopted == [("/x:1",), ()]
    again = RowWatch(store, store, store.adopt, 1)
    store.put("2", 1)
    await again.load(first=True)
    assert store.first == [False, False, True]
    watch.close()
    assert store.closed


@pytest.mark.parametrize("postgres", [False, True])
async def test_changes_by_others_are_looked_for(postgres: bool, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(postgres=postgres)
    watch = RowWatch(store, store, store.adopt, 0.001)
    await watch.load(first=True)
    watching = asyncio.create_task(watch.watch())

    async def until(done: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not done():
                store.marked = not postgres  # other machines leave no mark here
                await asyncio.sleep(0.001)

    store.broken = True
    await until(lambda: "asked again" in caplog.text)
    store.broken = False
    store.put("1", 1)
    await until(lambda: store.adopted == [("/x:1",)])
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def test_without_a_mark_a_file_database_is_left_alone() -> None:
    store = Store()
    watch = RowWatch(store, store, store.adopt, 0.001)
    watching = asyncio.create_task(watch.watch())
    await asyncio.sleep(0.02)
    watching.cancel()
    assert store.reads == 0
