"""What the writer's thread does with a group: append it to the journal, or commit it with all that waits in there.

A group that a journal can hold is durable, and its callers are told, after one small write; it waits in memory and in the
journal until it is filled into the database, many groups in one transaction: once there are `FILL` items,
`audit.journal_seconds` after the first of them, or together with the first group that must be committed. What was
acknowledged stays until a transaction that holds it is durable. While the database cannot be written nothing more is
appended.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection

from sluicegate.settings import Audit
from sluicegate.store.database import Database, Transaction
from sluicegate.store.journal import Journal

log = logging.getLogger(__name__)
T = TypeVar("T")

FILL = 256
"""So many items in the journal are filled into the database at once, if their time has not come before."""


class WriteFailed(Exception):
    """The transaction was rolled back, or took longer than `audit.commit_timeout`; `__cause__` says why if it is known."""


class Batch(Protocol):
    """What can be done with a number of items in one transaction. Called in the writer's thread only."""

    def apply(self, connection: Connection, items: Sequence[Any]) -> Sequence[Any]:
        """Write `items` and return one result each; a result that is an exception is raised to that item's caller.

        Raising fails the whole group. Called with no items when `due` has passed.
        """

    def due(self) -> float | None:
        """When (`time.monotonic`) `apply` is to be called even without items; None: never."""

    def committed(self) -> None:
        """The transaction is durable, and the callers have been told."""

    def rolled_back(self) -> None:
        """Nothing of the last `apply` happened."""


class Noted(NamedTuple):
    """Items as a journal holds them."""

    payload: bytes
    items: Sequence[Any]
    """What `apply` is given in their place, as often as it takes; nothing in it may make `apply` raise."""
    results: Sequence[Any]
    """One for each caller."""


class NotingBatch(Batch, Protocol):
    """A batch whose items a journal can hold."""

    def note(self, items: Sequence[Any]) -> Noted | None:
        """Make ready for the journal; None where one of them must be committed."""


class Caught:
    """Takes up an error and keeps it, so that it can be handed to the caller it belongs to, in another thread."""

    error: Exception | None = None

    def __enter__(self) -> "Caught":
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False


def attempt(connection: Connection, work: Callable[[Connection], T]) -> T | Exception:
    """Run `work` under a savepoint; its result, or the exception after which nothing of it is left.

    Raises where the savepoint cannot be undone, because then the transaction itself is gone.
    """
    savepoint = connection.begin_nested()
    with Caught() as caught:
        result = work(connection)
        savepoint.commit()
    if caught.error is None:
        return result
    savepoint.rollback()
    return caught.error


Submitted = tuple[Batch, Any, Any]
"""An item, the batch it belongs to, and its caller's future, of which nothing is asked here."""


class Committer:
    """The writer's connection, its journal, and the batches it has met."""

    def __init__(self, database: Database, audit: Audit, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._fill_seconds = audit.journal_seconds
        self._probe_seconds = audit.probe_seconds
        self._transaction: Transaction | None = None
        self._met: list[Batch] = []
        self._journal: Journal | None = None
        self._noting: NotingBatch | None = None
        self._backlog: list[Any] = []
        """In the journal, and not in the database yet."""
        self._fill_at: float | None = None
        self._unwritten = False
        """Whether the last append failed."""
        self._done = False
        self.broken = False
        """Whether the last transaction failed."""

    def adopt(self, journal: Journal, batch: NotingBatch) -> None:
        """From the next group on, append to `journal` what `batch` can note."""
        self._noting = batch
        self._journal = journal

    @property
    def behind(self) -> int:
        """How many items are in the journal, and not in the database yet."""
        return len(self._backlog)

    @property
    def must_fill(self) -> bool:
        """Whether the time has come to fill the journal's items into the database."""
        return self._fill_at is not None and (len(self._backlog) >= FILL or self._clock() >= self._fill_at)

    def wait(self) -> float | None:
        """Seconds until there is something to do though nothing was submitted; None: there is not."""
        if self.broken:  # whoever sends nothing while the gateway is not ready must see when it is again
            return self._probe_seconds
        due = self._fill_at
        for batch in self._met:
            other = batch.due()
            if other is not None and (due is None or other < due):
                due = other
        return None if due is None else max(0.0, due - self._clock())

    def append(self, group: Sequence[Submitted]) -> Sequence[Any] | None:
        """Make a group durable in the journal: one result for each. None: it must be committed."""
        journal, batch = self._journal, self._noting
        if journal is None or batch is None or self.broken:
            return None
        items: list[Any] = []
        for whose, item, _ in group:
            if whose is not batch:
                return None
            items.append(item)
        noted = self._note(journal, batch, items)
        if noted is None:
            return None
        if noted.items:
            self._backlog += noted.items
            if self._fill_at is None:
                self._fill_at = self._clock() + self._fill_seconds
        return noted.results

    def _note(self, journal: Journal, batch: NotingBatch, items: Sequence[Any]) -> Noted | None:
        """What was made durable in the journal; None if nothing was."""
        with Caught() as caught:
            noted = batch.note(items)
            if noted is None or (noted.items and not journal.append(noted.payload)):
                return None
        failed, self._unwritten = self._unwritten, caught.error is not None
        if caught.error is None:
            if failed:
                log.warning("the journal can be written again")
            return noted
        if not failed:  # once, not for every group
            log.error("the journal cannot be written; each group is committed by itself", exc_info=caught.error)
        return None

    def commit(self, group: Sequence[Submitted], offered: Sequence[tuple[Batch, Any]]) -> tuple[Sequence[Any], int]:
        """One result for each of `group` (WriteFailed for all where it failed), and how many offered rows were lost.

        What waits in the journal goes first, in the same transaction.
        """
        results: list[Any] = [None] * len(group)
        with Caught() as caught:
            transaction = self._transaction = self._transaction or Transaction(self._database.open_writing())
            transaction.begin()
            if self.broken:
                transaction.probe()
            connection = transaction.connection
            self._fill(connection)
            self._apply(connection, group, results)
            lost = self._ride(connection, offered) if offered else 0
            transaction.commit()
        self._done = caught.error is None
        if caught.error is None:
            self._emptied()
            return results, lost
        self._undo(caught.error)
        return [_failure(caught.error) for _ in group], len(offered)

    def after(self) -> None:
        """What batches do once the callers have been told."""
        if self._done:
            for batch in self._met:
                batch.committed()

    def close(self) -> None:
        """Close the thread's connection, and the journal with whatever could not be filled."""
        if self._backlog:
            self.commit([], [])
            self.after()
        if self._transaction is not None:
            self._transaction.connection.close()
        if self._journal is not None:
            self._journal.close()

    def _fill(self, connection: Connection) -> None:
        if self._backlog and self._noting is not None:
            self._meet(self._noting)
            self._noting.apply(connection, self._backlog)

    def _emptied(self) -> None:
        if self._journal is not None:
            self._backlog.clear()
            self._fill_at = None
            self._journal.reset()
        if self.broken:
            self.broken = False
            log.warning("the database can be written again")

    def _meet(self, batch: Batch) -> None:
        if not any(known is batch for known in self._met):
            self._met.append(batch)

    def _apply(self, connection: Connection, group: Sequence[Submitted], results: list[Any]) -> None:
        """Each batch once, with all its items in order; those that fell due without one, too."""
        places: dict[int, list[int]] = {}
        for place, (batch, _, _) in enumerate(group):
            key = id(batch)
            if key not in places:
                places[key] = []
                self._meet(batch)
            places[key].append(place)
        now = self._clock()
        for batch in self._met:
            mine = places.get(id(batch), ())
            if mine or ((due := batch.due()) is not None and due <= now):
                answers = batch.apply(connection, [group[place][1] for place in mine])
                for place, answer in zip(mine, answers, strict=True):
                    results[place] = answer

    def _ride(self, connection: Connection, offered: Sequence[tuple[Batch, Any]]) -> int:
        """Write offered rows; if they cannot be written they are lost, and the group is not."""
        by_batch: dict[int, tuple[Batch, list[Any]]] = {}
        for batch, item in offered:
            by_batch.setdefault(id(batch), (batch, []))[1].append(item)
        lost = 0
        for batch, items in by_batch.values():
            outcome = attempt(connection, partial(batch.apply, items=items))
            if isinstance(outcome, Exception):
                lost += len(items)
                log.warning("rows that ride along could not be written", extra={"rows": len(items)}, exc_info=outcome)
        return lost

    def _undo(self, error: Exception) -> None:
        """Undo in memory what the database has undone, and let go of a connection that may be in any state."""
        for batch in self._met:
            batch.rolled_back()
        if self._transaction is not None:
            with Caught():
                self._transaction.drop()
            self._transaction = None
        if not self.broken:  # once, not for every group: they may fail by the thousand
            self.broken = True
            log.error("the database cannot be written", exc_info=error)


def _failure(error: Exception) -> WriteFailed:
    """One for each caller: an exception that is raised twice drags the first traceback along."""
    failure = WriteFailed("the transaction was rolled back")
    failure.__cause__ = error
    return failure
