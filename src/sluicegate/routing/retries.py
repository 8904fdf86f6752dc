"""When a route is gone again after every target of it failed: within a time, with jitter, and by a budget.

The budget keeps an outage from becoming a storm: each exchange earns a share of a repeat, each repeat costs a whole one, and
what was saved is bounded. (The idea is Finagle's `RetryBudget`.) Going on to another target of a route is no repeat.
"""

from collections.abc import Callable
from random import random

FIRST_WAIT = 0.25
"""Seconds before the first repeat, at most; twice as many before each further one. The wait is drawn from all below
(full jitter), so that clients that failed together do not come back together."""
SAVED = 10.0
"""Repeats that can be saved up: what an installation with little traffic may spend at once."""


class Retries:
    """The budget of one process, and how long each wait is. `chance` draws from [0, 1)."""

    def __init__(self, share: float, seconds: float, chance: Callable[[], float] = random) -> None:
        """`share` of a repeat is earned by each exchange; none begins later than `seconds` after the first call."""
        self._share = share
        self._seconds = seconds
        self._chance = chance
        self._saved = SAVED if share else 0.0

    def earn(self) -> None:
        """An exchange calls for the first time."""
        saved = self._saved + self._share
        self._saved = saved if saved < SAVED else SAVED

    def wait(self, repeats: int, asked: float, spent: float) -> float | None:
        """Seconds to wait before the route is gone again; None: it is not.

        `repeats` have been made, the provider asked for a wait of `asked` seconds (0: it did not), `spent` have passed
        since the first call. What it grants is taken from the budget.
        """
        if self._saved < 1.0:
            return None
        wait: float = asked + FIRST_WAIT * 2**repeats * self._chance()
        if spent + wait > self._seconds:
            return None
        self._saved -= 1.0
        return wait
