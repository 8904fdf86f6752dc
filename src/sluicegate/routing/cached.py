"""An answer that may be given again: taken from the cache, or kept there on its way out.

What is kept is the answer as it left the provider's side, so that each time it is given again it is inspected anew, by
the policy of then. Its key is everything that it depends on: a digest of whose it is, by which versions, in which form,
and of the document as governance left it.
"""

from asyncio import sleep
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from sluicegate.core.decision import Decision, Detail, Reason, Verdict
from sluicegate.core.event import Event
from sluicegate.core.exchange import Exchange
from sluicegate.core.identity import CacheMode, Caching
from sluicegate.core.provider import Answer
from sluicegate.routing.cache import ENTRY_BYTES, Cache, Kept, Stored, kept
from sluicegate.routing.cacheable import cacheable, key_of
from sluicegate.routing.near import Near, Point

CACHE_HEADER = "x-sluicegate-cache"
"""Tells the client of a use case with a cache: `hit`, `semantic`, `miss`; `bypass` where it has no part in it."""

CONTROL = "cache-control"
"""Of the request (RFC 9111 section 5.2.1): `no-cache` wants a new answer, `no-store` one that is not kept either."""

ALLOW = Verdict.ALLOW
BATCH = 64
"""Events that are given again at once; then others have their turn."""

Manager = AbstractAsyncContextManager[Answer]


class Again:
    """Opens answers of use cases that have a cache."""

    def __init__(self, cache: Cache, told: Sequence[str] = (), near: Near | None = None) -> None:
        """`told` are the response headers, set while an answer was made, that belong to it when it is given again.
        `near` finds answers to texts that mean the same; None where there is nothing to tell meaning by.
        """
        self.cache = cache
        self.near = near
        self.told = tuple(told)

    async def watch(self) -> None:
        """Forget what is over now and then, until cancelled."""
        while True:
            await sleep(self.cache.bounds.sweep_seconds)
            self.cache.sweep()
            if self.near is not None:
                self.near.sweep(self.cache)

    def open(self, exchange: Exchange, caching: Caching, call: Callable[[], Manager]) -> "Cached":
        """The kept answer, or the one that `call` opens, which is then kept once it is complete."""
        return Cached(self, exchange, caching, call)


class Given:
    """A kept answer, given again."""

    __slots__ = ("_begun", "_left", "headers", "status")

    def __init__(self, events: Sequence[Kept]) -> None:
        self._left = events
        self._begun = False
        self.status = 200
        self.headers: Mapping[str, str] = {}

    async def read(self) -> Sequence[Event]:
        """See core.provider.Answer."""
        if self._begun:
            await sleep(0)
        self._begun = True
        now, self._left = self._left[:BATCH], self._left[BATCH:]
        return [each.event() for each in now]


class Cached:
    """One exchange's answer: given again, or on its way into the cache. It is the Answer itself."""

    __slots__ = (
        "_again",
        "_answer",
        "_caching",
        "_call",
        "_exchange",
        "_key",
        "_manager",
        "_noted",
        "_point",
        "_size",
        "headers",
        "status",
    )

    def __init__(self, again: Again, exchange: Exchange, caching: Caching, call: Callable[[], Manager]) -> None:
        self._again = again
        self._exchange = exchange
        self._caching = caching
        self._call = call
        self._manager: Manager | None = None
        self._answer: Answer = Given(())
        self._key: bytes | None = None
        """Where the answer is to be kept; None where it is not."""
        self._noted: list[Kept] = []
        """What has come so far of an answer that is to be kept."""
        self._size = ENTRY_BYTES
        self._point: Point | None = None
        """What the answer's text means, where that was asked."""
        self.status = 200
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> "Cached":
        exchange, cache = self._exchange, self._again.cache
        asked = _directives(exchange.arrival.headers.get(CONTROL, ""))
        if "no-store" in asked or not cacheable(exchange):
            return await self._ask("bypass")
        key, fresh = key_of(exchange), "no-cache" in asked
        stored = None if fresh else cache.find(key)
        if stored is not None and _stands(stored, exchange):
            self._give(stored, "hit", {})
            return self
        if not fresh and self._caching.mode is CacheMode.SEMANTIC and await self._answered_nearby():
            return self
        cache.misses += 1
        self._key = key
        return await self._ask("miss")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Without an error the answer was complete, and passed the guards."""
        manager, self._manager = self._manager, None
        if manager is None:
            return
        await manager.__aexit__(kind, error, trace)
        if kind is None and self._key is not None:
            self._keep(self._key)

    async def read(self) -> Sequence[Event]:
        """See core.provider.Answer."""
        events = await self._answer.read()
        if self._key is not None:
            self._note(events)
        return events

    async def _ask(self, told: str) -> "Cached":
        """Have the route asked."""
        self._exchange.response_headers[CACHE_HEADER] = told
        manager = self._call()
        self._answer = answer = await manager.__aenter__()
        self._manager = manager
        self.status, self.headers = answer.status, answer.headers
        return self

    async def _answered_nearby(self) -> bool:
        """Whether an answer was given that had been made for a text which means the same."""
        near, cache, exchange = self._again.near, self._again.cache, self._exchange
        if near is None or (point := await near.locate(exchange)) is None:
            return False
        self._point = point
        embedded: Detail = {"embedded_by": point.deployment}
        for key, likeness in near.around(point, self._caching.threshold):
            stored = cache.find(key)
            if stored is not None and _stands(stored, exchange):
                self._give(stored, "semantic", {**embedded, "likeness_permille": int(likeness * 1_000)})
                return True
        exchange.decisions.append((exchange.stage, Decision(ALLOW, Reason.CACHE_MISS, embedded)))
        return False

    def _give(self, stored: Stored, told: str, more: Detail) -> None:
        """Answer with what was kept."""
        exchange = self._exchange
        self._again.cache.hits += 1
        exchange.response_headers[CACHE_HEADER] = told
        exchange.response_headers.update(stored.headers)
        exchange.finish = stored.finish
        exchange.tool_calls.extend(stored.tool_calls)
        age = int(self._again.cache.clock() - stored.made_at)
        detail: Detail = {"from": stored.exchange, "deployment": stored.deployment, "age_seconds": age, **more}
        exchange.decisions.append((exchange.stage, Decision(ALLOW, Reason.CACHE_HIT, detail)))
        self._answer = Given(stored.events)

    def _note(self, events: Sequence[Event]) -> None:
        """Keep in mind what comes, before guards change it, unless it becomes too long."""
        for event in events:
            now = kept(event)
            self._noted.append(now)
            self._size += now.size
        if self._size > self._again.cache.bounds.max_answer_bytes:
            self._key = None
            self._noted.clear()

    def _keep(self, key: bytes) -> None:
        """Put the answer, which is complete, into the cache."""
        exchange, cache = self._exchange, self._again.cache
        now, told = cache.clock(), exchange.response_headers
        stored = Stored(
            exchange=exchange.id,
            deployment=exchange.target.deployment,
            upstream_model=exchange.target.upstream_model,
            finish=exchange.finish,
            tool_calls=tuple(exchange.tool_calls),
            headers={name: told[name] for name in self._again.told if name in told},
            events=tuple(self._noted),
            made_at=now,
            expires_at=now + self._caching.ttl_seconds,
            size=self._size,
        )
        if cache.keep(key, stored) and self._point is not None and self._again.near is not None:
            self._again.near.keep(self._point, key)


def _stands(stored: Stored, exchange: Exchange) -> bool:
    """Whether the deployment that made the answer may still be asked, for the model that it was asked for."""
    made = stored.deployment, stored.upstream_model
    return any((target.deployment, target.upstream_model) == made for target in exchange.route)


def _directives(header: str) -> frozenset[str]:
    """The directives of a `cache-control` header, without their arguments."""
    return frozenset(part.partition("=")[0].strip().lower() for part in header.split(","))
