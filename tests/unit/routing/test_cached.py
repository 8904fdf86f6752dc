"""Which answers are kept and given again, and what the exchange is told."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec
import pytest

from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.exchange import Exchange
from sluicegate.core.identity import CacheMode, Caching
from sluicegate.core.provider import Target
from sluicegate.routing.cache import Cache
from sluicegate.routing.cached import BATCH, CACHE_HEADER, Again
from sluicegate.routing.near import Meaning, Near
from sluicegate.settings import Cache as Bounds
from tests.support.calls import collect
from tests.support.keeping import A, B, exchange

CACHING = Caching(CacheMode.EXACT, 60)
SEMANTIC = Caching(CacheMode.SEMANTIC, 60, 0.9)
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
        self.embedded: list[str] = []
        self.again = Again(self.cache, (TOLD,), Near(self.cache.bounds, self._embed, self.cache.clock))
        self.calls = 0

    async def _embed(self, text: str, _: Sequence[str]) -> Meaning:
        """Texts that begin alike mean the same."""
        self.embedded.append(text)
        return Meaning("e", "m", (1.0, 0.0, 0.1) if text.startswith("what") else (0.0, 1.0, 0.1))

    async def ask(
        self,
        asked: Exchange,
        batches: Sequence[Sequence[Event]] = (ANSWER,),
        made_by: Target | None = None,
        error: Exception | None = None,
        caching: Caching = CACHING,
    ) -> list[Event]:
        """What the exchange reads, in an answer that breaks with `error`."""

        def call() -> Opened:
            self.calls += 1
            return Opened(asked, batches, made_by or asked.route[0])

        async with self.again.open(asked, caching, call) as answer:
            events = await collect(answer)
            if error is not None:
                raise error
            return events


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


async def test_what_is_not_for_keeping_is_asked_for() -> None:
    world = World()
    for asked in (exchange(store=True), exchange(store=True)):
        await world.ask(asked)
        assert told(asked) == "bypass"
    assert (world.calls, len(world.cache)) == (2, 0)


async def test_a_text_that_means_the_same_is_answered_the_same() -> None:
    world = World()
    first, same, other = exchange("what is it?"), exchange("what may it be?"), exchange("who is it?")
    fresh = exchange("what is it now?", headers={"cache-control": "no-cache"})
    for asked in (first, same, other, fresh):
        await world.ask(asked, caching=SEMANTIC)
    assert [told(asked) for asked in (first, same, other, fresh)] == ["miss", "semantic", "miss", "miss"]
    assert world.calls == 3
    assert world.embedded == ["what is it?", "what may it be?", "who is it?"]
    assert same.decisions[-1][1].detail == {
        "from": "1" * 32,
        "deployment": "a",
        "age_seconds": 0,
        "embedded_by": "e",
        "likeness_permille": 1_000,
    }
    stage, missed = other.decisions[-1]
    assert (stage, missed.reason, missed.detail) == ("s6_call", Reason.CACHE_MISS, {"embedded_by": "e"})
    await world.ask(exchange("what is it?"), caching=SEMANTIC)
    assert len(world.embedded) == 3, "the same words need no comparison"


async def test_an_exact_cache_compares_no_texts() -> None:
    world = World()
    for text in ("what is it?", "what may it be?"):
        await world.ask(exchange(text))
    assert (world.calls, world.embedded) == (2, [])


async def test_what_is_over_is_forgotten_now_and_then() -> None:
    now = [0.0]
    cache = Cache(Bounds(sweep_seconds=0.001), lambda: now[0])
    world = World()
    world.cache, world.again = cache, Again(cache, (), Near(cache.bounds, world._embed, cache.clock))
    await world.ask(exchange("what is it?"), caching=SEMANTIC)
    now[0] = 61.0
    watching = asyncio.ensure_future(world.again.watch())
    while len(cache):
        await asyncio.sleep(0.001)
    watching.cancel()
    assert cache.bytes == 0
