"""The one writer: a thread that makes everything waiting for it durable as one group.

Nobody waits for a timer. While the thread writes, the next group gathers; when it is idle, an item is written at once: to
the journal or into the database, which `store/committer.py` decides. In a lull, when nothing would be gathered, the event
loop appends to the journal itself (`at_once`), which is quicker than waking the thread and being woken by it. Rows that are
only offered (traces) wait until there are `traces.batch` of them, which then ride along with a transaction, or until
`LINGER` has passed.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection

from sluicegate.settings import Settings
from sluicegate.store.committer import Batch, Committer, NotingBatch, WriteFailed, attempt
from sluicegate.store.database import Database
from sluicegate.store.journal import Journal
from sluicegate.store.lull import Lull

T = TypeVar("T")

GROUP = 1_024
"""No more is gathered into a transaction of so many items, so that the first is not kept waiting by the last."""
LINGER = 1.0
"""Seconds after which offered rows are committed without a group to ride along with."""


class QueueFull(Exception):
    """As many items wait as the queue's bound allows."""


class Durable(asyncio.Future[Any]):
    """A write under way: it cannot be cancelled, only waited for.

    A task that is cancelled while it waits gets its CancelledError when the write is durable, or has failed, and no
    sooner. So a client that leaves at this moment costs no entry, and no task of its own is needed to shield the write.
    """

    def cancel(self, msg: Any = None) -> bool:  # noqa: ARG002  the signature of asyncio.Future
        """Refuse."""
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
        self._at_work = threading.Lock()
        """Held by whoever uses the committer: the thread, or the event loop in a lull."""
        self._lull = Lull()
        self._appended = False
        """Whether this turn of the event loop has appended something itself."""
        self._fill: asyncio.TimerHandle | None = None
        self._fill_seconds = settings.audit.journal_seconds
        self._committer = Committer(database, settings.audit)
        self._taken = 0
        """Offered rows that were written or dropped, so far."""
        self.lost = 0
        """Offered rows that were dropped: the queue was full, or they could not be written."""

    def start(self) -> None:
        """Start the thread, from the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="sluicegate-writer", daemon=True)
        self._thread.start()

    def adopt(self, journal: Journal, batch: NotingBatch) -> None:
        """From now on make durable in `journal` what `batch` can note. The thread closes it when it ends."""
        self._committer.adopt(journal, batch)

    async def stop(self) -> None:
        """Write what is waiting and end the thread; submitting afterwards raises QueueFull."""
        if self._thread is None or self._loop is None:
            return
        self._bound = self._offer_bound = 0
        self._hand_over()
        self._queue.put(_Order.STOP)
        await self._loop.run_in_executor(None, self._thread.join)
        await asyncio.sleep(0)  # the callers are told through the loop, by calls made before the thread ended
        for timer in (self._timer, self._flush, self._fill):
            if timer is not None:
                timer.cancel()
        self._thread = None

    @property
    def waiting(self) -> int:
        """Items submitted and not yet durable."""
        return len(self._deadlines)

    @property
    def failing(self) -> bool:
        """Whether the last transaction could not be committed."""
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

    def at_once(self, batch: Batch, item: Any) -> bool:
        """Make `item` durable here and now, if that is quicker for everybody; False: it must be submitted.

        It is where nothing waits to be durable, nothing else was to be in this turn of the event loop or shortly before, and
        the disk is not slow. Raises the item's own exception.
        """
        if self._deadlines or self._appended or not self._bound:
            self._lull.crowd()
            return False
        if not self._lull.begin() or not self._at_work.acquire(blocking=False):
            return False
        try:
            noted = self._committer.append([(batch, item, None)])
        finally:
            self._at_work.release()
            self._lull.end()
        if noted is None:
            return False
        self._after_append()
        if isinstance(noted[0], Exception):
            raise noted[0]
        return True

    def _after_append(self) -> None:
        """See to it that this turn appends no more, and that the thread fills the database in time."""
        loop = self._loop
        assert loop is not None
        self._appended = True
        loop.call_soon(self._turn_over)
        if self._committer.must_fill:
            self._queue.put([])
        elif self._fill is None:
            self._fill = loop.call_later(self._fill_seconds, self._wake)

    def _turn_over(self) -> None:
        self._appended = False

    def _wake(self) -> None:
        self._fill = None
        self._queue.put([])

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
        """Wait until everything acknowledged so far is in the database, and everything offered there or dropped.

        Raises QueueFull, WriteFailed.
        """
        target = self._taken + len(self._offered)
        await self.settle()
        while self._taken < target:
            self._queue.put(_Order.FLUSH)
            await self.write(lambda _connection: None)

    async def settle(self) -> None:
        """Wait until everything acknowledged so far is in the database, for whoever reads it next. Raises as `flush`."""
        if self._committer.behind:
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
        """The thread: gather, write, tell, until told to stop and nothing is left."""
        stopping = flushing = False
        while not stopping or self._offered or not self._queue.empty():
            group, orders = self._gather(block=not (stopping or flushing))
            stopping = stopping or _Order.STOP in orders
            flushing = flushing or _Order.FLUSH in orders
            with self._at_work:
                self._write(group, flush=flushing or stopping)
            flushing = flushing and bool(self._offered)
        with self._at_work:
            self._committer.close()

    def _gather(self, *, block: bool) -> tuple[list[_Waiting], set[_Order]]:
        """The next group, waiting for its first item until something falls due; and the orders among them."""
        group: list[_Waiting] = []
        orders: set[_Order] = set()
        queue = self._queue
        try:
            waiting = queue.get(block, self._committer.wait())
            while True:
                if isinstance(waiting, _Order):
                    orders.add(waiting)
                else:
                    group = group + waiting if group else waiting
                    if len(group) >= GROUP:
                        break
                if queue.empty():  # cheaper than the exception that `get_nowait` raises
                    break
                waiting = queue.get_nowait()
        except Empty:
            pass
        return group, orders

    def _write(self, group: list[_Waiting], *, flush: bool) -> None:
        """Make a group durable and tell its callers; fill the database from the journal when it is time to."""
        committer = self._committer
        idle = not group and not committer.behind
        live = [waiting for waiting in group if not waiting[2].done()]
        if live:
            noted = committer.append(live)
            if noted is not None:
                self._tell(group, live, noted)
                if not (flush or committer.must_fill):
                    return
                group = live = []
        full = len(self._offered) >= self._riders
        offered = list(islice(self._offered, self._riders)) if full or flush or idle else []
        results, lost = committer.commit(live, offered)
        for _ in offered:
            self._offered.popleft()
        self._taken += len(offered)
        self.lost += lost
        self._tell(group, live, results)
        committer.after()

    def _tell(self, group: list[_Waiting], live: Sequence[_Waiting], results: Sequence[Any]) -> None:
        if not group:
            return
        if len(live) < len(group):
            found = {id(waiting): result for waiting, result in zip(live, results, strict=True)}
            results = [found.get(id(waiting)) for waiting in group]
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._resolve, group, results)
