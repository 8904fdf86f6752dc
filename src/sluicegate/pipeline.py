"""The request path in one place: admit, call, guard, settle.

Who owns what: one exchange belongs to one task from admission to settlement. A settle waits only for what cannot be
cancelled (`store/writer.py`, Durable), so a client that leaves, or a server that stops, costs no outcome entry. A crash of
the process between the intent and the outcome entry leaves an open intent, which `audit/log.py` closes at the next start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Protocol

from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.errors import (
    AuditUnavailable,
    ClientGone,
    ControlFailed,
    Denied,
    GatewayError,
    UpstreamError,
    UpstreamRejected,
)
from sluicegate.core.event import Event
from sluicegate.core.exchange import Exchange, Outcome
from sluicegate.core.provider import Answer
from sluicegate.core.stage import Guard, Passive, Stage

log = logging.getLogger(__name__)

DENY = Verdict.DENY

Send = Callable[[Sequence[Event], bool], Awaitable[None]]
"""Takes the next events for the client; True with the last ones. Raises ClientGone."""


class CallStage(Stage, Protocol):
    """The stage that calls: it opens an answer whose events are in the client's dialect."""

    def open(self, exchange: Exchange) -> AbstractAsyncContextManager[Answer]:
        """Call along the route; raises UpstreamError."""


class Pipeline:
    """Runs exchanges through the stages, which stand in the order of their folder."""

    def __init__(self, stages: Sequence[Stage], call: CallStage, heartbeat_seconds: float = 15) -> None:
        """A client whose events the guards hold back for `heartbeat_seconds` gets a sign of life."""
        self.stages = tuple(stages)
        self._heartbeat = heartbeat_seconds
        self._call = call
        self._admitting = tuple([(stage.name, stage.admit) for stage in _overriding(self.stages, "admit")])
        self._guarding = tuple([stage.guard for stage in _overriding(self.stages, "guard")])
        self._settling = tuple([(stage.name, stage.settle) for stage in _overriding(self.stages, "settle")])

    async def run(self, exchange: Exchange, send: Send) -> None:
        """Take one exchange from authentication to settlement, pushing its answer through `send`.

        Raises GatewayError when the last event was not released; by then the exchange is settled. Cancelling the task
        means the client has gone.
        """
        try:
            last = await self._answer(exchange, send)
            await self._settle(exchange, Outcome.ANSWERED, Reason.ALLOWED)
            await send(last, True)
        except GatewayError as error:
            await self._settle(exchange, _outcome(error), error.reason)
            raise
        except (ClientGone, asyncio.CancelledError):
            await self._settle(exchange, Outcome.ABANDONED, Reason.CLIENT_GONE)
            raise
        except Exception as error:  # fail closed: a stage that breaks is a refusal
            log.exception("a stage broke", extra={"exchange": exchange.id})
            await self._settle(exchange, Outcome.FAILED, Reason.CONTROL_FAILED)
            raise ControlFailed(exchange.stage) from error

    async def _answer(self, exchange: Exchange, send: Send) -> Sequence[Event]:
        """Admit, call and relay; the last events, which have not left yet."""
        await self._admit(exchange)
        exchange.stage = self._call.name
        try:
            async with self._call.open(exchange) as answer:
                last = await self._relay(exchange, answer, send)
        except UpstreamRejected as error:
            await self._inspect_rejection(exchange, error)
            raise
        exchange.note_released(last)
        return last

    async def _admit(self, exchange: Exchange) -> None:
        decisions = exchange.decisions
        for name, admit in self._admitting:
            exchange.stage = name
            decision = await admit(exchange)
            decisions.append((name, decision))
            if decision.verdict is DENY:
                raise Denied(decision, headers=exchange.response_headers)

    async def _relay(self, exchange: Exchange, answer: Answer, send: Send) -> Sequence[Event]:
        """Push every event but the last ones through the guards and out; return the last ones."""
        ended, read, note = exchange.dialect.ended, answer.read, exchange.note_released
        guards = [laid for guard in self._guarding if (laid := guard(exchange)) is not None]
        feeds = [guard.feed for guard in guards]
        held, since = False, 0.0
        try:
            events = await read()
            if events:
                exchange.first_event = perf_counter()
            while events:
                if len(events) == 1:
                    over = ended(events[0])
                else:
                    events, over = _until_end(ended, events)
                for feed in feeds:
                    events = feed(events)
                if over:
                    return [*events, *await _flush(guards)]
                if events:
                    note(events)
                    await send(events, False)
                    held = False
                elif not held:
                    held, since = True, perf_counter()
                elif perf_counter() - since > self._heartbeat:
                    since = perf_counter()
                    events = (exchange.dialect.heartbeat(),)
                    note(events)
                    await send(events, False)
                events = await read()
            raise UpstreamError(Reason.UPSTREAM_TRUNCATED, "The provider's answer broke off before its end.")
        except UpstreamError:
            if rest := await _flush(guards):
                exchange.note_released(rest)
                await send(rest, False)
            raise

    async def _inspect_rejection(self, exchange: Exchange, error: UpstreamRejected) -> None:
        """A provider's error may quote what policy forbids: its body passes the guards, or it is not passed on."""
        if exchange.first_event is not None:
            error.body = b""  # in mid-answer the client gets our own words, and the guards belong to the answer
        if not error.body:
            return
        events: Sequence[Event] = [Event(error.body, error.body, framed=False)]
        try:
            for guard in self._guarding:
                if (laid := guard(exchange)) is not None:
                    events = [*laid.feed(events), *await _over(laid)]
        except GatewayError:
            events = ()
        error.body = b"".join(event.raw for event in events)

    async def _settle(self, exchange: Exchange, outcome: Outcome, reason: Reason) -> None:
        """Settle every stage, whatever the others do; once: a second call does nothing.

        Raises the first failure if the answer was complete: then it must not be finished.
        """
        if exchange.knows("outcome"):
            return
        exchange.outcome, exchange.reason = outcome, reason
        failure: GatewayError | asyncio.CancelledError | None = None
        for name, settle in self._settling:
            try:
                await settle(exchange)
            except (AuditUnavailable, asyncio.CancelledError) as error:
                failure = failure or error
            except Exception:  # fail closed: the answer is not finished
                log.exception("a stage broke while settling", extra={"exchange": exchange.id, "stage": name})
                failure = failure or ControlFailed(name)
        if failure is not None and (outcome is Outcome.ANSWERED or isinstance(failure, asyncio.CancelledError)):
            raise failure


def _overriding(stages: Sequence[Stage], step: str) -> tuple[Stage, ...]:
    """The stages that do something in this step."""
    return tuple(stage for stage in stages if getattr(type(stage), step) is not getattr(Passive, step))


def _until_end(ended: Callable[[Event], bool], events: Sequence[Event]) -> tuple[Sequence[Event], bool]:
    """The events up to the one that ends the answer, and whether it was among them; what follows it is not the answer's."""
    for index, event in enumerate(events):
        if ended(event):
            return events[: index + 1], True
    return events, False


async def _flush(guards: Sequence[Guard]) -> Sequence[Event]:
    """What the guards still hold, each one's rest passed on through those after it."""
    rest: Sequence[Event] = ()
    for guard in guards:
        rest = [*guard.feed(rest), *await _over(guard)] if rest else await _over(guard)
    return rest


async def _over(guard: Guard) -> Sequence[Event]:
    """The rest of what one guard holds."""
    rest = guard.flush()
    return await rest if isinstance(rest, Awaitable) else rest


def _outcome(error: GatewayError) -> Outcome:
    failed = isinstance(error, UpstreamError | AuditUnavailable | ControlFailed)
    return Outcome.FAILED if failed else Outcome.REFUSED
