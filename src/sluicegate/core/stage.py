"""A stage of the request path, and the filter it may lay over the answer."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from sluicegate.core.decision import ALLOWED, Decision
from sluicegate.core.event import Event
from sluicegate.core.exchange import Exchange


class Guard(Protocol):
    """A filter on the answer. It may hold events back, change them, or raise Denied to stop the answer."""

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Take the next events; return those that may leave now, in order."""

    def flush(self) -> Sequence[Event] | Awaitable[Sequence[Event]]:
        """The answer is over: return the rest; from a guard that must wait for somebody, an awaitable."""


class Stage(Protocol):
    """One step of the path. Its file name is its name and its place in the order."""

    name: str

    async def admit(self, exchange: Exchange) -> Decision:
        """Decide about the request, before the call."""

    def guard(self, exchange: Exchange) -> Guard | None:
        """A filter for the answer, if this stage has one for this exchange."""

    async def settle(self, exchange: Exchange) -> None:
        """Called exactly once at the end of every exchange: answered, refused, failed or abandoned."""


class Passive:
    """What a stage does that only acts on one side: admit everything, guard nothing, settle nothing."""

    name = ""

    async def admit(self, _exchange: Exchange) -> Decision:
        """Admit."""
        return ALLOWED

    def guard(self, _exchange: Exchange) -> Guard | None:
        """No filter."""
        return None

    async def settle(self, _exchange: Exchange) -> None:
        """Nothing to settle."""
