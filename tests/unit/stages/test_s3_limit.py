import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.dialect import Ask, DialectName
from sluicegate.core.errors import GatewayError
from sluicegate.core.exchange import Attempt, Exchange, Kept, Outcome, Spend
from sluicegate.core.identity import Budget, Grant, OverBudget, Period, RateLimit
from sluicegate.core.provider import Place, Target
from sluicegate.core.usage import Usage
from sluicegate.limits.budget import Ledger, Spent
from sluicegate.limits.prices import Price, PriceBook, flat, parse
from sluicegate.limits.rate import Rates
from sluicegate.settings import Limits
from sluicegate.stages.s3_limit import TOOL_TOKENS, Limit
from tests.support.exchanges import KEY, TEAM, admitted, end, grant, target

DAY = 1_795_219_200.0 - 1_795_219_200 % 86_400 + 43_200
CHEAP, DEAR = flat(Decimal(1), Decimal(2)), flat(Decimal(10), Decimal(20))
"""1,000 and 2,000 nano-dollars for a token in and out, and ten times that."""
BODY = 300
LIKELY = 100


class World:
    """The stage over fakes: targets and prices by name, a clock that stands."""

    def __init__(self, *, entries: int = 100, limits: Limits | None = None, attempts: int = 3) -> None:
        self.targets: Sequence[Target] = (target("a"),)
        self.book = PriceBook()
        self.price(a=CHEAP)
        self.broken = False
        self.clock = 0.0
        self.rates = Rates(entries, lambda: self.clock, lambda: DAY)
        self.ledger = Ledger(self.load, entries=entries, grace=10, now=lambda: DAY, clock=lambda: self.clock)
        self.stage = Limit(self.rates, self.ledger, self.book, lambda _model: self.targets, limits or Limits(), attempts)

    def price(self, **prices: Price) -> None:
        self.book.replace(prices)

    async def load(self, _scope: str, _day: str) -> Spent:
        if self.broken:
            raise ConnectionError
        return Spent((0, 0), (0, 0), (0, 0))

    async def admit(self, exchange: Exchange) -> Reason:
        decision = await self.stage.admit(exchange)
        assert (decision.verdict is Verdict.DENY) == (decision.reason is not Reason.RESERVED)
        return decision.reason

    async def reserved(self, exchange: Exchange) -> tuple[int, int]:
        assert await self.admit(exchange) is Reason.RESERVED
        return exchange.reservation.tokens, exchange.reservation.nano_usd

    async def settled(self, exchange: Exchange, outcome: Outcome = Outcome.ANSWERED) -> tuple[int, int]:
        """Tokens and nano-dollars that were settled."""
        end(exchange, outcome)
        await self.stage.settle(exchange)
        if not exchange.spend:
            assert exchange.cost == 0
            return 0, 0
        assert {row.nano_usd for row in exchange.spend} == {exchange.cost}
        return exchange.spend[0].tokens, exchange.cost


def call(exchange: Exchange, *attempts: Attempt, at: Target | None = None) -> None:
    exchange.called = exchange.started
    exchange.attempts.extend(attempts)
    if at is not None:
        exchange.target = at


def limited(tokens: int | None = None, usd: str | None = None, rate: RateLimit | None = None) -> Grant:
    budget = Budget(f"key:{KEY}", Period.DAY, None if usd is None else Decimal(usd), tokens)
    return grant(budget, rate=rate) if tokens or usd else grant(rate=rate)


async def test_prompt_and_longest_answer_are_reserved() -> None:
    world = World()
    assert await world.reserved(admitted(grant())) == (BODY + 100, BODY * 1_000 + 100 * 2_000)
    assert await world.reserved(admitted(grant(), Ask("m", False, None))) == (BODY + 1_000, BODY * 1_000 + 1_000 * 2_000)
    assert (await world.reserved(admitted(grant(), Ask("m", False, 10**9))))[0] == BODY + 10**9
    assert (await world.reserved(admitted(grant(), Ask("m", False, 10, choices=128))))[0] == BODY + 1_280
    assert (await world.reserved(admitted(grant(), Ask("m", False, 1, blobs=2, blob_bytes=200))))[0] == 100 + 2 * 4_096 + 1
    assert (await world.reserved(admitted(grant(), Ask("m", False, 1, tools=("t",)))))[0] == BODY + TOOL_TOKENS + 1
    assert (await world.reserved(admitted(grant(system="abc"), Ask("m", False, 1))))[0] == BODY + 3 + 1
    assert (await world.reserved(admitted(grant(system="äbc"), Ask("m", False, 1))))[0] == BODY + 12 + 1


async def test_bytes_per_token_is_a_setting() -> None:
    world = World(limits=Limits(bytes_per_token=4))
    assert (await world.reserved(admitted(grant(), Ask("m", False, 1), body=b"x" * 301)))[0] == 76 + 1


async def test_the_dearest_target_and_every_attempt_are_reserved() -> None:
    world = World()
    world.targets = (target("a"), target("b", max_output_tokens=50))
    world.price(a=CHEAP, b=DEAR)
    # what the client asks for is what an answer may cost; unstreamed, each attempt may cost a whole one
    dearest = BODY * 10_000 + 100 * 20_000
    assert await world.reserved(admitted(grant())) == (2 * (BODY + 100), 2 * dearest)
    streamed = await world.reserved(admitted(grant(), Ask("m", True, 100)))
    assert streamed == (2 * BODY + 100, dearest + BODY * 10_000)


async def test_an_unknown_model_reserves_nothing() -> None:
    world = World()
    world.targets = ()
    exchange = admitted(grant())
    assert await world.reserved(exchange) == (0, 0)
    assert await world.settled(exchange, Outcome.REFUSED) == (0, 0)


async def test_an_unknown_price_is_refused_and_takes_nothing() -> None:
    world = World()
    world.price()
    exchange = admitted(limited(rate=RateLimit(1, 10_000, 1)))
    assert await world.admit(exchange) is Reason.PRICE_UNKNOWN
    world.price(a=CHEAP)
    await world.reserved(admitted(limited(rate=RateLimit(1, 10_000, 1))))


async def test_two_hundred_at_once_on_a_budget_for_ten() -> None:
    world = World()
    granted = limited(tokens=10 * (BODY + 100))
    exchanges = [admitted(granted) for _ in range(200)]
    reasons = await asyncio.gather(*(world.admit(exchange) for exchange in exchanges))
    assert reasons.count(Reason.RESERVED) == 10
    assert reasons.count(Reason.BUDGET_EXCEEDED) == 190


async def test_a_refusal_names_the_budget_and_gives_the_rates_back() -> None:
    world = World()
    granted = limited(usd="0.0000001", rate=RateLimit(1, 10_000, 1))
    for _ in range(3):
        exchange = admitted(granted)
        decision = await world.stage.admit(exchange)
        assert decision.reason is Reason.BUDGET_EXCEEDED
        assert decision.detail == {
            "scope": f"key:{KEY}",
            "period": "day",
            "unit": "nano_usd",
            "limit": 100,
            "used": 0,
            "needed": 500_000,
        }
        assert exchange.response_headers["x-ratelimit-remaining-requests"] == "1"
        assert await world.settled(exchange, Outcome.REFUSED) == (0, 0)


async def test_a_rate_that_refuses_says_when_to_come_back() -> None:
    world = World()
    granted = limited(rate=RateLimit(1))
    exchange = admitted(granted, dialect=DialectName.ANTHROPIC_MESSAGES)
    assert await world.admit(exchange) is Reason.RESERVED
    assert "anthropic-ratelimit-requests-reset" in exchange.response_headers
    refused = admitted(granted)
    decision = await world.stage.admit(refused)
    assert decision.reason is Reason.RATE_REQUESTS
    assert decision.detail == {"limit": 1, "used": 1, "needed": 1, "retry_after": 61}
    assert refused.response_headers["retry-after"] == "61"
    assert refused.response_headers["x-ratelimit-remaining-requests"] == "0"
    assert "anthropic-ratelimit-requests-reset" not in refused.response_headers
    assert await world.settled(refused, Outcome.REFUSED) == (0, 0)


async def test_rates_without_room_are_an_overload() -> None:
    world = World(entries=1)
    await world.reserved(admitted(limited(rate=RateLimit(1))))
    world.clock = 30
    with pytest.raises(GatewayError) as refusal:
        await world.admit(admitted(grant(rate=RateLimit(1), key="other")))
    assert refusal.value.reason is Reason.OVERLOADED


async def test_spending_that_cannot_be_loaded_goes_up_and_takes_nothing() -> None:
    world = World()
    world.broken = True
    granted = limited(rate=RateLimit(1, 10_000, 1))
    exchange = admitted(granted)
    with pytest.raises(ConnectionError):
        await world.stage.admit(exchange)
    assert await world.settled(exchange, Outcome.FAILED) == (0, 0)
    world.broken = False
    await world.reserved(admitted(granted))


async def test_what_was_reported_is_settled_and_the_rest_given_back() -> None:
    world = World()
    granted = limited(tokens=400, rate=RateLimit(None, 400, 1))
    exchange = admitted(granted)
    await world.reserved(exchange)
    assert await world.admit(admitted(granted)) is Reason.RATE_CONCURRENT
    call(exchange, Attempt("a", "answered"), at=target("a"))
    exchange.usage = Usage(input=50, output=10)
    assert await world.settled(exchange) == (60, 70_000)
    assert exchange.spend == (Spend(f"key:{KEY}", "2026-11-21", 60, 70_000), Spend(f"team:{TEAM}", "2026-11-21", 60, 70_000))
    assert await world.reserved(admitted(granted, Ask("m", False, 40))) == (340, 380_000)


async def test_nothing_is_charged_where_no_provider_worked() -> None:
    world = World()
    exchange = admitted(grant())
    await world.reserved(exchange)
    assert await world.settled(exchange, Outcome.REFUSED) == (0, 0)
    exchange = admitted(grant())
    await world.reserved(exchange)
    call(exchange, Attempt("a", Reason.UPSTREAM_UNREACHABLE), Attempt("a", Reason.UPSTREAM_REJECTED))
    assert await world.settled(exchange, Outcome.FAILED) == (0, 0)


async def test_each_attempt_that_reached_a_provider_counts() -> None:
    world = World()
    world.targets = (target("a"), target("b"))
    world.price(a=DEAR, b=CHEAP)
    exchange = admitted(grant(), Ask("m", True, 100))
    bound = await world.reserved(exchange)
    call(exchange, Attempt("a", Reason.UPSTREAM_RESET), Attempt("b", "answered"), at=world.targets[1])
    exchange.usage = Usage(input=50, output=10)
    tokens, cost = await world.settled(exchange)
    assert (tokens, cost) == (LIKELY + 60, LIKELY * 10_000 + 50 * 1_000 + 10 * 2_000)
    assert tokens <= bound[0]
    assert cost <= bound[1]
    assert exchange.usage == Usage(input=50, output=10)


async def test_a_failed_attempt_without_a_stream_may_have_cost_an_answer() -> None:
    world = World()
    exchange = admitted(grant())
    await world.reserved(exchange)
    call(exchange, Attempt("a", Reason.UPSTREAM_TIMEOUT))
    assert await world.settled(exchange, Outcome.FAILED) == (LIKELY + 100, LIKELY * 1_000 + 100 * 2_000)
    assert exchange.usage == Usage(input=LIKELY, output=100, estimated=True)


@pytest.mark.parametrize(
    ("stream", "seen", "reported", "tokens"),
    [
        (True, 0, Usage(estimated=True), LIKELY),
        (True, 31, Usage(estimated=True), LIKELY + 11),
        (True, 10**9, Usage(estimated=True), LIKELY + 100),
        (True, 31, Usage(input=40, output=1), 40 + 11),
        (True, 31, Usage(input=40, output=90), 40 + 90),
        (False, 0, Usage(estimated=True), LIKELY + 100),
        (False, 31, Usage(estimated=True), LIKELY + 11),
        (False, 0, Usage(input=40, output=7), 47),
    ],
)
async def test_a_client_that_leaves_is_charged(stream: bool, seen: int, reported: Usage, tokens: int) -> None:
    world = World()
    exchange = admitted(grant(), Ask("m", stream, 100))
    await world.reserved(exchange)
    call(exchange, Attempt("a", "answered"), at=target("a"))
    exchange.answer_bytes, exchange.usage = seen, reported
    assert (await world.settled(exchange, Outcome.ABANDONED))[0] == tokens
    assert exchange.usage.total == tokens


async def test_a_call_that_was_cut_short_before_it_was_noted_is_charged() -> None:
    world = World()
    exchange = admitted(grant(), Ask("m", True, 100))
    await world.reserved(exchange)
    call(exchange)
    assert await world.settled(exchange, Outcome.ABANDONED) == (LIKELY, LIKELY * 1_000)


@pytest.mark.parametrize("reported", [Usage(input=10**12), Usage(input=-5, output=3), Usage(input=5, output=-3), Usage()])
async def test_absurd_or_missing_reports_are_replaced_by_an_estimate(reported: Usage) -> None:
    world = World()
    exchange = admitted(grant(), Ask("m", True, 100))
    await world.reserved(exchange)
    call(exchange, Attempt("a", "answered"), at=target("a"))
    exchange.usage = reported
    tokens, cost = await world.settled(exchange)
    assert (tokens, cost) == (LIKELY, LIKELY * 1_000)
    assert exchange.usage.estimated


async def test_a_report_above_the_reservation_is_charged_in_full() -> None:
    world = World()
    granted = limited(tokens=1_000)
    exchange = admitted(granted)
    await world.reserved(exchange)
    call(exchange, Attempt("a", "answered"), at=target("a"))
    exchange.usage = Usage(input=5_000, output=1)
    assert (await world.settled(exchange))[0] == 5_001
    assert await world.admit(admitted(granted, Ask("m", False, 1), body=b"")) is Reason.BUDGET_EXCEEDED


async def test_the_price_is_the_one_at_admission() -> None:
    world = World()
    exchange = admitted(grant())
    await world.reserved(exchange)
    world.price(a=DEAR)
    call(exchange, Attempt("a", "answered"), at=target("a"))
    exchange.usage = Usage(input=1)
    assert await world.settled(exchange) == (1, 1_000)


@pytest.mark.parametrize(
    ("document", "ask", "rate"),
    [
        ({}, Ask("m", False, 1), 1),
        ({"service_tier": "auto", "speed": "standard"}, Ask("m", False, 1), 1),
        ({}, Ask("m", False, 1, blobs=1), 2),
        ({"modalities": ["audio"]}, Ask("m", False, 1), 2),
        ({"service_tier": "priority"}, Ask("m", False, 1), 3),
        ({"service_tier": ["priority"]}, Ask("m", False, 1), 3),
        ({"speed": "fast"}, Ask("m", False, 1, blobs=1), 4),
    ],
)
async def test_what_a_request_asks_for_beyond_text_has_its_price(document: dict[str, object], ask: Ask, rate: int) -> None:
    world = World()
    names = ("plain", "media", "premium", "both")
    tiers = {
        name: [{"above": 0, "request": "0"} | dict.fromkeys(("input", "output", "cached", "cache_write"), str(n))]
        for n, name in enumerate(names, 1)
    }
    world.price(a=parse(tiers))
    exchange = admitted(grant(), ask, document=document)
    await world.reserved(exchange)
    call(exchange, Attempt("a", "answered"), at=target("a"))
    exchange.usage = Usage(input=1)
    assert await world.settled(exchange) == (1, rate * 1_000)


def frugal(over_budget: OverBudget, usd: Decimal = Decimal("0.000001")) -> Grant:
    """A key whose budget covers nothing that costs anything."""
    given = grant(Budget(KEY, Period.DAY, usd, None))
    return msgspec.structs.replace(given, use_case=msgspec.structs.replace(given.use_case, over_budget=over_budget))


async def test_beyond_its_budget_a_request_may_go_to_the_premises() -> None:
    world = World()
    local = msgspec.structs.replace(target("local"), place=Place.ON_PREM)
    world.targets = (target("a"), local)
    world.price(a=DEAR, local=flat(Decimal(0), Decimal(0)))
    refused = admitted(frugal(OverBudget.REFUSE))
    assert (await world.stage.admit(refused)).reason is Reason.BUDGET_EXCEEDED
    asked = admitted(frugal(OverBudget.ON_PREM))
    decision = await world.stage.admit(asked)
    assert (decision.verdict, decision.reason) == (Verdict.REROUTE, Reason.OVER_BUDGET)
    assert decision.detail == {"scope": KEY, "period": "day", "unit": "nano_usd"}
    assert asked.on_prem_only
    assert asked.reservation.nano_usd == 0


async def test_the_premises_are_no_way_around_a_budget_that_does_not_cover_them_either() -> None:
    world = World()
    world.targets = (target("a"), msgspec.structs.replace(target("local"), place=Place.ON_PREM))
    world.price(a=DEAR, local=CHEAP)
    assert (await world.stage.admit(admitted(frugal(OverBudget.ON_PREM)))).reason is Reason.BUDGET_EXCEEDED
    world.targets = (target("a"),)
    assert (await world.stage.admit(admitted(frugal(OverBudget.ON_PREM)))).reason is Reason.BUDGET_EXCEEDED


async def test_what_a_call_took_of_its_target_s_limits_is_settled_with_what_was_used() -> None:
    world = World()
    asked = admitted(grant())
    await world.stage.admit(asked)
    settled: list[int] = []
    asked.capacity = settled.append
    await world.settled(asked)
    assert settled == [0]


async def test_what_a_stored_answer_brings_along_is_reserved() -> None:
    world = World()
    alone, following = admitted(grant()), admitted(grant())
    following.kept = Kept("m", "p", "", 5_000)
    tokens, nano_usd = await world.reserved(alone)
    assert await world.reserved(following) == (tokens + 5_000, nano_usd + 5_000 * 1_000)
