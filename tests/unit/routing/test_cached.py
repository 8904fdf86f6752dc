"""Which answers are kept and given again, and what the exchange is told."""

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec
import pytest

from sluicegate.core.decision import ALLOWED, Decision, Reason, Verdict
from sluicegate.core.dialect import Dialect, DialectName
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.core.identity import CacheMode, Caching
from sluicegate.core.provider import Target
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_responses import OpenAIResponses
from sluicegate.routing.cache import Cache
from sluicegate.routing.cached import BATCH, CACHE_HEADER, Again, cacheable, key_of
from sluicegate.settings import Cache as Bounds
from tests.support.calls import collect, target
from tests.support.exchanges import grant

CHAT: Dialect = OpenAIChat()
A, B = target(deployment="a"), target(deployment="b")
CACHING = Caching(CacheMode.EXACT, 60)
ANSWER = (whole({"said": "hello"}),)
TOLD = "x-told"


class Opened:
    """An answer as the call opens it: what it says, and how it breaks."""

    def __init__(self, exchange: Exchange, batches: Sequence[Sequence[Event]], made_by: Target) -> None:
        self._exchange = exchange
        self._batches = list(batches)
        self._made_by = made_by
        self.status = 201
        self.headers: Mapping[str, str] = {"a": "b"}

    async def __aenter__(self) -> "Opened":
        self._exchange.target = self._made_by
        self._exchange.finish = "stop"
        self._exchange.tool_calls.append("look")
        self._exchange.response_headers[TOLD] = "seed"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def read(self) -> Sequence[Event]:
        return self._batches.pop(0) if self._batches else ()


class World:
    """A cache, and how often the route was asked."""

    def __init__(self, **bounds: Any) -> None:
        self.cache = Cache(Bounds(**bounds), lambda: 0.0)
        self.again = Again(self.cache, (TOLD,))
        self.calls = 0

    async def ask(
        self,
        asked: Exchange,
        batches: Sequence[Sequence[Event]] = (ANSWER,),
        made_by: Target | None = None,
        error: Exception | None = None,
    ) -> list[Event]:
        """What the exchange reads, in an answer that breaks with `error`."""

        def call() -> Opened:
            self.calls += 1
            return Opened(asked, batches, made_by or asked.route[0])

        async with self.again.open(asked, CACHING, call) as answer:
            events = await collect(answer)
            if error is not None:
                raise error
            return events


def exchange(
    text: str = "hi", id: str = "1", dialect: Dialect = CHAT, route: Sequence[Target] = (A,), **fields: Any
) -> Exchange:
    """One that was admitted, and may be kept."""
    headers = fields.pop("headers", {})
    document = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
    arrival = Arrival("/v1/chat/completions", "127.0.0.1", headers, json.dumps(document).encode())
    asked = Exchange(id * 32, dialect, arrival)
    asked.grant = grant()
    asked.document = document
    asked.ask = CHAT.read(document)
    asked.route = tuple(route)
    asked.decisions = [("s1_authenticate", ALLOWED)]
    asked.stage = "s6_call"
    return asked


def told(asked: Exchange) -> str:
    return asked.response_headers[CACHE_HEADER]


async def test_a_second_time_nobody_is_asked() -> None:
    world, first, second = World(), exchange(), exchange(id="2")
    assert await world.ask(first) == list(ANSWER)
    [again] = await world.ask(second)
    assert world.calls == 1
    assert again is not ANSWER[0]
    assert again.raw == ANSWER[0].raw
    assert (told(first), told(second)) == ("miss", "hit")
    assert (world.cache.hits, world.cache.misses) == (1, 1)
    assert (second.finish, second.tool_calls, second.response_headers[TOLD]) == ("stop", ["look"], "seed")
    assert second.called is None
    assert not second.knows("target")
    stage, decision = second.decisions[-1]
    assert (stage, decision.verdict, decision.reason) == ("s6_call", Verdict.ALLOW, Reason.CACHE_HIT)
    assert decision.detail == {"from": "1" * 32, "deployment": "a", "age_seconds": 0}
    assert len(first.decisions) == 1


async def test_what_guards_do_to_an_answer_does_not_reach_the_next() -> None:
    world, answer = World(), [whole({"said": "secret"})]
    for asked in (exchange(), exchange(), exchange()):
        [event] = await world.ask(asked, [answer])
        assert event.document == {"said": "secret"}
        event.document["said"] = "***"
        event.rewrite()
    assert world.calls == 1


async def test_a_stream_is_given_again_in_order() -> None:
    world, events = World(), [sse({"index": index}) for index in range(2 * BATCH + 1)]
    raws = [event.raw for event in events]
    asked = exchange(stream=True)
    await world.ask(asked, [events[:5], events[5:]])
    assert [event.raw for event in await world.ask(exchange(stream=True))] == raws
    assert told(asked) == "miss"
    assert world.calls == 1


async def test_an_answer_that_broke_is_not_kept() -> None:
    world = World()
    with pytest.raises(ValueError, match="broke"):
        await world.ask(exchange(), error=ValueError("broke"))
    await world.ask(exchange())
    assert world.calls == 2


async def test_an_answer_that_is_too_long_is_not_kept() -> None:
    world, long = World(max_answer_bytes=1_000), [[sse({"said": "x" * 300})] for _ in range(4)]
    for _ in range(2):
        assert len(await world.ask(exchange(stream=True), long)) == 4
    assert (world.calls, len(world.cache)) == (2, 0)


async def test_who_wants_a_new_answer_gets_one() -> None:
    world = World()
    await world.ask(exchange(headers={"cache-control": "no-store"}))
    assert len(world.cache) == 0
    await world.ask(exchange())
    await world.ask(exchange(headers={"cache-control": "max-age=0, No-Cache"}), [[whole({"said": "newer"})]])
    [event] = await world.ask(exchange())
    assert event.document == {"said": "newer"}
    assert world.calls == 3


async def test_an_answer_of_a_deployment_that_may_not_be_asked_is_not_given() -> None:
    world = World()
    await world.ask(exchange(), made_by=A)
    renamed = msgspec.structs.replace(A, upstream_model="newer")
    for route, expected in (((B, A), "hit"), ((renamed,), "miss"), ((B,), "miss")):
        asked = exchange(route=route)
        await world.ask(asked)
        assert told(asked) == expected


def test_what_is_not_for_keeping() -> None:
    assert cacheable(exchange())
    found, tokenised, stays, tail, read, own = (exchange() for _ in range(6))
    found.decisions = [*found.decisions, ("s4_inspect_prompt", Decision(Verdict.FLAG, Reason.PROMPT_ALERTED))]
    tokenised.sealed_values = b"x"
    stays.on_prem_only = True
    tail.arrival.tail = "/resp_1"
    read.arrival.method = "GET"
    own.own_credential = True
    for asked in (found, tokenised, stays, tail, read, own):
        assert not cacheable(asked)
    assert cacheable(exchange(tools=[{"type": "function", "function": {"name": "look"}}]))
    assert not cacheable(exchange(store=True))
    assert not cacheable(exchange(web_search_options={}))


async def test_what_is_not_for_keeping_is_asked_for() -> None:
    world = World()
    for asked in (exchange(store=True), exchange(store=True)):
        await world.ask(asked)
        assert told(asked) == "bypass"
    assert (world.calls, len(world.cache)) == (2, 0)


def test_a_provider_that_keeps_the_answer_must_be_told_not_to() -> None:
    asked = exchange(dialect=OpenAIResponses())
    assert not cacheable(asked)
    asked.document["store"] = False
    assert cacheable(asked)


def test_forms_and_sounds_are_not_for_keeping() -> None:
    class Sound(OpenAIChat):
        name = DialectName.OPENAI_SPEECH

    assert not cacheable(exchange(dialect=Sound()))
    form = exchange()
    form.arrival.kind = "multipart/form-data; boundary=x"
    assert not cacheable(form)


def test_the_document_counts_as_governance_left_it() -> None:
    sent, edited, other = exchange(), exchange(), exchange()
    edited.edited = other.edited = True
    edited.document["messages"][0]["content"] = other.document["messages"][0]["content"] = "[EMAIL]"
    assert key_of(edited) == key_of(other) != key_of(sent)
