import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from sluicegate.core.decision import ALLOWED, Decision, Reason, deny
from sluicegate.core.errors import (
    AuditUnavailable,
    ClientGone,
    ControlFailed,
    Denied,
    GatewayError,
    UpstreamError,
    UpstreamRejected,
)
from sluicegate.core.event import Event, frame
from sluicegate.core.exchange import Arrival, Exchange, Outcome
from sluicegate.core.provider import Answer
from sluicegate.core.stage import Guard, Passive
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.pipeline import Pipeline
from sluicegate.store.writer import Durable

DONE = Event(frame(b"[DONE]"), b"[DONE]")


def text(content: str) -> Event:
    data = b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}' % content.encode()
    return Event(frame(data), data)


class Recorder(Passive):
    """Admits as it is told, and notes how each exchange was settled."""

    name = "s8_record"

    def __init__(self, decision: Decision = ALLOWED, fails: Exception | None = None) -> None:
        self.decision = decision
        self.fails = fails
        self.settled: list[tuple[Outcome, Reason]] = []
        self.durable: asyncio.Future[None] | None = None

    async def admit(self, _exchange: Exchange) -> Decision:
        return self.decision

    async def settle(self, exchange: Exchange) -> None:
        if self.durable is not None:
            await self.durable
        self.settled.append((exchange.outcome, exchange.reason))
        if self.fails is not None:
            raise self.fails


class Batches:
    """An answer of the given batches; an exception among them is raised in its turn."""

    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, batches: Sequence[Sequence[Event] | BaseException]) -> None:
        self._batches = list(batches)

    async def read(self) -> Sequence[Event]:
        if not self._batches:
            return ()
        batch = self._batches.pop(0)
        if isinstance(batch, BaseException):
            raise batch
        return batch


class Call(Passive):
    name = "s6_call"

    def __init__(self, *batches: Sequence[Event] | BaseException, refused: GatewayError | None = None) -> None:
        self.batches = batches
        self.refused = refused
        self.opened = 0
        self.closed = 0

    @asynccontextmanager
    async def open(self, exchange: Exchange) -> AsyncIterator[Answer]:
        self.opened += 1
        if self.refused:
            raise self.refused
        try:
            yield Batches(self.batches)
        finally:
            self.closed += 1


class Hold:
    """Holds everything until the end."""

    def __init__(self) -> None:
        self.held: list[Event] = []

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        self.held += events
        return ()

    def flush(self) -> Sequence[Event]:
        held, self.held = self.held, []
        return held


class Guarding(Passive):
    name = "s7_inspect_response"

    def guard(self, _exchange: Exchange) -> Guard:
        return Hold()


class Client:
    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.ended = False

    async def __call__(self, events: Sequence[Event], last: bool) -> None:
        self.received += [event.raw for event in events]
        self.ended = last


def make() -> Exchange:
    return Exchange("0" * 32, OpenAIChat(), Arrival("/v1/chat/completions", "127.0.0.1", {}, b"{}"))


async def test_events_leave_as_they_came_and_the_last_after_settling() -> None:
    record, client = Recorder(), Client()
    first, second = text("a"), text("b")
    call = Call([first], [second, DONE])
    exchange = make()
    await Pipeline([call, record], call).run(exchange, client)
    assert client.received == [first.raw, second.raw, DONE.raw]
    assert client.ended
    assert record.settled == [(Outcome.ANSWERED, Reason.ALLOWED)]
    assert exchange.answer_bytes == sum(map(len, client.received))


async def test_nothing_after_the_end_of_the_answer_leaves() -> None:
    client, call = Client(), Call([text("a"), DONE, text("smuggled")])
    await Pipeline([call], call).run(make(), client)
    assert client.received == [text("a").raw, DONE.raw]


async def test_a_denial_is_settled_and_nobody_is_called() -> None:
    call, record = Call(), Recorder(deny(Reason.BUDGET_EXCEEDED))
    with pytest.raises(Denied) as denied:
        await Pipeline([call, record], call).run(make(), Client())
    assert denied.value.status == 402
    assert call.opened == 0
    assert record.settled == [(Outcome.REFUSED, Reason.BUDGET_EXCEEDED)]


async def test_an_entry_that_cannot_be_written_keeps_the_last_event_back() -> None:
    client, call = Client(), Call([text("a")], [DONE])
    record, after = Recorder(fails=AuditUnavailable()), Recorder()
    with pytest.raises(AuditUnavailable):
        await Pipeline([call, record, after], call).run(make(), client)
    assert client.received == [text("a").raw]
    assert len(record.settled) == len(after.settled) == 1


async def test_a_stage_that_breaks_is_a_refusal() -> None:
    class Broken(Passive):
        name = "s4_inspect_prompt"

        async def admit(self, _exchange: Exchange) -> Decision:
            raise ZeroDivisionError

    call, record = Call(), Recorder()
    with pytest.raises(ControlFailed, match="s4_inspect_prompt"):
        await Pipeline([Broken(), call, record], call).run(make(), Client())
    assert call.opened == 0
    assert record.settled == [(Outcome.FAILED, Reason.CONTROL_FAILED)]


async def test_a_stage_that_breaks_while_settling_does_not_stop_the_others() -> None:
    call, broken, record = Call([DONE]), Recorder(fails=ZeroDivisionError()), Recorder()
    client = Client()
    with pytest.raises(ControlFailed):
        await Pipeline([call, broken, record], call).run(make(), client)
    assert client.received == []
    assert len(record.settled) == 1


async def test_an_answer_that_breaks_off_gives_up_what_was_held_and_fails() -> None:
    client, call, record = Client(), Call([text("a")]), Recorder()
    with pytest.raises(UpstreamError) as error:
        await Pipeline([call, Guarding(), record], call).run(make(), client)
    assert error.value.reason is Reason.UPSTREAM_TRUNCATED
    assert client.received == [text("a").raw]
    assert not client.ended
    assert record.settled == [(Outcome.FAILED, Reason.UPSTREAM_TRUNCATED)]


async def test_a_rejection_passes_the_guards() -> None:
    class Deny(Passive):
        name = "s7_inspect_response"

        def guard(self, _exchange: Exchange) -> Guard:
            class Refuse(Hold):
                def flush(self) -> Sequence[Event]:
                    raise Denied(deny(Reason.ANSWER_BLOCKED))

            return Refuse()

    for stage, body in ((Guarding(), b"{}"), (Deny(), b"")):
        rejected = UpstreamRejected(400, b"{}", "no")
        call, record = Call(refused=rejected), Recorder()
        with pytest.raises(UpstreamRejected):
            await Pipeline([call, stage, record], call).run(make(), Client())
        assert rejected.body == body
        assert record.settled == [(Outcome.FAILED, Reason.UPSTREAM_REJECTED)]


async def test_a_rejection_that_breaks_a_guard_is_settled_all_the_same() -> None:
    class Broken(Passive):
        name = "s7_inspect_response"

        def guard(self, _exchange: Exchange) -> Guard:
            raise ZeroDivisionError

    call, record = Call(refused=UpstreamRejected(400, b"{}", "no")), Recorder()
    with pytest.raises(ControlFailed):
        await Pipeline([call, Broken(), record], call).run(make(), Client())
    assert record.settled == [(Outcome.FAILED, Reason.CONTROL_FAILED)]


async def test_an_error_in_mid_answer_leaves_the_answers_guard_alone() -> None:
    """The guard that saw the answer is the one whose findings are recorded."""

    class Once(Guarding):
        guards = 0

        def guard(self, exchange: Exchange) -> Guard:
            self.guards += 1
            return super().guard(exchange)

    rejected = UpstreamRejected(529, b'{"error":{}}', "no")
    call, stage = Call([text("a")], rejected), Once()
    with pytest.raises(UpstreamRejected):
        await Pipeline([call, stage, Recorder()], call).run(make(), Client())
    assert stage.guards == 1
    assert rejected.body == b""


async def test_a_client_that_leaves_is_settled_and_the_call_closed() -> None:
    class Gone(Client):
        async def __call__(self, events: Sequence[Event], last: bool) -> None:
            raise ClientGone

    call, record = Call([text("a")], [DONE]), Recorder()
    with pytest.raises(ClientGone):
        await Pipeline([call, record], call).run(make(), Gone())
    assert call.closed == 1
    assert record.settled == [(Outcome.ABANDONED, Reason.CLIENT_GONE)]


async def test_leaving_during_the_settle_costs_no_outcome() -> None:
    """A client that leaves between the end of the answer and its outcome entry: everything is settled all the same."""
    call, record, after = Call([DONE]), Recorder(), Recorder()
    record.durable = Durable()
    client = Client()
    task = asyncio.ensure_future(Pipeline([call, record, after], call).run(make(), client))
    while call.closed == 0:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    record.durable.set_result(None)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert after.settled == [(Outcome.ANSWERED, Reason.ALLOWED)]
    assert client.received == []


async def test_a_client_whose_events_are_held_gets_a_sign_of_life() -> None:
    client = Client()
    call = Call([text("a")], [text("b")], [text("c")], [text("d"), DONE])
    exchange = make()
    await Pipeline([call, Guarding()], call, heartbeat_seconds=0).run(exchange, client)
    beat = exchange.dialect.heartbeat().raw
    assert client.received == [beat, beat, *[text(each).raw for each in "abcd"], DONE.raw]
    assert exchange.answer_bytes == sum(map(len, client.received))


async def test_no_sign_of_life_is_needed_while_events_leave_or_shortly_after() -> None:
    for guards, heartbeat in (((), 0.0), ((Guarding(),), 1_000.0)):
        client = Client()
        call = Call([text("a")], [text("b")], [text("c")], [DONE])
        await Pipeline([call, *guards], call, heartbeat).run(make(), client)
        assert client.received == [*[text(each).raw for each in "abc"], DONE.raw]


async def test_a_guard_may_wait_for_its_last_word() -> None:
    class Waiting(Hold):
        async def flush(self) -> Sequence[Event]:  # type: ignore[override]  # as the protocol allows
            await asyncio.sleep(0)
            return super().flush()

    class Late(Passive):
        name = "s7_inspect_response"

        def guard(self, _exchange: Exchange) -> Guard:
            return Waiting()

    client, call = Client(), Call([text("a")], [DONE])
    await Pipeline([call, Late()], call).run(make(), client)
    assert client.received == [text("a").raw, DONE.raw]
    rejected = UpstreamRejected(400, b"{}", "no")
    refused = Call(refused=rejected)
    with pytest.raises(UpstreamRejected):
        await Pipeline([refused, Late()], refused).run(make(), Client())
    assert rejected.body == b"{}"
