"""A circuit breaker per target: consecutive failures open it for a bounded, growing time, then one probe goes through.

A provider that says it is asked too much (429) is no broken one: it only steps back behind others for a while.

It lives in memory, one per process, and holds an entry only for targets that failed lately.
"""

from collections.abc import Callable, Sequence
from time import monotonic

from sluicegate.core.provider import Target

FAILURES = 5
"""Consecutive failures that open a circuit."""

FIRST_OPEN_SECONDS = 1.0
LONGEST_OPEN_SECONDS = 60.0
"""An open circuit stays open for the first time, twice as long after each failed probe, at most the longest."""

MAX_ENTRIES = 4_096
"""Failing targets remembered; beyond it the oldest is forgotten, which means it is tried."""


class _Circuit:
    """What is known of one failing target."""

    __slots__ = ("failures", "open_for", "open_until", "probing", "throttled_until")

    def __init__(self) -> None:
        self.failures = 0
        self.open_for = 0.0
        self.open_until = 0.0
        self.throttled_until = 0.0
        self.probing = False


class Health:
    """Who is well, by `Target.circuit`. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

    def available(self, circuit: str) -> bool:
        """Whether a call may go there now: the circuit is closed, or it is time for a probe and none is under way."""
        found = self._circuits.get(circuit)
        if found is None or found.open_for == 0.0:
            return True
        return not found.probing and self._clock() >= found.open_until

    def well(self, targets: Sequence[Target]) -> Sequence[Target]:
        """`targets` whose circuit is closed, or may be probed; of those, unless all are, the ones that are not throttled."""
        if not self._circuits:
            return targets
        available = [target for target in targets if self.available(target.circuit)]
        return [target for target in available if not self.throttled(target.circuit)] or available

    def throttled(self, circuit: str) -> bool:
        """Whether the provider has said lately that it is asked too much."""
        found = self._circuits.get(circuit)
        return found is not None and self._clock() < found.throttled_until

    def wait(self, targets: Sequence[Target]) -> float:
        """Seconds until the first of `targets` may be called; 0 where one may be now."""
        return min((self._wait(target.circuit) for target in targets), default=0.0)

    def begin(self, circuit: str) -> None:
        """A call goes out; with an open circuit it is the probe."""
        found = self._circuits.get(circuit)
        if found is not None and found.open_for > 0.0:
            found.probing = True

    def succeeded(self, circuit: str) -> None:
        """The call was answered: the circuit closes."""
        if self._circuits:
            self._circuits.pop(circuit, None)

    def failed(self, circuit: str, retry_after: float = 0.0) -> None:
        """The call failed; `retry_after` seconds are what the provider itself asked for, and are bounded too.

        Calls that were under way when the circuit opened, and fail now, do not make it grow.
        """
        found = self._entry(circuit)
        found.failures += 1
        found.probing = False
        now = self._clock()
        if retry_after > 0.0 or (found.failures >= FAILURES and now >= found.open_until):
            longer = found.open_for if now < found.open_until else found.open_for * 2 or FIRST_OPEN_SECONDS
            found.open_for = min(max(longer, retry_after), LONGEST_OPEN_SECONDS)
            found.open_until = now + found.open_for

    def throttle(self, circuit: str, retry_after: float = 0.0) -> None:
        """The provider is asked too much: others come first for `retry_after` seconds, bounded, or for a second."""
        found = self._entry(circuit)
        found.probing = False
        found.throttled_until = self._clock() + min(max(retry_after, FIRST_OPEN_SECONDS), LONGEST_OPEN_SECONDS)

    def left(self, circuit: str) -> None:
        """The call ended without saying anything about the target (the client left, or asked for what cannot be)."""
        found = self._circuits.get(circuit)
        if found is not None:
            found.probing = False

    def absent(self, circuit: str, seconds: float) -> None:
        """A check found nobody there: nothing is called for so many seconds, or until a check finds somebody."""
        found = self._entry(circuit)
        found.failures = max(found.failures, FAILURES)
        found.open_for = found.open_for or FIRST_OPEN_SECONDS
        found.open_until = max(found.open_until, self._clock() + seconds)

    def present(self, circuit: str) -> None:
        """A check found somebody there: an open circuit is probed by the next call."""
        found = self._circuits.get(circuit)
        if found is not None and found.open_for > 0.0:
            found.open_until = min(found.open_until, self._clock())

    def _entry(self, circuit: str) -> _Circuit:
        found = self._circuits.get(circuit)
        if found is None:
            if len(self._circuits) >= MAX_ENTRIES:
                del self._circuits[next(iter(self._circuits))]
            found = self._circuits[circuit] = _Circuit()
        return found

    def _wait(self, circuit: str) -> float:
        if self.available(circuit):
            return 0.0
        # while a probe is under way nobody knows when it ends
        return max(self._circuits[circuit].open_until - self._clock(), FIRST_OPEN_SECONDS)
