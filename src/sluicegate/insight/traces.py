"""A row per exchange, written off the path: offered to the writer, and dropped and counted rather than waited for."""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from sluicegate.core.decision import Verdict
from sluicegate.core.exchange import Exchange
from sluicegate.core.names import NAME, named
from sluicegate.store.rows import Row, Rows
from sluicegate.store.tables import trace

log = logging.getLogger(__name__)

ALLOW = Verdict.ALLOW
_COLUMNS = tuple(column.name for column in trace.columns)
_ROWS = Rows("trace", _COLUMNS, "ON CONFLICT (exchange_id) DO NOTHING")
_FINISH = 64
_SURFACE = 64
_encode = msgspec.json.Encoder().encode


class Offers(Protocol):
    """What takes rows without waiting (`store.writer.Writer`)."""

    def offer(self, batch: Any, item: Any) -> bool:
        """Have `item` written some time soon; False if it was dropped."""


class TraceRows:
    """How rows are written: many in one statement, in the writer's thread. Implements `store.writer.Batch`."""

    def apply(self, connection: Connection, items: Sequence[Row]) -> Sequence[None]:
        """Insert the rows; their last column is turned into JSON here, off the event loop."""
        _ROWS.insert(connection, [(*item[:-1], _detail(*item[-1])) for item in items])
        return [None] * len(items)

    def due(self) -> None:
        """Never without rows."""

    def committed(self) -> None:
        """Nothing is kept in memory."""

    def rolled_back(self) -> None:
        """Nothing is kept in memory."""


class Traces:
    """Turns finished exchanges into rows."""

    def __init__(self, writer: Offers) -> None:
        self._writer = writer
        self._batch = TraceRows()
        self._dropping = 0
        self.dropped = 0
        """Rows the writer would not take."""

    def offer(self, exchange: Exchange, now: float) -> None:
        """Offer the row of a finished exchange; `now` is `time.perf_counter()`."""
        if self._writer.offer(self._batch, row(exchange, now)):
            if self._dropping:
                log.warning("trace rows were dropped", extra={"rows": self._dropping})
                self._dropping = 0
            return
        if not self._dropping:
            log.warning("trace rows are being dropped: the writer's queue is full")
        self._dropping += 1
        self.dropped += 1


def row(exchange: Exchange, now: float) -> Row:
    """The columns of `trace`, in their order; the last one still as (decisions, attempts)."""
    known = exchange.__dict__
    grant, ask, target = known.get("grant"), known.get("ask"), known.get("target")
    usage, started, first, finish = exchange.usage, exchange.started, exchange.first_event, exchange.finish
    called = exchange.called is not None
    return (
        exchange.id,
        int(exchange.started_at * 1e9),
        *(
            (None,) * 5
            if grant is None
            else (grant.organisation, grant.team, grant.use_case.id, grant.key_id, grant.principal)
        ),
        exchange.arrival.surface[:_SURFACE],
        None if ask is None else named(ask.model),
        *((None, None) if target is None else (target.deployment, target.place.value)),
        None if ask is None else ask.stream,
        known["outcome"].value,
        known["reason"].value,
        *((usage.input, usage.output, usage.cached, usage.reasoning) if called else (0, 0, 0, 0)),
        known.get("cost", 0),
        int((now - started) * 1e6),
        None if first is None else int((first - started) * 1e6),
        finish if finish is not None and len(finish) <= _FINISH and NAME.fullmatch(finish) else None,
        (exchange.decisions, exchange.attempts),
    )


def _detail(decisions: Sequence[Any], attempts: Sequence[Any]) -> str:
    found = [
        (stage, decision.verdict, decision.reason, decision.detail)
        for stage, decision in decisions
        if decision.verdict is not ALLOW
    ]
    return _encode({"decisions": found, "attempts": [(tried.deployment, tried.result) for tried in attempts]}).decode()
