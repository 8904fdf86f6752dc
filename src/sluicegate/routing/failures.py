"""What went wrong along one exchange's route so far: whether there may be another call, and what the client is told."""

from sluicegate.core.decision import Reason, deny
from sluicegate.core.errors import Denied, GatewayError, UnsupportedFeature, UpstreamError, UpstreamRejected

_FREE = frozenset({Reason.UPSTREAM_UNREACHABLE, Reason.UPSTREAM_REJECTED})
"""Failures after which nothing can have been generated, so that a repeat is not paid twice."""


class Failures:
    """Of one exchange. `left` is how many calls it may still make."""

    __slots__ = ("_called", "_full", "_paid", "_unsaid", "last", "left")

    def __init__(self, attempts: int) -> None:
        self.left = attempts
        self.last: UpstreamError | None = None
        self._unsaid: UnsupportedFeature | None = None
        self._full: int | None = None
        self._paid = False
        self._called = False

    def begin(self) -> None:
        """The route is gone along, from its first target."""
        self._called = False

    def note(self, error: UpstreamError) -> bool:
        """A call failed; whether another target may do better."""
        self.left -= 1
        self.last = error
        self._called = True
        self._paid = self._paid or error.reason not in _FREE
        return elsewhere(error)

    def unsaid(self, error: UnsupportedFeature) -> None:
        """A target cannot be asked what the client asks; the first such error is told if no call was made."""
        self._unsaid = self._unsaid or error

    def full(self, retry_after: int) -> None:
        """A target's own limit left no room; it has some in so many seconds."""
        self._full = retry_after if self._full is None else min(self._full, retry_after)

    @property
    def repeat_after(self) -> float | None:
        """Seconds that the provider wants to be left alone (0: it did not say); None: the route is not gone again."""
        last = self.last
        if last is None or self._paid or not self._called or self.left <= 0 or not elsewhere(last):
            return None
        return asked(last)

    def told(self) -> GatewayError:
        """What the client learns."""
        if self.last is not None:
            return self.last
        if self._full is not None:
            wait = str(self._full)
            return Denied(deny(Reason.CAPACITY_EXHAUSTED, retry_after=self._full), headers={"retry-after": wait})
        return self._unsaid or UpstreamError(Reason.UPSTREAM_UNREACHABLE, "No target of the route can be called.")


def elsewhere(error: UpstreamError) -> bool:
    """Whether another target may do better: yes, unless the provider refused the request itself (4xx but 408 and 429)."""
    if isinstance(error, UpstreamRejected):
        return error.status >= 500 or error.status in (408, 429)
    return True


def throttled(error: UpstreamError) -> bool:
    """Whether the provider says that it is asked too much."""
    return isinstance(error, UpstreamRejected) and error.status == 429


def asked(error: UpstreamError) -> float:
    """The seconds of the provider's Retry-After, which is bounded where it is read; 0 where it sent none."""
    wait = error.headers.get("retry-after", "")
    return float(wait) if wait.isdecimal() else 0.0
