"""The ledger of budgets: reserve before the call, settle after it, and no race overspends.

One process keeps the ledger. An account per scope (`key:<id>`, `team:<id>`) counts what was settled and what is reserved, by
UTC day; checking every budget and reserving is one piece of code without an `await`. A month or the whole is the sum of its
days, in memory as in the database (table `spending`), so that a budget added later knows what was spent before it.

What is reserved is settled to the window in which it was reserved. The day never goes back: where the wall clock steps back
over midnight, the later day goes on, so a day's budget is reset exactly once.

Memory: an account lives while a key that uses it is remembered. Keys are forgotten, longest unused first, once their last
settlement is older than `grace` seconds and so is in the database, or will never be. When `entries` are full of keys that
may not be forgotten, a new key is refused.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
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
_UNITS = ("tokens", "nano_usd")

Amounts = tuple[int, int]
"""Tokens and nano-dollars."""
_NONE: Amounts = (0, 0)


class Spent(NamedTuple):
    """What a scope has spent, as the database knows it: on the day, in its month, and in all."""

    day: Amounts
    month: Amounts
    total: Amounts


Load = Callable[[str, str], Awaitable[Spent]]
"""Takes a scope and a day (`2026-11-21`)."""


class Window:
    """What one scope uses on one day: settled and reserved together."""

    __slots__ = ("before", "day", "nano_usd", "over", "scope", "tokens")

    def __init__(self, scope: str, day: str, used: Amounts, before: tuple[Amounts, Amounts, Amounts]) -> None:
        self.scope = scope
        self.day = day
        self.tokens, self.nano_usd = used
        self.before = before
        """What was used earlier in the day's periods, in the order of `_PERIODS`: a period is the sum of its days."""
        self.over: Account | None = None
        """The account, once the day is over: what is still settled here then counts in its periods that go on."""


class Account:
    """One scope's window that is current."""

    __slots__ = ("__weakref__", "current", "day")

    def __init__(self, scope: str, day: int, spent: Spent) -> None:
        self.day = day
        before = (_NONE, _less(spent.month, spent.day), _less(spent.total, spent.day))
        self.current = Window(scope, day_name(day), spent.day, before)

    def advance(self, day: int) -> None:
        """Begin the window of a later day; open reservations keep the one in which they were made."""
        last = self.current
        name = day_name(day)
        _, month, total = last.before
        used = (last.tokens, last.nano_usd)
        before = (_NONE, _plus(month, used) if name[:7] == last.day[:7] else _NONE, _plus(total, used))
        self.day = day
        self.current = Window(last.scope, name, _NONE, before)
        last.over = self

    def carry(self, day: str, more: Amounts) -> None:
        """Count what was settled, in the window of an earlier `day`, beside what was reserved there."""
        current = self.current
        _, month, total = current.before
        current.before = (_NONE, _plus(month, more) if day[:7] == current.day[:7] else month, _plus(total, more))


class Bound(NamedTuple):
    """One budget, compiled: how much its account's window may hold, which is what earlier days have left of it."""

    window: Window
    tokens: int | None
    nano_usd: int | None
    budget: Budget


class Plan:
    """Everything one key's budgets need, found once for each grant it is loaded as."""

    __slots__ = ("accounts", "bounds", "ends", "grant", "open", "settled_at", "turn", "windows")

    def __init__(self, grant: Grant, accounts: tuple[Account, ...], now: float) -> None:
        self.bind(grant, accounts)
        self.open = 0
        """How many claims are open."""
        self.settled_at = now

    def bind(self, grant: Grant, accounts: tuple[Account, ...]) -> None:
        """Take the budgets of `grant`, in which the key was loaded anew."""
        self.grant = grant
        self.accounts = accounts
        self.turn = -1
        """The ledger's turn for which `windows`, `bounds` and `ends` were compiled; -1 if they have to be."""
        self.ends = 0
        """When, in seconds since the epoch, the first of the windows is over."""
        self.windows: tuple[Window, ...] = ()
        self.bounds: tuple[Bound, ...] = ()

    def compile(self, turn: int) -> None:
        """Find the windows that are current, and what the budgets allow in each."""
        self.turn = turn
        self.ends = (min(account.day for account in self.accounts) + 1) * _DAY
        self.windows = tuple(account.current for account in self.accounts)
        by_scope = {window.scope: window for window in self.windows}
        self.bounds = tuple(_bound(by_scope[budget.scope], budget) for budget in self.grant.budgets)


class Claim(msgspec.Struct, gc=False):
    """What one exchange has reserved; settled once."""

    plan: Plan
    windows: tuple[Window, ...]
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
        self._turn = 0
        """Grows when a day begins in an account, or what was before it changes: plans are then compiled anew."""

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
        now = self._now()
        if now >= plan.ends or plan.turn != self._turn:
            self._begin(plan, int(now // _DAY))
        for window, most_tokens, most_nano_usd, _ in plan.bounds:
            if (most_nano_usd is not None and window.nano_usd + nano_usd > most_nano_usd) or (
                most_tokens is not None and window.tokens + tokens > most_tokens
            ):
                return _tightest(plan, tokens, nano_usd)
        windows = plan.windows
        for window in windows:
            window.tokens += tokens
            window.nano_usd += nano_usd
        plan.open += 1
        return Claim(plan, windows, tokens, nano_usd)

    def settle(self, claim: Claim, tokens: int, nano_usd: int) -> tuple[Spend, ...]:
        """Replace what was reserved by what was used, once; what to store for it. Nothing used stores nothing."""
        if not claim.open:
            raise RuntimeError("a claim was settled twice")
        claim.open = False
        plan = claim.plan
        plan.open -= 1
        plan.settled_at = self._clock()
        more_tokens, more_nano_usd = tokens - claim.tokens, nano_usd - claim.nano_usd
        for window in claim.windows:
            window.tokens += more_tokens
            window.nano_usd += more_nano_usd
            if window.over is not None:
                window.over.carry(window.day, (more_tokens, more_nano_usd))
                self._turn += 1
        if not tokens and not nano_usd:
            return ()
        return tuple([Spend(window.scope, window.day, tokens, nano_usd) for window in claim.windows])

    def _begin(self, plan: Plan, day: int) -> None:
        """Begin the day for the accounts of `plan`, and compile it."""
        for account in plan.accounts:
            if account.day < day:
                account.advance(day)
                self._turn += 1
        plan.compile(self._turn)

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


def _scopes(grant: Grant) -> tuple[str, ...]:
    """What a grant's exchanges are spent on, whether a budget bounds it today or not."""
    own = [f"key:{grant.key_id}", f"team:{grant.team}"]
    return tuple(dict.fromkeys(own + [budget.scope for budget in grant.budgets]))


def _bound(window: Window, budget: Budget) -> Bound:
    tokens, nano_usd = window.before[_PERIODS.index(budget.period)]
    limits = _limits(budget)
    return Bound(
        window,
        None if limits[0] is None else limits[0] - tokens,
        None if limits[1] is None else limits[1] - nano_usd,
        budget,
    )


def _limits(budget: Budget) -> tuple[int | None, int | None]:
    """A budget's tokens and nano-dollars."""
    return budget.tokens, None if budget.usd is None else int(budget.usd * NANO)


def _tightest(plan: Plan, tokens: int, nano_usd: int) -> Exceeded:
    """Of the budgets that do not cover it, the one with the smallest share left."""
    found: list[tuple[float, Exceeded]] = []
    for window, _, _, budget in plan.bounds:
        before = window.before[_PERIODS.index(budget.period)]
        used = _plus(before, (window.tokens, window.nano_usd))
        for unit, limit, has, needed in zip(_UNITS, _limits(budget), used, (tokens, nano_usd), strict=True):
            if limit is not None and has + needed > limit:
                share = (limit - has) / limit if limit else 0.0
                found.append((share, Exceeded(budget.scope, budget.period, unit, limit, has, needed)))
    return min(found, key=lambda pair: pair[0])[1]


def _plus(one: Amounts, other: Amounts) -> Amounts:
    return one[0] + other[0], one[1] + other[1]


def _less(one: Amounts, other: Amounts) -> Amounts:
    return one[0] - other[0], one[1] - other[1]
