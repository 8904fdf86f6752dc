"""A circuit breaker per deployment: consecutive failures open it for a bounded, growing time, then one probe goes through.

It lives in memory, one per process, and holds an entry only for deployments that failed lately.
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
"""Failing deployments remembered; beyond it the oldest is forgotten, which means it is tried."""


class _Circuit:
    """What is known of one failing deployment."""

    __slots__ = ("failures", "open_for", "open_until", "probing")

    def __init__(self) -> None:
        self.failures = 0
        self.open_for = 0.0
        self.open_until = 0.0
        self.probing = False


class Health:
    """Who is well. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

    def available(self, deployment: str) -> bool:
        """Whether a call may go there now: the circuit is closed, or it is time for a probe and none is under way."""
        circuit = self._circuits.get(deployment)
        if circuit is None or circuit.open_for == 0.0:
            return True
        return not circuit.probing and self._clock() >= circuit.open_until

    def well(self, targets: Sequence[Target]) -> Sequence[Target]:
        """`targets` without those whose circuit is open; all of them where that leaves none."""
        if not self._circuits:
            return targets
        return [target for target in targets if self.available(target.deployment)] or targets

    def begin(self, deployment: str) -> None:
        """A call goes out; with an open circuit it is the probe."""
        circuit = self._circuits.get(deployment)
        if circuit is not None and circuit.open_for > 0.0:
            circuit.probing = True

    def succeeded(self, deployment: str) -> None:
        """The call was answered: the circuit closes."""
        if self._circuits:
            self._circuits.pop(deployment, None)

    def failed(self, deployment: str, retry_after: float = 0.0) -> None:
        """The call failed; `retry_after` seconds are what the provider itself asked for, and are bounded too.

        Calls that were under way when the circuit opened, and fail now, do not make it grow.
        """
        circuit = self._circuits.get(deployment)
        if circuit is None:
            if len(self._circuits) >= MAX_ENTRIES:
                del self._circuits[next(iter(self._circuits))]
            circuit = self._circuits[deployment] = _Circuit()
        circuit.failures += 1
        circuit.probing = False
        now = self._clock()
        if retry_after > 0.0 or (circuit.failures >= FAILURES and now >= circuit.open_until):
            longer = circuit.open_for if now < circuit.open_until else circuit.open_for * 2 or FIRST_OPEN_SECONDS
            circuit.open_for = min(max(longer, retry_after), LONGEST_OPEN_SECONDS)
            circuit.open_until = now + circuit.open_for

    def left(self, deployment: str) -> None:
        """The call ended without saying anything about the deployment (the client left, or asked for what cannot be)."""
        circuit = self._circuits.get(deployment)
        if circuit is not None:
            circuit.probing = False
