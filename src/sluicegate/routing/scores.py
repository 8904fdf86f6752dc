"""What was seen of each deployment lately: how often it failed, and how long its first event took.

Both are exponentially weighted means (each new value counts `WEIGHT`). What speaks against a deployment fades with time, so
that one which is avoided is tried again.
"""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

WEIGHT = 0.1
"""How much one more call counts."""
HALF_LIFE = 60.0
"""Seconds after which a failure counts half."""
STALE = 600.0
"""Seconds after which nothing is known any more."""
MAX_ENTRIES = 4_096
"""Deployments remembered; beyond it the one that was remembered first is forgotten."""


class Seen(NamedTuple):
    """Of one deployment. Unseen is without fault, so that it is tried."""

    failures: float = 0.0
    """The share of calls that failed, from 0 to 1."""
    first_event: float | None = None
    """Seconds to the first event of an answer; None: not known."""


UNSEEN = Seen()


class _Mean:
    """The two means of one deployment, as of `at` (seconds of the clock)."""

    __slots__ = ("at", "failures", "first_event")

    def __init__(self) -> None:
        self.at = 0.0
        self.failures = 0.0
        self.first_event: float | None = None


class Scores:
    """Of all deployments, in one process. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._means: dict[str, _Mean] = {}

    def answered(self, deployment: str, first_event: float) -> None:
        """A call whose first event took so many seconds."""
        mean = self._note(deployment, 0.0)
        known = mean.first_event
        mean.first_event = first_event if known is None else known + WEIGHT * (first_event - known)

    def failed(self, deployment: str) -> None:
        """A call that failed, or was refused because there are too many."""
        self._note(deployment, 1.0)

    def seen(self, deployment: str) -> Seen:
        """What is known of it now."""
        mean = self._means.get(deployment)
        if mean is None:
            return UNSEEN
        age = self._clock() - mean.at
        if age > STALE:
            return UNSEEN
        return Seen(mean.failures * 0.5 ** (age / HALF_LIFE), mean.first_event)

    def _note(self, deployment: str, failed: float) -> _Mean:
        now = self._clock()
        mean = self._means.get(deployment)
        if mean is None or now - mean.at > STALE:
            self._means.pop(deployment, None)
            if len(self._means) >= MAX_ENTRIES:
                del self._means[next(iter(self._means))]
            mean = self._means[deployment] = _Mean()
        else:
            mean.failures *= 0.5 ** ((now - mean.at) / HALF_LIFE)
        mean.at = now
        mean.failures += WEIGHT * (failed - mean.failures)
        return mean
