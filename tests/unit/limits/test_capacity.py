from sluicegate.core.identity import RateLimit
from sluicegate.limits.capacity import Capacity
from sluicegate.limits.rate import Hold, Rates, Refusal
from tests.support.calls import target

LIMITED = target(rate=RateLimit(requests_per_minute=2, tokens_per_minute=100))


def test_a_target_without_limits_is_not_counted() -> None:
    rates = Rates(1)
    capacity = Capacity(rates)
    assert capacity.take(target(), 10**9) is None
    capacity.settle(None, 5)
    capacity.release(None)
    assert len(rates) == 0


def test_each_credential_has_its_own() -> None:
    capacity = Capacity(Rates(10))
    other = target(circuit="d#2", rate=LIMITED.rate)
    assert isinstance(capacity.take(LIMITED, 100), Hold)
    assert isinstance(capacity.take(LIMITED, 100), Refusal)
    assert isinstance(capacity.take(other, 100), Hold)


def test_what_was_not_used_comes_back_and_a_call_not_made_does_whole() -> None:
    capacity = Capacity(Rates(10))
    for _ in range(5):
        hold = capacity.take(LIMITED, 100)
        assert isinstance(hold, Hold)
        capacity.release(hold)
    first = capacity.take(LIMITED, 100)
    assert isinstance(first, Hold)
    capacity.settle(first, 10)
    assert isinstance(capacity.take(LIMITED, 90), Hold)
    assert isinstance(capacity.take(LIMITED, 1), Refusal)
