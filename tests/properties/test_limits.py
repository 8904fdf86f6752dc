"""Laws of rates, budgets and prices."""

import asyncio
from collections import Counter
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.core.identity import Budget, Period, RateLimit
from sluicegate.core.usage import Usage
from sluicegate.limits.budget import Claim, Ledger, Spent
from sluicegate.limits.prices import Price, parse
from sluicegate.limits.rate import Hold, Rates
from tests.support.exchanges import TEAM, grant

DAY = 86_400.0
START = 20_000 * DAY

steps = st.lists(
    st.tuples(
        st.sampled_from(("reserve", "settle", "wait")),
        st.integers(0, 60),
        st.integers(0, 60),
        st.sampled_from(("k", "l")),
        st.floats(0, 1),
    ),
    max_size=80,
)


@settings(deadline=None, max_examples=150)
@given(steps, st.sampled_from(list(Period)), st.integers(0, 100), st.integers(0, 100))
def test_no_order_of_reserving_and_settling_passes_a_budget(
    taken: list[tuple[str, int, int, str, float]], period: Period, tokens: int, nano_usd: int
) -> None:
    """Whatever was used stays within the team's and the keys' budgets, and what is stored is what was settled."""
    now = START - 5 * DAY

    async def load(_scope: str, _day: str) -> Spent:
        return Spent((0, 0), (0, 0), (0, 0))

    async def run() -> None:
        nonlocal now
        ledger = Ledger(load, entries=10, grace=1, now=lambda: now, clock=lambda: 0.0)
        team = Budget(f"team:{TEAM}", period, Decimal(nano_usd) / 10**9, tokens)
        plans = {key: await ledger.open(grant(team, Budget(f"key:{key}", Period.DAY, None, 40), key=key)) for key in "kl"}
        open_claims: list[Claim] = []
        stored: Counter[tuple[str, str]] = Counter()
        money: Counter[tuple[str, str]] = Counter()
        settled_tokens = settled_nano = 0
        for action, more_tokens, more_nano, key, share in taken:
            if action == "wait":
                now += share * 2 * DAY
            elif action == "reserve":
                claim = ledger.reserve(plans[key], more_tokens, more_nano)
                if isinstance(claim, Claim):
                    open_claims.append(claim)
            elif open_claims:
                claim = open_claims.pop(more_tokens % len(open_claims))
                used = (int(claim.tokens * share), int(claim.nano_usd * share))
                for row in ledger.settle(claim, *used):
                    stored[row.scope, row.window] += row.tokens
                    money[row.scope, row.window] += row.nano_usd
                settled_tokens += used[0]
                settled_nano += used[1]
        for (scope, window), amount in stored.items():
            assert amount <= (tokens if scope.startswith("team:") else 40)
            assert money[scope, window] <= nano_usd or not scope.startswith("team:")
        by_team = [amount for (scope, _), amount in stored.items() if scope.startswith("team:")]
        by_key = [amount for (scope, _), amount in stored.items() if scope.startswith("key:")]
        assert sum(by_team) == sum(by_key) == settled_tokens
        assert sum(v for (scope, _), v in money.items() if scope.startswith("team:")) == settled_nano
        if period is Period.TOTAL:
            assert settled_tokens <= tokens
            assert settled_nano <= nano_usd
        for claim in open_claims:
            ledger.settle(claim, 0, 0)

    asyncio.run(run())


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 40), st.integers(0, 12), st.booleans(), st.integers(0, 12)), max_size=120),
    st.integers(1, 10),
    st.integers(1, 30),
)
def test_no_minute_sees_more_than_the_limit(
    arrivals: list[tuple[float, int, bool, int]], requests: int, tokens: int
) -> None:
    """In no interval of 60 seconds, wherever it begins, are more requests or tokens admitted than the limits say."""
    now = 10.0
    rates = Rates(5, lambda: now, lambda: 0.0)
    limit = RateLimit(requests, tokens, None)
    admitted: list[list[float]] = []
    for wait, need, settles, used in arrivals:
        now += wait
        hold = rates.admit("k", limit, need)
        if isinstance(hold, Hold):
            admitted.append([now, need])
            if settles:
                admitted[-1][1] = min(used, need)
                rates.settle(hold, min(used, need))
    for begin, _ in admitted:
        window = [need for at, need in admitted if begin <= at < begin + 60]
        assert len(window) <= requests
        assert sum(window) <= tokens


@settings(deadline=None)
@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
def test_a_refused_request_is_admitted_after_the_time_it_was_told(waits: list[float], requests: int) -> None:
    """Retry-After is enough, and a rate that rests for 61 seconds is whole again."""
    now = 0.0
    rates = Rates(5, lambda: now, lambda: 0.0)
    limit = RateLimit(requests_per_minute=requests)
    for wait in waits:
        now += wait
        hold = rates.admit("k", limit, 0)
        if hold is not None and not isinstance(hold, Hold):
            assert 1 <= hold.retry_after <= 61
            now += hold.retry_after
            assert isinstance(rates.admit("k", limit, 0), Hold)
    now += 61
    for _ in range(requests):
        assert isinstance(rates.admit("k", limit, 0), Hold)
    assert not isinstance(rates.admit("k", limit, 0), Hold)


rate = st.decimals(0, 1_000, places=7)


@st.composite
def price(draw: st.DrawFn) -> Price:
    """Prices with up to three tiers, in no order of price."""
    kinds = ("input", "output", "cached", "cache_write", "request")
    borders = [0, *sorted(draw(st.sets(st.integers(1, 1_000), max_size=2)))]
    return parse({"plain": [{"above": border} | {kind: str(draw(rate)) for kind in kinds} for border in borders]})


@settings(deadline=None)
@given(price(), st.integers(0, 2_000), st.integers(0, 2_000), st.data())
def test_a_bound_holds_for_every_usage_below_it(
    priced: Price, most_input: int, most_output: int, data: st.DataObject
) -> None:
    used = data.draw(st.integers(0, most_input))
    cached = data.draw(st.integers(0, used))
    usage = Usage(used, data.draw(st.integers(0, most_output)), cached, data.draw(st.integers(0, used - cached)))
    assert priced.cost(usage) <= priced.bound(most_input, most_output)


@given(rate, rate, st.integers(0, 10**12), st.integers(0, 10**12))
def test_cost_is_exact_and_rounded_up_once(per_input: Decimal, per_output: Decimal, tokens: int, written: int) -> None:
    rates = {"above": 0, "input": str(per_input), "output": str(per_output), "request": "0"}
    priced = parse({"plain": [rates | {"cached": "0", "cache_write": "0"}]})
    exact = (int(per_input * 10**7) * tokens + int(per_output * 10**7) * written) * 1_000
    assert priced.cost(Usage(tokens, written)) == -(-exact // 10**7)
