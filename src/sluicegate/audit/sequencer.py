"""The one place where entries get their index: stamps, hashes and inserts a group, and signs checkpoints.

Called inside a writing transaction, by the writer's thread or by a command. SQLite's write lock, or an advisory lock of
PostgreSQL, makes it the only one at work, over all processes; it follows what another process has appended.

Entries of exchanges may be stamped and noted in the journal first, and get their index later; another process may have
appended in between. Order is the index: an entry that is earlier than the one before it says so (`time_regressed`).
"""

import logging
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from time import monotonic, time_ns
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sluicegate.audit import head as heads
from sluicegate.audit.checkpoint import Checkpoint, NoteInvalid, Signer, sync_directory, write_durably
from sluicegate.audit.entry import Entry
from sluicegate.audit.head import AuditDamaged, AuditRollback, Head
from sluicegate.audit.merkle import leaf_hash
from sluicegate.audit.recovery import closing
from sluicegate.audit.stamped import UNSAYABLE, Stamped, encode, missing, regressed, stamp
from sluicegate.core.exchange import Spend
from sluicegate.settings import Settings
from sluicegate.store.committer import Caught, Noted, attempt
from sluicegate.store.database import raw_connection
from sluicegate.store.rows import Row, Rows

log = logging.getLogger(__name__)

SEQUENCER_LOCK = 0x5C1C_0002
"""The key of PostgreSQL's advisory lock."""
PUBLISHED = "audit.checkpoint"
"""The name, in `data_dir`, of the last checkpoint's copy outside the database."""

LARGEST = 2**63 - 1
"""What the database can hold of an amount: one that is larger must not keep the log from being written."""

_ENTRIES = Rows("audit_entry", ("log_index", "body", "at_ns", "kind", "exchange_id", "organisation_id"))
_CHECKPOINTS = Rows("audit_checkpoint", ("size", "note", "at_ns", "frontier", "leaves", "open_intents"))
_SPENDING = Rows(
    "spending",
    ("scope", "window", "tokens", "nano_usd"),
    'ON CONFLICT (scope, "window") DO UPDATE SET tokens = spending.tokens + excluded.tokens,'
    " nano_usd = spending.nano_usd + excluded.nano_usd",
)


class Order(Enum):
    """What the sequencer can be asked for beside appending."""

    CHECKPOINT = "checkpoint"
    """Sign a checkpoint now, unless there is one of this size."""
    OPEN = "open"
    """Check the log against the published checkpoint, and sign one."""
    RECOVER = "recover"
    """As OPEN; but first close the intents that a crash left open."""
    CLOSE = "close"
    """As CHECKPOINT; and note nothing in the journal any more, so that it stays empty."""


class Append(NamedTuple):
    """An entry to append, what it adds to spending, and for an act the change that it stands for."""

    entry: Entry
    spend: Sequence[Spend] = ()
    change: Callable[[Connection], Any] | None = None


class Replay(NamedTuple):
    """Append those entries that are not in the log; the result is how many."""

    stamped: Sequence[Stamped]


Item = Append | Stamped | Replay | Order


class Sequencer:
    """A `store.committer.NotingBatch` over the log; the result for an act is what its change returned."""

    def __init__(self, settings: Settings, signer: Signer, *, postgres: bool) -> None:
        self._signer = signer
        self._postgres = postgres
        self._every_entries = settings.audit.checkpoint_entries
        self._every_seconds = settings.audit.checkpoint_seconds
        self._file = settings.data_dir / PUBLISHED
        self._head: Head | None = None
        self._safe_size = 0
        """How many entries are known to be durable: a log that is shorter was rolled back under this process."""
        self._rows: list[Row] = []
        self._spend: dict[tuple[str, str], list[int]] = {}
        self._note: str | None = None
        """The last checkpoint signed, until it is published."""
        self._due: float | None = None
        self._notes = True
        self._doubt = False
        """Whether a transaction failed, of which the database may hold more than it said."""

    def note(self, items: Sequence[Item]) -> Noted | None:
        """Stamp entries of exchanges for the journal; None where there is something else among them."""
        stamped: list[Stamped] = []
        results: list[Exception | None] = []
        for item in items:
            if item.__class__ is not Append or item.change is not None or not item.entry.exchange:
                return None
            try:
                stamped.append(stamp(item.entry, item.spend))
                results.append(None)
            except UNSAYABLE as error:
                results.append(error)  # an entry without canonical bytes fails alone
        return Noted(encode(stamped), stamped, results) if self._notes else None

    def apply(self, connection: Connection, items: Sequence[Item]) -> Sequence[Any]:
        """Append in order; one result each. Raises AuditDamaged, AuditRollback, and the database's errors."""
        head = self._current(connection)
        place = self._place
        results: list[Any] = []
        for item in items:
            if item.__class__ is Stamped and not self._doubt:
                results.append(place(head, item))
            else:
                results.append(self._carry_out(connection, head, item))
        self._flush(connection)
        now = monotonic()
        ordered = any(item.__class__ is Order for item in items)
        if ordered or head.uncovered >= self._every_entries or (self._due is not None and now >= self._due):
            self._sign(connection, head)
        if head.uncovered and self._due is None:
            self._due = now + self._every_seconds
        return results

    def due(self) -> float | None:
        """When a checkpoint must cover the entries that none covers yet."""
        return self._due

    def committed(self) -> None:
        """Note what is durable, and publish a checkpoint that was signed."""
        self._doubt = False
        if self._head is not None:
            self._safe_size = self._head.tree.size
        note, self._note = self._note, None
        if note is not None:
            with Caught() as caught:
                publish(self._file, note)
            if caught.error is not None:
                log.error("the audit checkpoint could not be published", exc_info=caught.error)

    def rolled_back(self) -> None:
        """Forget the head; the next group reads it from the database."""
        self._doubt = True  # a commit that failed may turn out to have happened
        self._head = None
        self._note = None
        self._due = None
        self._rows.clear()
        self._spend.clear()

    def _current(self, connection: Connection) -> Head:
        """The head as the database has it now, under the lock that lets nobody else append."""
        if self._postgres:
            raw_connection(connection).execute("SELECT pg_advisory_xact_lock(%s)", (SEQUENCER_LOCK,))
        head = self._head
        if head is None:
            head = heads.load(connection, self._signer.verifier)
        elif (size := heads.size(connection)) > head.tree.size:
            heads.follow(connection, head)
        elif size < head.tree.size:
            raise AuditRollback("the audit log has become shorter while the gateway was running")
        if head.tree.size < self._safe_size:
            raise AuditRollback("the audit log has become shorter while the gateway was running")
        self._head = head
        return head

    def _carry_out(self, connection: Connection, head: Head, item: Item) -> Any:
        """What is no plain entry from the journal; its result."""
        if isinstance(item, Append):
            return self._append(connection, head, item)
        if isinstance(item, Order):
            return self._order(connection, head, item)
        stamped = missing(connection, item.stamped if isinstance(item, Replay) else [item])
        for one in stamped:
            self._place(head, one)
        return len(stamped)

    def _append(self, connection: Connection, head: Head, item: Append) -> Any:
        entry, spend, change = item
        try:
            stamped = stamp(entry, spend)
        except UNSAYABLE as error:
            return error  # an entry without canonical bytes fails alone, and before what it stands for is changed
        result: Any = None
        if change is not None:
            self._flush(connection)
            result = attempt(connection, change)
            if isinstance(result, Exception):
                return result
        self._place(head, stamped)
        return result

    def _place(self, head: Head, stamped: Stamped) -> None:
        """Give an entry the next index."""
        body, at_ns, kind, exchange = stamped.body, stamped.at_ns, stamped.kind, stamped.exchange
        if at_ns < head.last_ns:
            body = regressed(body)
        self._rows.append((head.tree.size, body, at_ns, kind, exchange or None, stamped.organisation or None))
        head.add(leaf_hash(body), kind, exchange, at_ns)
        for one in stamped.spend:
            sums = self._spend.get((one.scope, one.window))
            if sums is None:
                sums = self._spend[one.scope, one.window] = [0, 0]
            sums[0] += one.tokens
            sums[1] += one.nano_usd

    def _flush(self, connection: Connection) -> None:
        if self._rows:
            _ENTRIES.insert(connection, self._rows)
            self._rows.clear()
        if self._spend:
            # in one order everywhere, so that two processes never wait for each other's rows
            _SPENDING.insert(
                connection,
                [(*key, *(min(amount, LARGEST) for amount in amounts)) for key, amounts in sorted(self._spend.items())],
            )
            self._spend.clear()

    def _order(self, connection: Connection, head: Head, order: Order) -> int:
        """Carry it out; how many intents were closed."""
        if order is Order.CLOSE:
            self._notes = False
        if order in (Order.CLOSE, Order.CHECKPOINT):
            return 0
        published = read_published(self._file, self._signer)
        if published is not None:
            heads.check_published(connection, published)
        elif head.checkpoint_size > 0:
            if not self._postgres:
                raise AuditRollback(
                    f"{self._file} is not there, which holds the last checkpoint that was published: without it nobody can "
                    "tell whether the database was rolled back. Put it back, or run `sluicegate audit republish`"
                )
            log.warning("no checkpoint was published on this machine yet, so a rolled-back database would not be noticed")
        if order is Order.OPEN or not head.open_intents:
            return 0
        self._flush(connection)
        appends = closing(connection, list(head.open_intents.values()))
        for entry, spend in appends:
            self._place(head, stamp(entry, spend))
        return len(appends)

    def _sign(self, connection: Connection, head: Head) -> None:
        self._due = None
        heads.follow_checkpoints(connection, head)
        tree = head.tree
        if tree.size <= head.checkpoint_size:
            return
        note = self._signer.sign(tree.size, tree.root())
        row = (tree.size, note, time_ns(), tree.pack(), b"".join(head.leaves), head.packed_open())
        _CHECKPOINTS.insert(connection, [row])
        head.covered(tree.size)
        self._note = note


def publish(path: Path, note: str) -> None:
    """Replace the copy outside the database; at every moment the old or the new one is there, whole."""
    part = path.with_name(f"{path.name}.part")
    write_durably(part, note.encode())
    part.replace(path)
    sync_directory(path.parent)


def read_published(path: Path, signer: Signer) -> Checkpoint | None:
    """The checkpoint in the copy outside the database, or None where there is no copy. Raises AuditDamaged."""
    try:
        return signer.verifier.open(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (NoteInvalid, UnicodeDecodeError) as error:
        raise AuditDamaged(f"{path}: {error}") from None
