"""A row per exchange, written off the path: offered to the writer, and dropped and counted rather than waited for."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.core.exchange import Attempt, Exchange, Outcome
from sluicegate.core.names import named
from sluicegate.core.provider import Place
from sluicegate.core.usage import Usage
from sluicegate.store.rows import Row, Rows
from sluicegate.store.tables import trace

log = logging.getLogger(__name__)

ALLOW = Verdict.ALLOW
_COLUMNS = tuple(column.name for column in trace.columns)
_ROWS = Rows("trace", _COLUMNS, "ON CONFLICT (exchange_id) DO NOTHING")
_FINISH = 64
_SURFACE = 64
_PLAIN: dict[str, str] = {member: member.value for kind in (Outcome, Reason, Place) for member in kind}
"""Members of the enumerations as drivers take them."""
_UNUSED = Usage()
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
    started, first, finish = exchange.started, exchange.first_event, exchange.finish
    organisation = team = use_case = key = principal = model = stream = deployment = place = None
    if grant is not None:
        organisation, team, key, principal = grant.organisation, grant.team, grant.key_id, grant.principal
        use_case = grant.use_case.id
    if ask is not None:
        model, stream = named(ask.model), ask.stream
    if target is not None:
        deployment, place = target.deployment, _PLAIN[target.place]
    usage = exchange.usage if exchange.called is not None else _UNUSED
    return (
        exchange.id,
        int(exchange.started_at * 1e9),
        organisation,
        team,
        use_case,
        key,
        principal,
        exchange.arrival.surface[:_SURFACE],
        model,
        deployment,
        place,
        stream,
        _PLAIN[known["outcome"]],
        _PLAIN[known["reason"]],
        usage.input,
        usage.output,
        usage.cached,
        usage.reasoning,
        known.get("cost", 0),
        int((now - started) * 1e6),
        None if first is None else int((first - started) * 1e6),
        finish if finish is not None and len(finish) <= _FINISH and named(finish) == finish else None,
        (exchange.decisions, exchange.attempts),
    )


def _detail(decisions: Sequence[tuple[str, Decision]], attempts: Sequence[Attempt]) -> str:
    for _, decision in decisions:
        if decision.verdict is not ALLOW:
            break
    else:
        if len(attempts) == 1:
            return _uneventful(attempts[0].deployment, attempts[0].result)
    found = [
        (stage, decision.verdict, decision.reason, decision.detail)
        for stage, decision in decisions
        if decision.verdict is not ALLOW or decision.reason is Reason.CACHE_HIT
    ]
    return _said(found, attempts)


@lru_cache(maxsize=1_024)
def _uneventful(deployment: str, result: str) -> str:
    """The detail of nearly every exchange: one attempt, and nothing that a stage did not simply allow."""
    return _said((), (Attempt(deployment, result),))


def _said(decisions: Sequence[Any], attempts: Sequence[Attempt]) -> str:
    return _encode({"decisions": decisions, "attempts": [(tried.deployment, tried.result) for tried in attempts]}).decode()
