"""How often logins may fail, per user and per address, in bounded memory.

An attempt is counted before its password is looked at and taken back when it was right, so that many at once gain nothing.
Somebody who locks a user out by failing on purpose locks out only addresses from which that user has not logged in before.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from sluicegate.settings import Identity

REMEMBERED = 10_000
"""Names, addresses and pairs remembered, each; the one longest unused is dropped first."""


class LoginThrottle:
    """Counts failed logins within `login_window` and refuses from `login_attempts` on."""

    def __init__(self, settings: Identity, clock: Callable[[], float] = time.monotonic) -> None:
        self._attempts = settings.login_attempts
        self._window = settings.login_window
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._addresses: OrderedDict[str, deque[float]] = OrderedDict()
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, name: str, address: str) -> float | None:
        """Count an attempt; or the seconds after which another one may be made, if there were too many."""
        now = self._clock()
        counters = [_counter(self._addresses, address)]
        if (name, address) not in self._proven:
            counters.append(_counter(self._failures, name))
        for counter in counters:
            while counter and counter[0] <= now - self._window:
                counter.popleft()
            if len(counter) >= self._attempts:
                return counter[0] + self._window - now
        for counter in counters:
            counter.append(now)
        return None

    def succeeded(self, name: str, address: str) -> None:
        """The attempt just counted was right: take it back, and trust this address for this user."""
        counters = [self._addresses.get(address)]
        if (name, address) not in self._proven:
            counters.append(self._failures.get(name))
        for counter in counters:
            if counter:
                counter.pop()
        _keep(self._proven, (name, address))


def _counter(counters: OrderedDict[str, deque[float]], name: str) -> deque[float]:
    counter = counters.get(name)
    if counter is None:
        counter = counters[name] = deque()
        if len(counters) > REMEMBERED:
            counters.popitem(last=False)
    counters.move_to_end(name)
    return counter


def _keep(pairs: OrderedDict[tuple[str, str], None], pair: tuple[str, str]) -> None:
    pairs[pair] = None
    pairs.move_to_end(pair)
    if len(pairs) > REMEMBERED:
        pairs.popitem(last=False)
