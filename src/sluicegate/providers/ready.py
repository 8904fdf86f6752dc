"""An answer that is there already: what the gateway says by itself, in the place of a provider's."""

from collections.abc import Mapping, Sequence
from types import TracebackType

from sluicegate.core.event import Event


class Ready:
    """The answer, of one event."""

    __slots__ = ("_events", "headers", "status")

    def __init__(self, event: Event) -> None:
        self._events: Sequence[Event] = (event,)
        self.status = 200
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> "Ready":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to close."""

    async def read(self) -> Sequence[Event]:
        """See core.provider.Answer."""
        events, self._events = self._events, ()
        return events
