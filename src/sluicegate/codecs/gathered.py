"""An answer that is not streamed, told in one piece: what codecs share whose body says a whole answer."""

from collections.abc import Callable, Iterable

from sluicegate.codecs.conversation import Accumulator, Answer, Broken, Delta, Ended
from sluicegate.codecs.events import invalid
from sluicegate.core.dialect import Json
from sluicegate.core.event import Event, whole


class Gathered:
    """Deltas in, one body out once the answer is over: what `encode` makes of it."""

    def __init__(self, encode: Callable[[Answer], Json]) -> None:
        self._encode = encode
        self._accumulator = Accumulator()

    def feed(self, deltas: Iterable[Delta]) -> list[Event]:
        """Nothing until the end. Raises UpstreamError (UPSTREAM_INVALID) where the answer breaks."""
        out: list[Event] = []
        for delta in deltas:
            if isinstance(delta, Ended):
                out.append(whole(self._encode(self._accumulator.answer())))
            elif isinstance(delta, Broken):
                raise invalid()
            else:
                self._accumulator.feed((delta,))
        return out
