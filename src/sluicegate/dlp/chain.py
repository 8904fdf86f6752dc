"""Several guards as one."""

from collections.abc import Awaitable, Sequence

from sluicegate.core.event import Event
from sluicegate.core.stage import Guard


class Chain:
    """Passes events through guards, each one's rest on through those after it."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards = tuple(guards)
        self._feeds = tuple([guard.feed for guard in guards])

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Take the next events; return those that every guard lets leave now, in order."""
        for feed in self._feeds:
            events = feed(events)
        return events

    async def flush(self) -> Sequence[Event]:
        """The answer is over: return the rest."""
        rest: Sequence[Event] = ()
        for guard in self._guards:
            before = guard.feed(rest) if rest else ()
            after = guard.flush()
            rest = [*before, *(await after if isinstance(after, Awaitable) else after)]
        return rest
