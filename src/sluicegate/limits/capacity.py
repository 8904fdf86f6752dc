"""What each target may be asked a minute and at once, by its own limits: those of a provider's account, or of a machine."""

from sluicegate.core.provider import Target
from sluicegate.limits.rate import Hold, Rates, Refusal

TARGETS = 4_096
"""Targets whose use is remembered; one with limits beyond it is refused until another has been idle for a minute."""


class Capacity:
    """Counts calls per target, as `Rates` counts requests per key. A target without limits costs nothing."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates

    def take(self, target: Target, tokens: int) -> Hold | Refusal | None:
        """Count a call of about `tokens`; None where the target has no limit."""
        return None if target.rate is None else self._rates.admit(target.circuit, target.rate, tokens)

    def release(self, hold: Hold | None) -> None:
        """The call was not made."""
        if hold is not None:
            self._rates.release(hold)

    def settle(self, hold: Hold | None, tokens: int) -> None:
        """The call is over, and used `tokens`."""
        if hold is not None:
            self._rates.settle(hold, tokens)
