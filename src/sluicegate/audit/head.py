"""The growing end of the log as the writer knows it, and how it is read back from the database.

Reading starts at the last checkpoint, which keeps what growth needs; so it takes the same time for a log of any length.
"""

from collections.abc import Sequence
from struct import pack, unpack
from typing import Any

from sqlalchemy import Connection, func, select

from sluicegate.audit.checkpoint import Checkpoint, NoteInvalid, Verifier
from sluicegate.audit.entry import INTENT, OUTCOME, REFUSAL
from sluicegate.audit.merkle import Frontier, leaf_hash
from sluicegate.store.database import raw_connection
from sluicegate.store.tables import audit_checkpoint, audit_entry


class AuditDamaged(Exception):
    """The log in the database is not what its last checkpoint says; `audit verify` names what is wrong."""


class AuditRollback(Exception):
    """The database holds an older or another log than the one whose checkpoint was published."""


class Head:
    """The tree, the intents that are open, and what has come since the last checkpoint."""

    __slots__ = ("checkpoint_size", "last_ns", "leaves", "open_intents", "tree")

    def __init__(self) -> None:
        self.tree = Frontier()
        self.leaves: list[bytes] = []
        """Leaf hashes since the last checkpoint."""
        self.checkpoint_size = -1
        """The size at the last checkpoint; -1 where there is none."""
        self.open_intents: dict[str, int] = {}
        """The index of each intent without an outcome, by exchange, oldest first."""
        self.last_ns = 0
        """When the last entry was made."""

    @property
    def uncovered(self) -> int:
        """Entries since the last checkpoint."""
        return len(self.leaves)

    def add(self, leaf: bytes, kind: str, exchange: str, at_ns: int) -> None:
        """Take in the next entry."""
        tree = self.tree
        if kind == INTENT:
            self.open_intents[exchange] = tree.size
        elif kind in (OUTCOME, REFUSAL):
            self.open_intents.pop(exchange, None)
        tree.append(leaf)
        self.leaves.append(leaf)
        self.last_ns = at_ns

    def packed_open(self) -> bytes:
        """The indexes of open intents, 8 bytes each."""
        indexes = sorted(self.open_intents.values())
        return pack(f">{len(indexes)}Q", *indexes)

    def covered(self, size: int) -> None:
        """A checkpoint of `size` exists."""
        del self.leaves[: size - max(0, self.checkpoint_size)]
        self.checkpoint_size = size


def load(connection: Connection, verifier: Verifier) -> Head:
    """The head that the database holds. Raises AuditDamaged where its last checkpoint does not hold."""
    head = Head()
    row = connection.execute(select(audit_checkpoint).order_by(audit_checkpoint.c.size.desc()).limit(1)).first()
    if row is not None:
        head.tree = _checked(row, verifier)
        head.checkpoint_size = row.size
        head.open_intents = _opened(connection, row.open_intents)
        if row.size:
            last = connection.execute(select(audit_entry.c.at_ns).where(audit_entry.c.log_index == row.size - 1)).scalar()
            if last is None:
                raise AuditDamaged(f"entry {row.size - 1} is missing, which the last checkpoint vouches for")
            head.last_ns = last
    follow(connection, head)
    return head


def follow(connection: Connection, head: Head) -> None:
    """Take in what was appended, and which checkpoints were made, since `head` was current."""
    entry = audit_entry.c
    rows = connection.execute(
        select(entry.log_index, entry.body, entry.kind, entry.exchange_id, entry.at_ns)
        .where(entry.log_index >= head.tree.size)
        .order_by(entry.log_index)
    )
    for index, body, kind, exchange, at_ns in rows:
        if index != head.tree.size:
            raise AuditDamaged(f"entry {head.tree.size} is missing")
        head.add(leaf_hash(body), kind, exchange or "", at_ns)
    follow_checkpoints(connection, head)


def follow_checkpoints(connection: Connection, head: Head) -> None:
    """Take in which checkpoints another process has made. Raises AuditDamaged for one of entries that are not there."""
    newest = connection.execute(select(func.max(audit_checkpoint.c.size))).scalar()
    if newest is not None and newest > head.checkpoint_size:
        if newest > head.tree.size:
            raise AuditDamaged(f"entry {head.tree.size} is missing, which the last checkpoint vouches for")
        head.covered(newest)


def size(connection: Connection) -> int:
    """How many entries the log in the database has."""
    # for every group, so past SQLAlchemy
    highest = raw_connection(connection).execute("SELECT max(log_index) FROM audit_entry").fetchone()[0]
    return 0 if highest is None else int(highest) + 1


def check_published(connection: Connection, published: Checkpoint) -> None:
    """Raises AuditRollback unless the database's log is the published one or goes on from it.

    A checkpoint is published only after its row is durable, and rows are never removed; so the row must be there.
    """
    have = size(connection)
    if have < published.size:
        raise AuditRollback(
            f"the database's audit log has {have} entries, but a checkpoint of {published.size} entries was published: "
            "the database is older than that. Put the right database back"
        )
    note = connection.execute(select(audit_checkpoint.c.note).where(audit_checkpoint.c.size == published.size)).scalar()
    if note is None or not note.startswith(published.text()):
        raise AuditRollback(
            f"the database's audit log is not the one whose checkpoint of {published.size} entries was published: "
            "it has gone another way since. Put the right database back"
        )


def _checked(row: Any, verifier: Verifier) -> Frontier:
    try:
        checkpoint = verifier.open(row.note)
        tree = Frontier.unpack(row.size, row.frontier)
    except (NoteInvalid, ValueError) as error:
        raise AuditDamaged(f"the checkpoint of {row.size} entries does not hold: {error}") from None
    if checkpoint.size != row.size or checkpoint.root != tree.root():
        raise AuditDamaged(f"the checkpoint of {row.size} entries does not belong to the tree beside it")
    return tree


def _opened(connection: Connection, packed: bytes) -> dict[str, int]:
    indexes: Sequence[int] = unpack(f">{len(packed) // 8}Q", packed)
    found: dict[str, int] = {}
    for start in range(0, len(indexes), 500):
        part = indexes[start : start + 500]
        rows = connection.execute(
            select(audit_entry.c.exchange_id, audit_entry.c.log_index)
            .where(audit_entry.c.log_index.in_(part))
            .order_by(audit_entry.c.log_index)
        )
        found.update((exchange, index) for exchange, index in rows)
    return found
