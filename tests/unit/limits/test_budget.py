import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import create_engine, insert

from sluicegate.core.decision import Reason
from sluicegate.core.errors import GatewayError
from sluicegate.core.exchange import Spend
from sluicegate.core.identity import Budget, Period
from sluicegate.limits.budget import Claim, Exceeded, Ledger, Plan, Spent, spent
from sluicegate.store.tables import spending
from tests.support.exchanges import KEY, TEAM, grant

NOTHING = Spent((0, 0), (0, 0), (0, 0))


class World:
    """A clock, and what the database says was spent."""

    def __init__(self, when: str = "2026-11-21T12:00:00") -> None:
        self.at(when)
        self.monotonic = 0.0
        self.loads: list[tuple[str, str]] = []
        self.stored: dict[str, Spent] = {}
        self.broken = False

    def at(self, when: str) -> None:
        self.now = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()

    async def load(self, scope: str, day: str) -> Spent:
        self.loads.append((scope, day))
        await asyncio.sleep(0)
        if self.broken:
            raise ConnectionError("no database")
        return self.stored.get(scope, NOTHING)

    def ledger(self, entries: int = 10, load: Callable[[str, str], Awaitable[Spent]] | None = None) -> Ledger:
        return Ledger(load or self.load, entries=entries, grace=10, now=lambda: self.now, clock=lambda: self.monotonic)


def key_budget(period: Period = Period.DAY, usd: str | None = None, tokens: int | None = None) -> Budget:
    return Budget(f"key:{KEY}", period, None if usd is None else Decimal(usd), tokens)


def team_budget(period: Period = Period.DAY, usd: str | None = None, tokens: int | None = None) -> Budget:
    return Budget(f"team:{TEAM}", period, None if usd is None else Decimal(usd), tokens)


def claimed(ledger: Ledger, plan: Plan, tokens: int, nano_usd: int = 0) -> Claim:
    claim = ledger.reserve(plan, tokens, nano_usd)
    assert isinstance(claim, Claim)
    return claim


async def test_what_was_spent_before_counts() -> None:
    world = World()
    world.stored[f"team:{TEAM}"] = Spent((10, 0), (20, 0), (90, 0))
    ledger = world.ledger()
    plan = await ledger.open(grant(team_budget(Period.TOTAL, tokens=100)))
    assert sorted(world.loads) == [(f"key:{KEY}", "2026-11-21"), (f"team:{TEAM}", "2026-11-21")]
    refusal = ledger.reserve(plan, 11, 0)
    assert refusal == Exceeded(f"team:{TEAM}", Period.TOTAL, "tokens", 100, 90, 11)
    claimed(ledger, plan, 10)


async def test_the_tightest_budget_is_named() -> None:
    ledger = World().ledger()
    plan = await ledger.open(grant(key_budget(usd="0.000001"), team_budget(Period.MONTH, tokens=1_000)))
    claimed(ledger, plan, 990, 100)
    refusal = ledger.reserve(plan, 20, 901)
    assert refusal == Exceeded(f"team:{TEAM}", Period.MONTH, "tokens", 1_000, 990, 20)
    refusal = ledger.reserve(plan, 5, 901)
    assert refusal == Exceeded(f"key:{KEY}", Period.DAY, "nano_usd", 1_000, 100, 901)


async def test_settling_yields_a_row_for_each_scope_and_gives_the_rest_back() -> None:
    ledger = World().ledger()
    plan = await ledger.open(grant(key_budget(tokens=100)))
    claim = claimed(ledger, plan, 100, 50)
    assert isinstance(ledger.reserve(plan, 1, 0), Exceeded)
    rows = ledger.settle(claim, 30, 7)
    assert rows == (Spend(f"key:{KEY}", "2026-11-21", 30, 7), Spend(f"team:{TEAM}", "2026-11-21", 30, 7))
    claimed(ledger, plan, 70)
    with pytest.raises(RuntimeError, match="twice"):
        ledger.settle(claim, 30, 7)


async def test_nothing_used_stores_nothing() -> None:
    ledger = World().ledger()
    plan = await ledger.open(grant(key_budget(tokens=100)))
    assert ledger.settle(claimed(ledger, plan, 100, 5), 0, 0) == ()
    claimed(ledger, plan, 100)


async def test_midnight_settles_to_the_day_of_the_reservation() -> None:
    world = World("2026-11-30T23:59:59")
    ledger = world.ledger()
    plan = await ledger.open(
        grant(key_budget(tokens=100), key_budget(Period.MONTH, tokens=150), key_budget(Period.TOTAL, tokens=400))
    )
    before = claimed(ledger, plan, 100)
    world.at("2026-12-01T00:00:00")
    after = claimed(ledger, plan, 100)  # new day, new month
    assert {row.window for row in ledger.settle(before, 90, 0)} == {"2026-11-30"}
    assert {row.window for row in ledger.settle(after, 80, 0)} == {"2026-12-01"}
    world.at("2026-12-02T00:00:00")
    assert ledger.reserve(plan, 71, 0) == Exceeded(f"key:{KEY}", Period.MONTH, "tokens", 150, 80, 71)
    claimed(ledger, plan, 70)
    world.at("2027-01-01T00:00:00")
    claimed(ledger, plan, 100)
    world.at("2027-01-02T00:00:00")
    assert ledger.reserve(plan, 100, 0) == Exceeded(f"key:{KEY}", Period.TOTAL, "tokens", 400, 340, 100)


async def test_what_is_settled_late_counts_in_the_periods_that_go_on() -> None:
    world = World("2026-11-20T23:59:59")
    world.stored[f"key:{KEY}"] = Spent((1, 0), (2, 0), (4, 0))
    ledger = world.ledger()
    budgets = (key_budget(tokens=100), key_budget(Period.MONTH, tokens=150), key_budget(Period.TOTAL, tokens=300))
    plan = await ledger.open(grant(*budgets))
    late = claimed(ledger, plan, 90)
    world.at("2026-11-21T00:00:00")
    assert ledger.reserve(plan, 59, 0) == Exceeded(f"key:{KEY}", Period.MONTH, "tokens", 150, 92, 59)
    early = claimed(ledger, plan, 58)
    ledger.settle(late, 40, 0)
    assert ledger.reserve(plan, 51, 0) == Exceeded(f"key:{KEY}", Period.MONTH, "tokens", 150, 100, 51)
    ledger.settle(early, 90, 0)  # more than was reserved
    world.at("2026-12-01T00:00:00")
    claimed(ledger, plan, 100)
    world.at("2026-12-02T00:00:00")
    assert ledger.reserve(plan, 51, 0) == Exceeded(f"key:{KEY}", Period.MONTH, "tokens", 150, 100, 51)
    world.at("2027-01-01T00:00:00")
    assert ledger.reserve(plan, 67, 0) == Exceeded(f"key:{KEY}", Period.TOTAL, "tokens", 300, 234, 67)


async def test_keys_of_one_team_see_its_new_day_whoever_begins_it() -> None:
    world = World("2026-11-21T23:59:00")
    ledger = world.ledger()
    one, other = [await ledger.open(grant(team_budget(tokens=100), key=key)) for key in "ab"]
    claimed(ledger, one, 60)
    claimed(ledger, other, 40)
    world.at("2026-11-22T00:01:00")
    claimed(ledger, one, 70)
    world.at("2026-11-21T23:59:30")  # a clock that steps back: the team's day stays begun
    assert isinstance(ledger.reserve(other, 31, 0), Exceeded)
    assert [window.day for window in claimed(ledger, other, 30).windows] == ["2026-11-21", "2026-11-22"]


async def test_a_clock_that_steps_back_resets_nothing_twice() -> None:
    world = World("2026-11-21T23:59:00")
    ledger = world.ledger()
    plan = await ledger.open(grant(key_budget(tokens=100)))
    claimed(ledger, plan, 100)
    world.at("2026-11-22T00:01:00")
    claimed(ledger, plan, 100)
    world.at("2026-11-21T23:59:30")
    assert isinstance(ledger.reserve(plan, 1, 0), Exceeded)
    world.at("2026-11-22T00:02:00")
    assert isinstance(ledger.reserve(plan, 1, 0), Exceeded)


async def test_many_tasks_load_a_scope_once_and_cannot_overspend() -> None:
    world = World()
    ledger = world.ledger()
    granted = grant(key_budget(tokens=100))

    async def one() -> bool:
        plan = ledger.plan(granted) or await ledger.open(granted)
        return isinstance(ledger.reserve(plan, 10, 0), Claim)

    results = await asyncio.gather(*(one() for _ in range(200)))
    assert sum(results) == 10
    assert len(world.loads) == 2


async def test_a_load_that_fails_goes_up_to_everybody_and_is_tried_again() -> None:
    world = World()
    world.broken = True
    ledger = world.ledger()
    granted = grant(key_budget(tokens=100))
    results = await asyncio.gather(*(ledger.open(granted) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError] * 3
    world.broken = False
    claimed(ledger, await ledger.open(granted), 100)


async def test_a_task_that_leaves_while_loading_takes_nobody_with_it() -> None:
    world = World()
    ledger = world.ledger()
    granted = grant(key_budget(tokens=100))
    first = asyncio.create_task(ledger.open(granted))
    second = asyncio.create_task(ledger.open(granted))
    await asyncio.sleep(0)
    first.cancel()
    claimed(ledger, await second, 100)
    assert len(world.loads) == 2


async def test_new_budgets_of_a_key_know_what_was_spent() -> None:
    world = World()
    ledger = world.ledger()
    old = grant()
    plan = await ledger.open(old)
    claim = claimed(ledger, plan, 60)
    new = grant(key_budget(tokens=100))
    assert ledger.plan(new) is None
    plan = await ledger.open(new)
    assert isinstance(ledger.reserve(plan, 50, 0), Exceeded)
    ledger.settle(claim, 40, 0)
    claimed(ledger, plan, 60)
    assert len(world.loads) == 2


async def test_keys_are_forgotten_only_when_settled_for_long_enough() -> None:
    world = World()
    ledger = world.ledger(entries=1)
    plan = await ledger.open(grant(key="a"))
    claim = claimed(ledger, plan, 5)
    world.monotonic = 100
    for _ in range(2):
        with pytest.raises(GatewayError) as refusal:
            await ledger.open(grant(key="b"))
        assert refusal.value.reason is Reason.OVERLOADED
        if claim.open:
            ledger.settle(claim, 5, 0)
    world.monotonic = 111
    await ledger.open(grant(key="b"))
    assert len(ledger) == 1
    assert ledger.plan(grant(key="a")) is None


def test_spending_is_summed_from_days() -> None:
    engine = create_engine("sqlite://")
    spending.create(engine)
    rows = [
        ("key:a", "2026-10-31", 1, 10),
        ("key:a", "2026-11-01", 2, 20),
        ("key:a", "2026-11-21", 4, 40),
        ("key:b", "2026-11-21", 800, 8_000),
    ]
    with engine.begin() as connection:
        columns = ("scope", "window", "tokens", "nano_usd")
        connection.execute(insert(spending), [dict(zip(columns, row, strict=True)) for row in rows])
        assert spent("key:a", "2026-11-21")(connection) == Spent((4, 40), (6, 60), (7, 70))
        assert spent("key:a", "2026-11-22")(connection) == Spent((0, 0), (6, 60), (7, 70))
        assert spent("key:a", "2026-10-31")(connection) == Spent((7, 70), (7, 70), (7, 70))
        assert spent("key:c", "2026-11-21")(connection) == NOTHING
    engine.dispose()
