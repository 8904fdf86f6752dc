import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.identity import RateLimit
from sluicegate.limits.rate import Hold, Rates, Refusal


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.5

    def __call__(self) -> float:
        return self.now


def make(entries: int = 100) -> tuple[Rates, Clock]:
    clock = Clock()
    return Rates(entries, clock, wall=lambda: 1_800_000_000.25), clock


def taken(rates: Rates, limit: RateLimit, tokens: int = 0, key: str = "k") -> Hold:
    hold = rates.admit(key, limit, tokens)
    assert isinstance(hold, Hold)
    return hold


def refused(rates: Rates, limit: RateLimit, tokens: int = 0, key: str = "k") -> Refusal:
    refusal = rates.admit(key, limit, tokens)
    assert isinstance(refusal, Refusal)
    return refusal


def test_a_key_without_limits_has_no_entry() -> None:
    rates, _ = make()
    assert rates.admit("k", RateLimit(), 5) is None
    assert len(rates) == 0


def test_requests_a_minute_are_refused_and_come_back() -> None:
    rates, clock = make()
    limit = RateLimit(requests_per_minute=2)
    taken(rates, limit)
    clock.now += 10
    taken(rates, limit)
    refusal = refused(rates, limit)
    assert refusal == Refusal(Reason.RATE_REQUESTS, 51, 2, 2, 1)
    clock.now += refusal.retry_after - 1
    refused(rates, limit)
    clock.now += 1
    taken(rates, limit)
    refused(rates, limit)


def test_tokens_are_reserved_and_corrected() -> None:
    rates, clock = make()
    limit = RateLimit(tokens_per_minute=100)
    hold = taken(rates, limit, 90)
    assert refused(rates, limit, 11).reason is Reason.RATE_TOKENS
    rates.settle(hold, 20)
    rates.settle(hold, 90)
    taken(rates, limit, 80)
    assert refused(rates, limit, 1).used == 100
    clock.now += 61
    late = taken(rates, limit, 100)
    clock.now += 61
    taken(rates, limit, 100)
    rates.settle(late, 0)
    assert refused(rates, limit, 1).used == 100


def test_what_can_never_fit_is_told_to_wait_a_minute() -> None:
    rates, _ = make()
    assert refused(rates, RateLimit(tokens_per_minute=100), 101).retry_after == 60


def test_requests_at_once() -> None:
    rates, _ = make()
    limit = RateLimit(concurrent=1)
    hold = taken(rates, limit)
    assert refused(rates, limit).reason is Reason.RATE_CONCURRENT
    rates.settle(hold, 5)
    taken(rates, limit)


def test_releasing_gives_everything_back() -> None:
    rates, _ = make()
    limit = RateLimit(1, 10, 1)
    hold = taken(rates, limit, 10)
    rates.release(hold)
    rates.release(hold)
    taken(rates, limit, 10)


def test_no_live_limit_is_forgotten_to_make_room() -> None:
    rates, clock = make(entries=2)
    limit = RateLimit(requests_per_minute=1, concurrent=5)
    held = taken(rates, limit, key="a")
    rates.settle(taken(rates, limit, key="b"), 0)
    assert refused(rates, limit, key="c").reason is Reason.OVERLOADED
    clock.now += 62
    taken(rates, limit, key="c")  # b is idle now; a still runs
    assert refused(rates, limit, key="d").reason is Reason.OVERLOADED
    rates.settle(held, 0)
    taken(rates, limit, key="d")
    assert len(rates) == 2


@pytest.mark.parametrize("anthropic", [False, True])
def test_headers(anthropic: bool) -> None:
    rates, clock = make()
    limit = RateLimit(10, 1_000)
    headers: dict[str, str] = {}
    rates.tell(headers, "k", limit, anthropic=anthropic)
    assert headers == {}
    taken(rates, limit, 250)
    clock.now += 20
    rates.tell(headers, "k", limit, anthropic=anthropic)
    expected = {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "41s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "750",
        "x-ratelimit-reset-tokens": "41s",
    }
    if anthropic:
        expected |= {
            "anthropic-ratelimit-requests-limit": "10",
            "anthropic-ratelimit-requests-remaining": "9",
            "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:41Z",
            "anthropic-ratelimit-tokens-limit": "1000",
            "anthropic-ratelimit-tokens-remaining": "750",
            "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:41Z",
        }
    assert headers == expected
    hold = taken(rates, limit, 50)
    held: dict[str, str] = {}
    rates.tell_held(held, hold, limit, anthropic=anthropic)
    rates.tell(headers, "k", limit, anthropic=anthropic)
    assert list(held.items()) == list(headers.items())
    assert (held["x-ratelimit-remaining-tokens"], held["x-ratelimit-reset-tokens"]) == ("700", "1m1s")
    rates.release(hold)
    rates.tell_held(held, hold, limit, anthropic=anthropic)
    assert (held["x-ratelimit-remaining-requests"], held["x-ratelimit-remaining-tokens"]) == ("9", "750")
    clock.now += 81
    rates.tell(headers, "k", limit, anthropic=False)
    assert headers["x-ratelimit-remaining-tokens"] == "1000"
    assert headers["x-ratelimit-reset-tokens"] == "0s"


def test_a_minute_is_written_as_go_does() -> None:
    rates, _ = make()
    limit = RateLimit(requests_per_minute=1)
    taken(rates, limit)
    headers: dict[str, str] = {}
    rates.tell(headers, "k", limit, anthropic=False)
    assert headers["x-ratelimit-reset-requests"] == "1m1s"
