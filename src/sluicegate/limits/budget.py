"""The ledger of budgets: reserve before the call, settle after it, and no race overspends.

One process keeps the ledger. An account per scope (`key:<id>`, `team:<id>`) counts what was settled and what is reserved, by
UTC day, by month and in all; checking every budget and reserving is one piece of code without an `await`. Spending is
stored by day only (table `spending`), and a month or the whole is the sum of its days, so that a budget added later knows
what was spent before it.

What is reserved is settled to the window in which it was reserved. The day never goes back: where the wall clock steps back
over midnight, the later day goes on, so a day's budget is reset exactly once.

Memory: an account lives while a key that uses it is remembered. Keys are forgotten, longest unused first, once their last
settlement is older than `grace` seconds and so is in the database, or will never be. When `entries` are full of keys that
may not be forgotten, a new key is refused.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import NamedTuple
from weakref import WeakValueDictionary

import msgspec
from sqlalchemy import Connection, case, func, select

from sluicegate.core.decision import Reason
from sluicegate.core.errors import GatewayError
from sluicegate.core.exchange import Spend
from sluicegate.core.identity import Budget, Grant, Period
from sluicegate.core.usage import NANO
from sluicegate.store.tables import spending

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400
_EVICTION_LOOKS = 64
"""How many of the longest unused keys are looked at for one that may be forgotten."""
_PERIODS = (Period.DAY, Period.MONTH, Period.TOTAL)


class Spent(NamedTuple):
    """What a scope has spent, as the database knows it: tokens and nano-dollars of the day, of the month, and in all."""

    day: tuple[int, int]
    month: tuple[int, int]
    total: tuple[int, int]


Load = Callable[[str, str], Awaitable[Spent]]
"""Takes a scope and a day (`2026-11-21`)."""


class Counter:
    """What one scope uses in one period: settled and reserved together."""

    __slots__ = ("nano_usd", "tokens")

    def __init__(self, spent: tuple[int, int] = (0, 0)) -> None:
        self.tokens, self.nano_usd = spent


class Windows(NamedTuple):
    """The windows of one scope on one day."""

    scope: str
    day: str
    counters: tuple[Counter, Counter, Counter]
    """Of the day, its month, and the whole: in the order of `_PERIODS`."""


class Account:
    """One scope's windows that are current."""

    __slots__ = ("__weakref__", "current", "day")

    def __init__(self, scope: str, day: int, spent: Spent) -> None:
        self.day = day
        self.current = Windows(scope, day_name(day), (Counter(spent.day), Counter(spent.month), Counter(spent.total)))

    def advance(self, day: int) -> None:
        """Begin the windows of a later day; open reservations keep the counters in which they were made."""
        scope, last, (_, month, total) = self.current
        name = day_name(day)
        self.day = day
        self.current = Windows(scope, name, (Counter(), month if name[:7] == last[:7] else Counter(), total))


class Bound(msgspec.Struct, frozen=True):
    """One unit of one budget, compiled: which account and counter it bounds, and by how much."""

    account: Account
    counter: int
    """Index into Windows.counters."""
    tokens: int | None
    nano_usd: int | None
    budget: Budget


class Plan:
    """Everything one key's budgets need, found once for each grant it is loaded as."""

    __slots__ = ("accounts", "bounds", "grant", "open", "settled_at")

    def __init__(self, grant: Grant, accounts: tuple[Account, ...], now: float) -> None:
        self.bind(grant, accounts)
        self.open = 0
        """How many claims are open."""
        self.settled_at = now

    def bind(self, grant: Grant, accounts: tuple[Account, ...]) -> None:
        """Take the budgets of `grant`, in which the key was loaded anew."""
        self.grant = grant
        self.accounts = accounts
        self.bounds = tuple(_bounds(grant, accounts))


class Claim(msgspec.Struct):
    """What one exchange has reserved; settled once."""

    plan: Plan
    entries: tuple[Windows, ...]
    tokens: int
    nano_usd: int
    open: bool = True


class Exceeded(msgspec.Struct, frozen=True):
    """The tightest budget that does not cover a reservation; amounts in its `unit` (`tokens` or `nano_usd`)."""

    scope: str
    period: Period
    unit: str
    limit: int
    used: int
    needed: int


class Ledger:
    """All scopes' accounts. `now` is seconds since the epoch, `clock` is monotonic."""

    def __init__(
        self,
        load: Load,
        *,
        entries: int,
        grace: float,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._limit = entries
        self._grace = grace
        self._now = now
        self._clock = clock
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._accounts: WeakValueDictionary[str, Account] = WeakValueDictionary()
        self._loading: dict[str, asyncio.Task[Account]] = {}

    def __len__(self) -> int:
        return len(self._plans)

    def plan(self, grant: Grant) -> Plan | None:
        """The plan of a grant whose accounts are in memory."""
        plan = self._plans.get(grant.key_id)
        if plan is not None and plan.grant is grant:
            self._plans.move_to_end(grant.key_id)
            return plan
        return None

    async def open(self, grant: Grant) -> Plan:
        """The plan of a grant, loading what was spent before. What the database raises goes up: no spending, no call."""
        accounts = tuple([await self._account(scope) for scope in _scopes(grant)])
        plan = self._plans.get(grant.key_id)
        if plan is not None:
            plan.bind(grant, accounts)
            return plan
        now = self._clock()
        if len(self._plans) >= self._limit and not self._forget(now):
            raise GatewayError(Reason.OVERLOADED, "Too many virtual keys have spending under way; try again shortly.")
        plan = self._plans[grant.key_id] = Plan(grant, accounts, now)
        return plan

    def reserve(self, plan: Plan, tokens: int, nano_usd: int) -> Claim | Exceeded:
        """Reserve in every account of the plan if every budget covers it, else in none."""
        day = int(self._now() // _DAY)
        for account in plan.accounts:
            if account.day < day:
                account.advance(day)
        for bound in plan.bounds:
            counter = bound.account.current.counters[bound.counter]
            if (bound.nano_usd is not None and counter.nano_usd + nano_usd > bound.nano_usd) or (
                bound.tokens is not None and counter.tokens + tokens > bound.tokens
            ):
                return _tightest(plan, tokens, nano_usd)
        entries = tuple([account.current for account in plan.accounts])
        _add(entries, tokens, nano_usd)
        plan.open += 1
        return Claim(plan, entries, tokens, nano_usd)

    def settle(self, claim: Claim, tokens: int, nano_usd: int) -> tuple[Spend, ...]:
        """Replace what was reserved by what was used, once; what to store for it. Nothing used stores nothing."""
        if not claim.open:
            raise RuntimeError("a claim was settled twice")
        claim.open = False
        plan = claim.plan
        plan.open -= 1
        plan.settled_at = self._clock()
        _add(claim.entries, tokens - claim.tokens, nano_usd - claim.nano_usd)
        if not tokens and not nano_usd:
            return ()
        return tuple([Spend(entry.scope, entry.day, tokens, nano_usd) for entry in claim.entries])

    async def _account(self, scope: str) -> Account:
        """The one account of a scope. Tasks that need it at the same time wait for one load."""
        account = self._accounts.get(scope)
        if account is not None:
            return account
        task = self._loading.get(scope)
        if task is None:
            task = self._loading[scope] = asyncio.create_task(self._read(scope))
            task.add_done_callback(lambda done: self._loaded(scope, done))
        return await asyncio.shield(task)

    def _loaded(self, scope: str, task: asyncio.Task[Account]) -> None:
        del self._loading[scope]
        if not task.cancelled():
            task.exception()  # taken, so that asyncio does not report it where every waiter has left

    async def _read(self, scope: str) -> Account:
        day = int(self._now() // _DAY)
        account = Account(scope, day, await self._load(scope, day_name(day)))
        self._accounts[scope] = account
        return account

    def _forget(self, now: float) -> bool:
        """Forget the first of the longest unused keys that may be; those that may not go to the end."""
        for _ in range(min(_EVICTION_LOOKS, len(self._plans))):
            key, plan = next(iter(self._plans.items()))
            if not plan.open and now - plan.settled_at > self._grace:
                del self._plans[key]
                return True
            self._plans.move_to_end(key)
        return False


def spent(scope: str, day: str) -> Callable[[Connection], Spent]:
    """The read that loads a scope: what it spent on `day` (or after it, by a clock that was ahead), in the month, in all."""

    def work(connection: Connection) -> Spent:
        # months and the whole are sums of days
        columns = [
            func.coalesce(func.sum(case((spending.c.window >= start, column), else_=0)), 0)
            for start in (day, day[:7], "")
            for column in (spending.c.tokens, spending.c.nano_usd)
        ]
        days = (spending.c.scope == scope) & (func.length(spending.c.window) == len(day))
        row = connection.execute(select(*columns).where(days)).one()
        amounts = [int(value) for value in row]
        return Spent((amounts[0], amounts[1]), (amounts[2], amounts[3]), (amounts[4], amounts[5]))

    return work


def day_name(day: int) -> str:
    """The window of a day, counted from the epoch: `2026-11-21`."""
    return date.fromordinal(_EPOCH + day).isoformat()


def _add(entries: Sequence[Windows], tokens: int, nano_usd: int) -> None:
    for _, _, (day, month, total) in entries:
        day.tokens += tokens
        day.nano_usd += nano_usd
        month.tokens += tokens
        month.nano_usd += nano_usd
        total.tokens += tokens
        total.nano_usd += nano_usd


def _scopes(grant: Grant) -> tuple[str, ...]:
    """What a grant's exchanges are spent on, whether a budget bounds it today or not."""
    own = [f"key:{grant.key_id}", f"team:{grant.team}"]
    return tuple(dict.fromkeys(own + [budget.scope for budget in grant.budgets]))


def _bounds(grant: Grant, accounts: tuple[Account, ...]) -> list[Bound]:
    by_scope = {account.current.scope: account for account in accounts}
    return [
        Bound(
            account=by_scope[budget.scope],
            counter=_PERIODS.index(budget.period),
            tokens=budget.tokens,
            nano_usd=None if budget.usd is None else int(budget.usd * NANO),
            budget=budget,
        )
        for budget in grant.budgets
    ]


def _tightest(plan: Plan, tokens: int, nano_usd: int) -> Exceeded:
    """Of the budgets that do not cover it, the one with the smallest share left."""
    found: list[tuple[float, Exceeded]] = []
    for bound in plan.bounds:
        counter = bound.account.current.counters[bound.counter]
        for unit, limit, used, needed in (
            ("tokens", bound.tokens, counter.tokens, tokens),
            ("nano_usd", bound.nano_usd, counter.nano_usd, nano_usd),
        ):
            if limit is not None and used + needed > limit:
                share = (limit - used) / limit if limit else 0.0
                found.append((share, Exceeded(bound.budget.scope, bound.budget.period, unit, limit, used, needed)))
    return min(found, key=lambda pair: pair[0])[1]
