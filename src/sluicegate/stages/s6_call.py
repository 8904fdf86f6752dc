"""Stage 6: call along the route, fail over before the first event, translate where dialects differ."""

from asyncio import CancelledError, sleep
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from sys import exc_info
from time import perf_counter
from types import TracebackType
from typing import NamedTuple, Protocol

from msgspec import structs

from sluicegate.asking import Asking
from sluicegate.codecs.translate import AnswerTranslator, Translation, translation
from sluicegate.core.decision import Reason
from sluicegate.core.dialect import STORING, Answers, DialectName, restates
from sluicegate.core.errors import UnsupportedFeature, UpstreamError, UpstreamRejected
from sluicegate.core.event import Event, check_empty
from sluicegate.core.exchange import Attempt, Exchange, Kept
from sluicegate.core.provider import Answer, Provider, Request, Target
from sluicegate.core.stage import Passive
from sluicegate.core.usage import Usage
from sluicegate.limits.capacity import Capacity
from sluicegate.limits.rate import Refusal
from sluicegate.providers.ready import Ready
from sluicegate.providers.refusal import status_of
from sluicegate.routing.cached import Again
from sluicegate.routing.failures import Failures, asked, elsewhere, throttled
from sluicegate.routing.health import Health
from sluicegate.routing.retries import Retries
from sluicegate.routing.scores import Scores
from sluicegate.settings import Upstream

ANSWERED = "answered"
"""The result of an attempt that gave the answer; every other result is a reason code."""

DROPPED_HEADER = "x-sluicegate-dropped"
"""Tells the client which settings the target's dialect has no word for."""

DEPLOYMENT_HEADER = "x-sluicegate-deployment"
"""Tells the client which deployment answered where there were several."""

_UNMARKED = frozenset({DialectName.GEMINI})
"""Dialects in whose streams no event says that it is the last: after a reason to finish, the connection's end does."""

Own = Callable[[Exchange], Event]
"""Makes the gateway's own answer. Raises InvalidRequest."""


class Standing(NamedTuple):
    """What is known of targets, and what calls to them may still cost them."""

    health: Health
    scores: Scores
    retries: Retries
    capacity: Capacity


class Stored(Protocol):
    """Remembers whose stored answers are (`routing/stored.py`)."""

    async def keep(self, organisation: str, use_case: str, answer: str, kept: Kept) -> None:
        """Make it durable."""


class Call(Passive):
    """Opens answers. `providers` carry each kind of target, `dialects` read what comes back."""

    name = "s6_call"

    def __init__(
        self,
        providers: Mapping[str, Provider],
        dialects: Mapping[DialectName, Answers],
        standing: Standing,
        bounds: Upstream,
        own: Mapping[DialectName, Own] | None = None,
        stored: Stored | None = None,
        again: Again | None = None,
    ) -> None:
        """`own` gives what the gateway answers by itself, where no model is asked for or no target can be asked; `stored`
        remembers whose an answer is that a provider keeps, `again` gives what was answered before, where a use case says so.
        """
        self.stored = stored
        self.providers = providers
        self.dialects = dialects
        self.health, self.scores, self.retries, self.capacity = standing
        self.bounds = bounds
        self.own = own or {}
        self._again = again

    def open(self, exchange: Exchange) -> AbstractAsyncContextManager[Answer]:
        """The answer of the first target of `exchange.route` that gives one; its events are in the client's dialect.

        Without a route it is the gateway's own. Entering raises UpstreamError, or UnsupportedFeature where no target can be
        asked what the client asks.
        """
        if not exchange.route and exchange.dialect.name in self.own:
            return Ready(self.own[exchange.dialect.name](exchange))
        caching = exchange.grant.use_case.cache
        if caching is not None and self._again is not None:
            return self._again.open(exchange, caching, partial(Opened, self, exchange))
        return Opened(self, exchange)


class Opened:
    """One exchange's answer, from the first attempt to leaving the context. It is the Answer itself."""

    __slots__ = (
        "_answer",
        "_asking",
        "_call",
        "_dialect",
        "_exchange",
        "_first",
        "_kept",
        "_manager",
        "_target",
        "_translator",
        "headers",
        "status",
    )

    def __init__(self, call: Call, exchange: Exchange) -> None:
        self._call = call
        self._exchange = exchange
        self._dialect: Answers = exchange.dialect
        self._manager: AbstractAsyncContextManager[Answer] | None = None
        self._answer: Answer | None = None
        self._target: Target | None = None
        self._translator: AnswerTranslator | None = None
        self._asking = Asking(exchange, call.dialects)
        self._kept: tuple[str, Kept] | None = None
        """A stored answer by its id, whose tokens are not known yet."""
        self._first: Sequence[Event] = ()
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> "Opened":
        call = self._call
        call.retries.earn()
        failures = Failures(call.bounds.attempts)
        repeats = 0
        while not await self._walk(failures):
            asked = failures.repeat_after
            pause = None if asked is None else call.retries.wait(repeats, asked, self._spent())
            if pause is None:
                told = failures.told()
                own = call.own.get(self._exchange.dialect.name)
                if own is None or not isinstance(told, UnsupportedFeature):
                    raise told
                self._first = (own(self._exchange),)
                break
            repeats += 1
            await sleep(pause)
        if self._dialect.name in STORING and self._translator is None and call.stored is not None:
            await self._remember(call.stored)
        return self

    async def _remember(self, stored: Stored) -> None:
        """Make it durable whose the answer is, before its client learns its id, if the provider keeps it."""
        exchange, dialect, target = self._exchange, self._dialect, self._target
        if not exchange.ask.model or exchange.document.get("store") is False or target is None or not restates(dialect):
            return
        try:
            answers = [id for event in self._first if (id := dialect.answer_id(event)) is not None]
            if not answers:
                raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider did not say which answer it keeps.")
            account = "" if target.credential is None else target.credential.reference
            known = not exchange.usage.estimated
            tokens = exchange.usage.total if known else exchange.reservation.tokens
            kept = Kept(exchange.ask.model, target.provider, account, tokens)
            await stored.keep(exchange.grant.organisation, exchange.grant.use_case.id, answers[0], kept)
            self._kept = None if known else (answers[0], kept)
        except BaseException:
            await self.__aexit__(*exc_info())
            raise

    async def _walk(self, failures: Failures) -> bool:
        """Try the route's targets in turn; whether one gave an answer."""
        call, exchange = self._call, self._exchange
        failures.begin()
        for target in exchange.route:
            if failures.last is not None:
                if failures.left <= 0 or self._spent() > call.bounds.total_timeout:
                    break
                if not call.health.available(target.circuit):
                    continue
            hold = call.capacity.take(target, exchange.reservation.input) if target.rate is not None else None
            if isinstance(hold, Refusal):
                failures.full(hold.retry_after)
                continue
            try:
                await self._try(target)
            except UnsupportedFeature as error:
                call.capacity.release(hold)
                failures.unsaid(error)
                continue
            except UpstreamError as error:
                if failures.note(error):
                    continue
                break
            finally:
                if not self._manager:
                    call.capacity.settle(hold, 0)
            if hold is not None:
                exchange.capacity = partial(call.capacity.settle, hold)
            return True
        return False

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            await manager.__aexit__(kind, error, trace)
        if self._kept is not None and kind is None:
            await self._count(*self._kept)

    async def _count(self, answer: str, kept: Kept) -> None:
        """A stored answer is complete: note how many tokens it brings along, if its provider says so."""
        exchange, stored = self._exchange, self._call.stored
        if stored is not None and not exchange.usage.estimated:
            counted = structs.replace(kept, tokens=exchange.usage.total)
            await stored.keep(exchange.grant.organisation, exchange.grant.use_case.id, answer, counted)

    async def read(self) -> Sequence[Event]:
        """See core.provider.Answer."""
        if first := self._first:
            self._first = ()
            return first
        answer, target = self._answer, self._target
        if answer is None or target is None:
            return ()
        try:
            while batch := await self._next(answer):
                if events := self._work(batch):
                    return events
        except UpstreamError as error:
            self._judge(target, error)
            raise
        if self._translator is None:
            return ()
        rest = self._translator.flush()
        return self._asked_for(rest) if self._asking.usage else rest

    async def _try(self, target: Target) -> None:
        """Call one target and read its first events. Raises UnsupportedFeature or UpstreamError."""
        call, exchange = self._call, self._exchange
        own = exchange.dialect.name
        dialect = own if own in target.dialects else target.dialects[0]
        across = translation(own, dialect)
        request = self._asking.request(target, dialect, across)
        if exchange.attempts:  # what an attempt that failed has left
            exchange.usage, exchange.finish = Usage(estimated=True), None
            exchange.tool_calls.clear()
        self._target = target
        if across is None:
            self._dialect, self._translator = exchange.dialect, None
        else:
            self._dialect, self._translator = call.dialects[dialect], across.answer()
        result: str = Reason.CONTROL_FAILED
        began = perf_counter()
        call.health.begin(target.circuit)
        try:
            await self._open(target, request)
            result = ANSWERED
        except UpstreamError as error:
            result = error.reason
            self._judge(target, error)
            if across is not None and isinstance(error, UpstreamRejected):
                raise _rejected_across(across, error) from None
            raise
        except CancelledError:
            result = Reason.CLIENT_GONE
            exchange.target = target
            raise
        finally:
            exchange.attempts.append(Attempt(target.deployment, result))
            if result == ANSWERED:
                call.health.succeeded(target.circuit)
            else:
                call.health.left(target.circuit)
        exchange.target = target
        if len(exchange.route) > 1:
            call.scores.answered(target.circuit, perf_counter() - began)
            exchange.response_headers[DEPLOYMENT_HEADER] = target.deployment
        if self.headers:
            exchange.response_headers.update(self.headers)
        if self._asking.dropped:
            exchange.response_headers[DROPPED_HEADER] = ", ".join(self._asking.dropped)

    async def _open(self, target: Target, request: Request) -> None:
        """Send the request and wait for the first events, after which there is no other target for this exchange."""
        call, exchange = self._call, self._exchange
        provider = call.providers.get(target.kind)
        if provider is None:
            raise UpstreamError(Reason.UPSTREAM_UNREACHABLE, "Nothing here can call this kind of deployment.")
        if exchange.called is None:
            exchange.called = perf_counter()
        stream = request.stream
        manager = provider.send(target, request)
        self._answer = answer = await manager.__aenter__()
        try:
            while batch := await self._next(answer):
                if batch[0].framed is not stream:
                    raise UpstreamError(
                        Reason.UPSTREAM_INVALID, "The provider's answer is not in the form that was asked for."
                    )
                if events := self._work(batch):
                    self._first = events
                    self._manager = manager
                    break
            else:
                raise UpstreamError(Reason.UPSTREAM_TRUNCATED, "The provider's answer ended before it began.")
        finally:
            if self._manager is None:
                self._answer = None
                await manager.__aexit__(*exc_info())
        self.status, self.headers = answer.status, answer.headers

    def _next(self, answer: Answer) -> Awaitable[Sequence[Event]]:
        """The next events of the target's answer."""
        return self._to_the_end(answer) if self._dialect.name in _UNMARKED else answer.read()

    async def _to_the_end(self, answer: Answer) -> Sequence[Event]:
        """The next events; with a reason to finish among them, all that still come, the last of them marked."""
        batch = await answer.read()
        if not any(event.framed and self._dialect.finish(event) is not None for event in batch):
            return batch
        events = list(batch)
        try:
            while batch := await answer.read():
                events += batch
        except UpstreamError:
            pass  # the answer is whole: nothing had to follow
        self._answer = None
        last = max(index for index, event in enumerate(events) if event.data)
        events[last].last = True
        return events[: last + 1]

    def _work(self, batch: Sequence[Event]) -> Sequence[Event]:
        """Take from each event what the record needs, in the target's dialect; then what leaves, in the client's.

        Raises UpstreamRejected for an error in place of the answer or its rest; UpstreamError for what is unreadable.
        """
        exchange, dialect = self._exchange, self._dialect
        for event in batch:
            document = event.document
            if document is None:
                check_empty(event)
            elif "error" in document and (status := status_of(document)) and document.get("object") != "response":
                raise UpstreamRejected(status, event.data, "The provider reported an error instead of its answer.")
            exchange.usage = dialect.usage(event, exchange.usage)
            finish = dialect.finish(event)
            if finish is not None:
                exchange.finish = finish
            if calls := dialect.tool_calls(event):
                exchange.tool_calls.extend(calls)
        if self._translator is not None:
            batch = self._translator.feed(batch)
        return self._asked_for(batch) if self._asking.usage else batch

    def _asked_for(self, events: Sequence[Event]) -> Sequence[Event]:
        """`events` without the usage that only the gateway asked for."""
        without_usage = self._exchange.dialect.without_usage
        if len(events) == 1:
            only = without_usage(events[0])
            return () if only is None else (only,)
        return [kept for event in events if (kept := without_usage(event)) is not None]

    def _judge(self, target: Target, error: UpstreamError) -> None:
        """What an error says of the target: nothing, where it is the client's own."""
        call = self._call
        if not elsewhere(error):
            call.health.left(target.circuit)
            return
        call.scores.failed(target.circuit)
        if throttled(error):
            call.health.throttle(target.circuit, asked(error))
        else:
            call.health.failed(target.circuit, asked(error))

    def _spent(self) -> float:
        """Seconds since the first attempt."""
        called = self._exchange.called
        return 0.0 if called is None else perf_counter() - called


def _rejected_across(across: Translation, error: UpstreamRejected) -> UpstreamRejected:
    """The refusal in words of neither dialect: the body stays here, because the client could not read it."""
    status, message = across.rejected(error.status, error.body) if error.body else (error.status, error.message)
    return UpstreamRejected(status, b"", message, headers=error.headers)
