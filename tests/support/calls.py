"""Targets, requests and both event loops, for tests that call providers."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import msgspec
import uvloop

from sluicegate.core.dialect import DialectName
from sluicegate.core.event import Event
from sluicegate.core.provider import Answer, Place, Request, Target
from sluicegate.providers.http import HttpProvider
from sluicegate.providers.pool import Pool
from sluicegate.settings import Upstream as Bounds

T = TypeVar("T")

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
"""The gateway runs on uvloop, and must not depend on it."""

DOCUMENT = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'


def run(loop: str, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on the loop of that name, bounded."""

    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await main

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(bounded())


def target(base_url: str = "http://127.0.0.1:1/v1", **changes: Any) -> Target:
    """A deployment; what is given replaces the usual."""
    usual = Target(
        deployment="d",
        model="m",
        upstream_model="m",
        provider="p",
        kind="http",
        dialects=(DialectName.OPENAI_CHAT,),
        base_url=base_url,
        credential=None,
        headers={},
        place=Place.CLOUD,
        region="",
        order=0,
        weight=1,
        max_output_tokens=1_000,
        circuit=changes.get("deployment", "d"),
    )
    return msgspec.structs.replace(usual, **changes)


def request(to: Target, **changes: Any) -> Request:
    """What `to` is asked in the first of its dialects; what is given replaces the usual."""
    usual = Request(dialect=to.dialects[0], model=to.upstream_model, body=DOCUMENT)
    return msgspec.structs.replace(usual, **changes)


class Caller:
    """A provider over a pool of its own; leaving the context closes every connection."""

    def __init__(self, **bounds: Any) -> None:
        self.bounds = Bounds(**bounds)
        self.pool = Pool(self.bounds)
        self.provider = HttpProvider(self.bounds, self.pool)

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pool.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def call(self, to: Target, **changes: Any) -> list[Event]:
        """All events of one call; `changes` are of the request."""
        async with self.provider.send(to, request(to, **changes)) as answer:
            return await collect(answer)


async def collect(answer: Answer) -> list[Event]:
    """Every event until the answer is over."""
    events: list[Event] = []
    while batch := await answer.read():
        events += batch
    return events
