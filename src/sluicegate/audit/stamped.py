"""Entries with their bytes and their time, and without an index yet: as the journal holds them, on the way into the log."""

from collections.abc import Sequence
from time import time_ns

import msgspec
from sqlalchemy import Connection, select, tuple_

from sluicegate.audit.entry import Entry, canonical
from sluicegate.core.exchange import Spend
from sluicegate.store.tables import audit_entry

UNSAYABLE = (UnicodeEncodeError, TypeError, OverflowError)
"""What is raised for an entry that has no canonical bytes."""
_LOOKED_FOR = 400
"""How many entries one query looks for."""


class Stamped(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One entry, and what it adds to spending."""

    body: bytes
    at_ns: int
    kind: str
    exchange: str
    organisation: str
    spend: Sequence[Spend] = ()


encode = msgspec.msgpack.Encoder().encode
"""A list of Stamped as one payload of the journal. Raises one of UNSAYABLE."""
_decode = msgspec.msgpack.Decoder(list[Stamped]).decode
_entry = msgspec.json.Decoder(Entry).decode


def decode(payload: bytes) -> list[Stamped]:
    """What `encode` made a payload of. Raises ValueError for anything else."""
    return _decode(payload)


def stamp(entry: Entry, spend: Sequence[Spend]) -> Stamped:
    """Give an entry its time and its bytes. Raises one of UNSAYABLE."""
    entry.at_ns = now = time_ns()
    return Stamped(canonical(entry), now, entry.kind, entry.exchange, entry.organisation, spend)


def regressed(body: bytes) -> bytes:
    """The bytes of the same entry, which say that the entry before it is of a later time."""
    entry = _entry(body)
    entry.time_regressed = True
    return canonical(entry)


def missing(connection: Connection, stamped: Sequence[Stamped]) -> list[Stamped]:
    """Those that are not in the log. An exchange has at most one entry of a kind, and so many does the log hold."""
    entry = audit_entry.c
    known: set[tuple[str, str]] = set()
    for start in range(0, len(stamped), _LOOKED_FOR):
        wanted = [(one.exchange, one.kind) for one in stamped[start : start + _LOOKED_FOR]]
        rows = connection.execute(
            select(entry.exchange_id, entry.kind).where(tuple_(entry.exchange_id, entry.kind).in_(wanted))
        )
        known.update((exchange, kind) for exchange, kind in rows)
    return [one for one in stamped if (one.exchange, one.kind) not in known]
