"""From the database to what an auditor takes away: the parts of the log, whole exports, selections with proofs.

Proofs are made from the leaf hashes kept with the checkpoints. One pass over all of them gives the hash of each aligned
block of BLOCK leaves; then a proof needs one block and the block hashes, so memory stays at a hash for every BLOCK entries.
"""

import json
from base64 import b64encode
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, func, literal_column, select

from sluicegate.audit.evidence import FORMAT, VERSION, proof_text
from sluicegate.audit.merkle import inclusion_proof, root_of, split
from sluicegate.audit.verify import Columns, Row, Signed
from sluicegate.store.tables import audit_checkpoint, audit_entry

BLOCK = 1_024
"""Leaves per block, a power of two: an aligned block is a perfect subtree."""
FETCH = 1_000
"""Rows fetched from the database at a time."""


class NotCovered(Exception):
    """There is no such entry, or no checkpoint covers it yet; at most `audit.checkpoint_seconds` later one does."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries; None does not bound. `first` and `last` are indexes, `since` and `until` times; ends included."""

    first: int | None = None
    last: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    organisation: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a WHERE."""
        entry = audit_entry.c
        bounds = (
            (self.first, entry.log_index.__ge__),
            (self.last, entry.log_index.__le__),
            (self.since_ns, entry.at_ns.__ge__),
            (self.until_ns, entry.at_ns.__le__),
            (self.organisation, entry.organisation_id.__eq__),
        )
        return [compare(bound) for bound, compare in bounds if bound is not None]


def parts(connection: Connection) -> Generator[Row | Signed]:
    """The whole log as `verify` reads it: each checkpoint, then the entries it covers; at last those that none covers."""
    with closing(_rows(connection)) as entries, closing(_checkpoints(connection)) as checkpoints:
        row = next(entries, None)
        for signed in checkpoints:
            yield signed
            while row is not None and row.index < signed.size:
                yield row
                row = next(entries, None)
        if row is not None:
            yield row
        yield from entries


_MISTYPED = "\0"
"""Stands for a text column that holds no text; no entry and no note says this."""


def _as_stored(connection: Connection, column: Column[Any], kind: str) -> ColumnElement[Any]:
    """The column, with NULL (for a nullable text: _MISTYPED) where it does not hold what it is for.

    SQLite keeps a value of any type in a column of any type, and text that is no UTF-8; reading that must not raise.
    """
    if connection.dialect.name != "sqlite":
        return column
    quoted = f"{column.table.name}.{column.name}"
    if kind == "text":
        wrong = f"CASE typeof({quoted}) WHEN 'null' THEN NULL ELSE x'00' END"
        return literal_column(f"CASE typeof({quoted}) WHEN 'text' THEN CAST({quoted} AS BLOB) ELSE {wrong} END")
    return literal_column(f"CASE typeof({quoted}) WHEN '{kind}' THEN {quoted} END")


def _said(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _checkpoints(connection: Connection) -> Generator[Signed]:
    checkpoint = audit_checkpoint.c
    kinds = (
        (checkpoint.size, "integer"),
        (checkpoint.note, "text"),
        (checkpoint.leaves, "blob"),
        (checkpoint.frontier, "blob"),
    )
    query = (
        select(*(_as_stored(connection, *each) for each in kinds)).select_from(audit_checkpoint).order_by(checkpoint.size)
    )
    with connection.execute(query, execution_options={"yield_per": FETCH}) as result:
        for size, note, leaves, frontier in result:
            yield Signed(-1 if size is None else size, _said(note) or "", leaves or b"", frontier or b"")


def _rows(connection: Connection, *conditions: ColumnElement[bool]) -> Generator[Row]:
    entry = audit_entry.c
    kinds = (
        (entry.log_index, "integer"),
        (entry.body, "blob"),
        (entry.at_ns, "integer"),
        (entry.kind, "text"),
        (entry.exchange_id, "text"),
        (entry.organisation_id, "text"),
    )
    query = select(*(_as_stored(connection, *each) for each in kinds)).select_from(audit_entry)
    query = query.where(*conditions).order_by(entry.log_index)
    with connection.execute(query, execution_options={"yield_per": FETCH}) as result:
        for index, body, at_ns, kind, exchange, organisation in result:
            columns = Columns(at_ns, _said(kind), _said(exchange), _said(organisation))
            yield Row(-1 if index is None else index, body or b"", columns)


def export_log(connection: Connection, key: str) -> Iterator[str]:
    """The whole log as JSON lines; `key` is the log's verifier key. Run in one transaction, it is one moment's log."""
    yield _line({"format": FORMAT, "v": VERSION, "key": key, "complete": True})
    for part in parts(connection):
        if isinstance(part, Row):
            yield _line({"index": part.index, "body": _text(part.body)})
        else:
            packed = {"leaves": _text(part.leaves), "frontier": _text(part.frontier)}
            yield _line({"size": part.size, "note": part.note, **packed})


def export_selection(connection: Connection, key: str, selection: Selection) -> Iterator[str]:
    """Selected entries that a checkpoint covers, each with its inclusion proof, as JSON lines. Raises NotCovered."""
    prover = Prover(connection)
    conditions = [*selection.conditions(), audit_entry.c.log_index < prover.size]
    count = connection.execute(select(func.count()).select_from(audit_entry).where(*conditions)).scalar()
    header = {"format": FORMAT, "v": VERSION, "key": key, "complete": False, "note": prover.note, "entries": count}
    yield _line(header)
    for row in _rows(connection, *conditions):
        proof = [_text(part) for part in prover.proof(row.index)]
        yield _line({"index": row.index, "body": _text(row.body), "proof": proof})


def export_proof(connection: Connection, index: int) -> tuple[bytes, str]:
    """One entry's bytes, and its proof in the C2SP tlog-proof format. Raises NotCovered."""
    prover = Prover(connection)
    row = next(iter(list(_rows(connection, audit_entry.c.log_index == index))), None)
    if row is None or index >= prover.size:
        raise NotCovered(f"entry {index} is not in the log, or no checkpoint covers it yet")
    return row.body, proof_text(index, prover.proof(index), prover.note)


class Prover:
    """Inclusion proofs to the last checkpoint. Raises NotCovered where there is none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        checkpoint = audit_checkpoint.c
        newest = connection.execute(
            select(checkpoint.size, checkpoint.note).order_by(checkpoint.size.desc()).limit(1)
        ).first()
        if newest is None:
            raise NotCovered("the log has no checkpoint yet")
        self.size: int = newest.size
        self.note: str = newest.note
        self._blocks = [root_of(block) for block in _in_blocks(self._all_leaves())]
        self._block_at = -1
        self._block: list[bytes] = []

    def proof(self, index: int) -> list[bytes]:
        """The audit path of one entry, nearest sibling first; cheap for indexes that rise."""
        number, place = divmod(index, BLOCK)
        if number != self._block_at:
            self._block_at, self._block = number, self._leaves_of(number)
        # blocks are perfect subtrees but the last, so the tree over their hashes is the top of the whole tree
        return [*inclusion_proof(self._block, place), *inclusion_proof(self._blocks, number)]

    def _all_leaves(self) -> Iterator[bytes]:
        for signed in _checkpoints(self._connection):
            yield from split(signed.leaves)

    def _leaves_of(self, number: int) -> list[bytes]:
        first, last = number * BLOCK, min((number + 1) * BLOCK, self.size)
        checkpoint = audit_checkpoint.c
        begin = self._connection.execute(select(func.max(checkpoint.size)).where(checkpoint.size <= first)).scalar() or 0
        query = select(checkpoint.leaves).where(checkpoint.size > begin).order_by(checkpoint.size)
        found: list[bytes] = []
        with self._connection.execute(query, execution_options={"yield_per": 8}) as result:
            for (packed,) in result:
                found += split(packed)
                if begin + len(found) >= last:
                    break
        return found[first - begin : last - begin]


def _in_blocks(leaves: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    block: list[bytes] = []
    for leaf in leaves:
        block.append(leaf)
        if len(block) == BLOCK:
            yield block
            block = []
    if block:
        yield block


def _text(content: bytes) -> str:
    return b64encode(content).decode()


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":")) + "\n"
