"""When the event loop may write to the disk itself: in a lull, and never on a slow disk."""

from collections.abc import Callable
from time import monotonic

CROWDED = 0.05
"""Seconds without a lull after two writes came together: then a thread that gathers them is quicker for all."""
SLOW = 0.002
"""Seconds from which on a write was too slow for the event loop."""
SHUNNED = 100
"""There is no lull for so many times as long as a slow write took: the event loop loses 1 % of its time to them at most."""


class Lull:
    """Asked before each write, and told how it went."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._over_until = 0.0
        self._began = 0.0

    def begin(self) -> bool:
        """Whether there is one; if so a write begins now."""
        self._began = self._clock()
        return self._began >= self._over_until

    def end(self) -> None:
        """The write is over."""
        took = self._clock() - self._began
        if took > SLOW:
            self._over_until = self._began + SHUNNED * took

    def crowd(self) -> None:
        """Something was to be written while something else was."""
        self._over_until = max(self._over_until, self._clock() + CROWDED)
