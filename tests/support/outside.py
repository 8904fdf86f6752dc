"""Servers that detectors ask, over real sockets, and the ways to them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sluicegate.core.dialect import Place
from sluicegate.core.provider import Target
from sluicegate.dlp.detector import Detection, Detector, Passage
from sluicegate.dlp.external.doors import Doors
from sluicegate.doors import open_doors
from tests.support.calls import Caller
from tests.support.upstream import Reply, Request, Upstream


class Answering(Upstream):
    """Answers each request by a function of it."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        super().__init__()
        self._answering = answer

    def _next(self, request: Request) -> Reply:
        return self._answering(request)


@asynccontextmanager
async def ways_out(*targets: Target) -> AsyncIterator[Doors]:
    """Doors over a pool of their own, to everywhere on this machine and to these deployments."""
    doors = Doors()
    async with Caller() as caller:
        named = {target.deployment: target for target in targets}
        open_doors(doors, caller.pool, named.get, {"http": caller.provider})
        yield doors


def passages(*texts: str) -> list[Passage]:
    return [Passage(text, Place.USER) for text in texts]


async def found(detector: Detector, *texts: str) -> list[tuple[int, str, str]]:
    """What it finds: in which text, under which signal, and the words."""
    said = detector.find(passages(*texts))
    if not isinstance(said, list | tuple):
        said = await said  # type: ignore[misc]  # no other sequence is awaited
    return [(each.passage, each.signal, texts[each.passage][each.start : each.end]) for each in _in_order(said)]


def _in_order(said: object) -> list[Detection]:
    assert isinstance(said, list | tuple)
    return sorted(said, key=lambda each: (each.passage, each.start, each.signal))
