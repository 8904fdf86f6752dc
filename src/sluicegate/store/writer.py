"""The one writer: a thread that commits everything waiting for it as one transaction (group commit).

Nobody waits for a timer. While the thread commits, the next group gathers; when it is idle, an item is committed at once.
Rows that are only offered (traces) wait until there are `traces.batch` of them, which then ride along with a group, or until
`LINGER` has passed: each page of the database they touch is then written once for many.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from sluicegate.settings import Settings
from sluicegate.store.database import Database, Transaction

log = logging.getLogger(__name__)
T = TypeVar("T")

GROUP = 1_024
"""No more is gathered into a transaction of so many items, so that the first is not kept waiting by the last."""
LINGER = 1.0
"""Seconds after which offered rows are committed without a group to ride along with."""
PROBE_SECONDS = 1.0
"""How often a database that could not be written is tried again while nobody submits anything."""


class QueueFull(Exception):
    """As many items wait as the queue's bound allows."""


class WriteFailed(Exception):
    """The transaction was rolled back, or took longer than `audit.commit_timeout`; `__cause__` says why if it is known."""


class Durable(asyncio.Future[Any]):
    """A write under way: it cannot be cancelled, only waited for.

    A task that is cancelled while it waits gets its CancelledError when the write is durable, or has failed, and no
    sooner. So a client that leaves at this moment costs no entry, and no task of its own is needed to shield the write.
    """

    def cancel(self, msg: Any = None) -> bool:  # noqa: ARG002  the signature of asyncio.Future
        """Refuse."""
        return False


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


class Works:
    """Single pieces of writing, each under a savepoint: one that raises is undone alone."""

    def apply(self, connection: Connection, items: Sequence[Callable[[Connection], Any]]) -> Sequence[Any]:
        """Run each, and return its result or its exception."""
        return [attempt(connection, work) for work in items]

    def due(self) -> None:
        """Never."""

    def committed(self) -> None:
        """Nothing is kept in memory."""

    def rolled_back(self) -> None:
        """Nothing is kept in memory."""


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


_Waiting = tuple[Batch, Any, "asyncio.Future[Any]"]


class _Order(Enum):
    """What the thread is told beside items."""

    FLUSH = "flush"
    STOP = "stop"


class Writer:
    """The writer's thread, and the way from the event loop to it and back."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._bound = settings.audit.queue
        self._timeout = settings.audit.commit_timeout
        self._offer_bound = settings.traces.queue
        self._riders = settings.traces.batch
        self._queue: SimpleQueue[list[_Waiting] | _Order] = SimpleQueue()
        self._fresh: list[_Waiting] = []
        """Submitted in this turn of the event loop, to be handed over at its end: the thread is woken once a turn."""
        self._offered: deque[tuple[Batch, Any]] = deque()
        self._deadlines: dict[asyncio.Future[Any], float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._works = Works()
        self._committer = _Committer(database)
        self.lost = 0
        """Offered rows that were dropped: the queue was full, or they could not be written."""

    def start(self) -> None:
        """Start the thread, from the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="sluicegate-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commit what is waiting and end the thread; submitting afterwards raises QueueFull."""
        if self._thread is None or self._loop is None:
            return
        self._bound = self._offer_bound = 0
        self._hand_over()
        self._queue.put(_Order.STOP)
        await self._loop.run_in_executor(None, self._thread.join)
        await asyncio.sleep(0)  # the callers are told through the loop, by calls made before the thread ended
        for timer in (self._timer, self._flush):
            if timer is not None:
                timer.cancel()
        self._thread = None

    @property
    def waiting(self) -> int:
        """Items submitted and not yet durable."""
        return len(self._deadlines)

    @property
    def failing(self) -> bool:
        """Whether the last group could not be committed."""
        return self._committer.broken

    def submit(self, batch: Batch, item: Any) -> "asyncio.Future[Any]":
        """Have `item` written with the next group; the future has its result once it is durable.

        Called in the event loop. Raises QueueFull at once; the future raises WriteFailed, or the item's own exception.
        An item whose future is done before its group begins (out of time) is not written.
        """
        loop = self._loop
        if loop is None or len(self._deadlines) >= self._bound:
            raise QueueFull("the writer's queue is full")
        future: asyncio.Future[Any] = Durable(loop=loop)
        self._deadlines[future] = loop.time() + self._timeout
        if self._timer is None:
            self._timer = loop.call_later(self._timeout, self._expire)
        if not self._fresh:
            loop.call_soon(self._hand_over)
        self._fresh.append((batch, item, future))
        return future

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a group's transaction, under a savepoint; its result once durable. Raises as `submit` does."""
        result: T = await self.submit(self._works, work)
        return result

    def offer(self, batch: Batch, item: Any) -> bool:
        """Have `item` written some time soon, never at the cost of a submitted one; False if it was dropped and counted."""
        if self._loop is None or len(self._offered) >= self._offer_bound:
            self.lost += 1
            return False
        self._offered.append((batch, item))
        if self._flush is None:
            self._flush = self._loop.call_later(LINGER, self._nudge)
        return True

    async def flush(self) -> None:
        """Wait until everything offered so far has been written or dropped."""
        while self._offered:
            self._queue.put(_Order.FLUSH)
            await self.write(lambda _connection: None)

    def _hand_over(self) -> None:
        fresh, self._fresh = self._fresh, []
        self._queue.put(fresh)

    def _nudge(self) -> None:
        self._flush = None
        self._queue.put(_Order.FLUSH)

    def _expire(self) -> None:
        """Fail what has waited too long. The oldest stands first, and one timer serves all."""
        self._timer = None
        assert self._loop is not None
        now = self._loop.time()
        for future, deadline in list(self._deadlines.items()):
            if deadline > now:
                self._timer = self._loop.call_at(deadline, self._expire)
                return
            # it stays counted until the thread lets go of it, so that the queue's bound holds
            del self._deadlines[future]
            self._deadlines[future] = now + self._timeout
            if not future.done():
                future.set_exception(WriteFailed("no commit within audit.commit_timeout"))

    def _resolve(self, group: Sequence[_Waiting], results: Sequence[Any]) -> None:
        deadlines = self._deadlines
        for (_, _, future), result in zip(group, results, strict=True):
            deadlines.pop(future, None)
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _run(self) -> None:
        """The thread: gather, commit, tell, until told to stop and nothing is left."""
        stopping = flushing = False
        while not stopping or self._offered or not self._queue.empty():
            group, orders = self._gather(block=not (stopping or flushing))
            stopping = stopping or _Order.STOP in orders
            self._commit(group)
            flushing = bool(self._offered) and (flushing or _Order.FLUSH in orders)
        self._committer.close()

    def _gather(self, *, block: bool) -> tuple[list[_Waiting], set[_Order]]:
        """The next group, waiting for its first item until something falls due; and the orders among them."""
        group: list[_Waiting] = []
        orders: set[_Order] = set()
        try:
            waiting = self._queue.get(block, self._committer.wait())
            while True:
                if isinstance(waiting, _Order):
                    orders.add(waiting)
                else:
                    group += waiting
                    if len(group) >= GROUP:
                        break
                waiting = self._queue.get_nowait()
        except Empty:
            pass
        return group, orders

    def _commit(self, group: list[_Waiting]) -> None:
        assert self._loop is not None
        live = [waiting for waiting in group if not waiting[2].done()]
        full = len(self._offered) >= self._riders
        offered = list(islice(self._offered, self._riders)) if full or not live else []
        results, lost = self._committer.commit(live, offered)
        for _ in offered:
            self._offered.popleft()
        self.lost += lost
        told: Sequence[Any] = results
        if len(live) < len(group):
            found = {id(waiting): result for waiting, result in zip(live, results, strict=True)}
            told = [found.get(id(waiting)) for waiting in group]
        if group:
            self._loop.call_soon_threadsafe(self._resolve, group, told)
        self._committer.after()


class _Committer:
    """The thread's side: its connection, the batches it has met, and one group's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._transaction: Transaction | None = None
        self._met: list[Batch] = []
        self.broken = False
        self._done = False

    def wait(self) -> float | None:
        """Seconds until there is something to do though nothing was submitted; None: there is not."""
        due = min((due for batch in self._met if (due := batch.due()) is not None), default=None)
        if self.broken:  # whoever sends nothing while the gateway is not ready must see when it is again
            return PROBE_SECONDS
        return None if due is None else max(0.0, due - monotonic())

    def commit(self, group: Sequence[_Waiting], offered: Sequence[tuple[Batch, Any]]) -> tuple[Sequence[Any], int]:
        """One result for each of `group` (WriteFailed for all where it failed), and how many offered rows were lost."""
        results: list[Any] = [None] * len(group)
        with Caught() as caught:
            transaction = self._transaction = self._transaction or Transaction(self._database.open_writing())
            transaction.begin()
            if self.broken:
                transaction.probe()
            self._apply(transaction.connection, group, results)
            lost = self._ride(transaction.connection, offered) if offered else 0
            transaction.commit()
        self._done = caught.error is None
        if caught.error is None:
            if self.broken:
                self.broken = False
                log.warning("the database can be written again")
            return results, lost
        self._undo(caught.error)
        return [_failure(caught.error) for _ in group], len(offered)

    def after(self) -> None:
        """What batches do once the callers have been told."""
        if self._done:
            for batch in self._met:
                batch.committed()

    def close(self) -> None:
        """Close the thread's connection."""
        if self._transaction is not None:
            self._transaction.connection.close()

    def _apply(self, connection: Connection, group: Sequence[_Waiting], results: list[Any]) -> None:
        """Each batch once, with all its items in order; those that fell due without one, too."""
        places: dict[int, list[int]] = {}
        for place, (batch, _, _) in enumerate(group):
            key = id(batch)
            if key not in places:
                places[key] = []
                if not any(known is batch for known in self._met):
                    self._met.append(batch)
            places[key].append(place)
        now = monotonic()
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
