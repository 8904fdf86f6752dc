"""Rate and budget: reserve now what the exchange can use at most, settle at its end what it did use.

Reserved are, for every target that may be tried, the tokens of the prompt, and the most tokens the answer may have; in
money, at the dearest target's price. Settled is what the provider reported; where it did not, an estimate (`_used`).
"""

import math
from collections.abc import Callable, Sequence

import msgspec

from sluicegate.core.decision import Decision, Reason, Verdict, deny
from sluicegate.core.dialect import Ask, DialectName, Json
from sluicegate.core.errors import GatewayError
from sluicegate.core.exchange import Exchange, Outcome, Reservation
from sluicegate.core.identity import Grant, OverBudget
from sluicegate.core.provider import Place, Target
from sluicegate.core.stage import Passive
from sluicegate.core.usage import Unit, Usage
from sluicegate.limits.budget import Claim, Exceeded, Ledger
from sluicegate.limits.prices import MEDIA, PREMIUM, Offer, PriceBook, Quote
from sluicegate.limits.rate import Hold, Rates, Refusal
from sluicegate.settings import Limits

ANSWERED = Outcome.ANSWERED
ANTHROPIC = frozenset((DialectName.ANTHROPIC_MESSAGES, DialectName.ANTHROPIC_COUNT_TOKENS, DialectName.ANTHROPIC_MODELS))
"""Dialects whose clients read Anthropic's headers."""

NOTHING = Quote((), (), None)
"""The prices of what nobody charges for."""
RESERVED = Decision(Verdict.ALLOW, Reason.RESERVED)
"""How much is in `exchange.reservation`."""

Targets = Callable[[str], Sequence[Target]]
"""The deployments that a model's name may reach; none where the name is unknown."""

TOOL_TOKENS = 1_024
"""Reserved where tools are declared, for the instructions that providers then add to the prompt by themselves."""
DENSE = 3
"""Bytes per token when a prompt or an answer has to be estimated: as in code or Chinese; English prose has more."""
DENSITY = {DialectName.OPENAI_SPEECH: 64}
"""The same for answers that are no text: sound at 16 kbit/s has so many bytes for each of the 21 tokens a second."""
SANE_TOKENS = 1_000_000_000
"""A provider that reports more than this in one exchange, or less than nothing, is not believed."""
UNBILLED = frozenset((Reason.UPSTREAM_UNREACHABLE, Reason.UPSTREAM_REJECTED, Reason.UPSTREAM_AUTH))
"""Results of attempts that made the provider generate nothing; every other attempt is charged."""
_STANDARD = (None, "auto", "default", "flex", "standard", "standard_only")
"""Service tiers and speeds that cost no more than the listed price."""
_PRICED = frozenset(("modalities", "audio", "service_tier", "speed"))
"""What a request may say that can cost more than text by the standard tier."""


class Need(msgspec.Struct, frozen=True, gc=False):
    """The most that one exchange can use."""

    tokens: int
    nano_usd: int
    likely_input: int
    """Tokens of the prompt, estimated."""
    output: int
    """Tokens of the answer, at most, for one attempt."""
    extras: int
    """MEDIA and PREMIUM, as the request asks."""
    offers: Sequence[Offer]
    """Every deployment the request may reach, with the price it has now."""


class Held(Reservation, frozen=True, gc=False):
    """A reservation, with what its settlement needs."""

    claim: Claim
    hold: Hold | None
    need: Need


class Limit(Passive):
    """Refuses what would pass a rate (429), a budget (402), or has no price (503)."""

    name = "s3_limit"

    def __init__(
        self, rates: Rates, ledger: Ledger, prices: PriceBook, targets: Targets, limits: Limits, attempts: int
    ) -> None:
        """`attempts` is `upstream.attempts`: how many targets one exchange may try."""
        self._rates = rates
        self._ledger = ledger
        self._prices = prices
        self._targets = targets
        self._bytes_per_token = limits.bytes_per_token
        self._blob_tokens = limits.blob_tokens
        self._attempts = attempts

    async def admit(self, exchange: Exchange) -> Decision:
        """Reserve, all or nothing. Database errors while spending is loaded go up: without it nothing is decided."""
        known = exchange.__dict__  # past the descriptors: this is read in every exchange, and all of it is there
        grant: Grant = known["grant"]
        ask: Ask = known["ask"]
        plan = self._ledger.plan(grant) or await self._ledger.open(grant)
        quote = self._quote(ask) if ask.unit else self._prices.quote(self._targets(ask.model), ask.model)
        if quote.unknown is not None:
            return deny(Reason.PRICE_UNKNOWN, deployment=quote.unknown)
        need = self._need(exchange, grant, ask, quote.offers)
        # from here to the claim nothing is awaited
        hold = self._rates.admit(grant.key_id, grant.rate, need.tokens)
        anthropic = exchange.dialect.name in ANTHROPIC
        if isinstance(hold, Refusal):
            self._rates.tell(exchange.response_headers, grant.key_id, grant.rate, anthropic=anthropic)
            return _rate_refused(exchange, hold)
        claim, decision = self._ledger.reserve(plan, need.tokens, need.nano_usd), RESERVED
        if isinstance(claim, Exceeded) and grant.use_case.over_budget is OverBudget.ON_PREM:
            confined = self._confined(exchange, grant, ask)
            if confined is not None:
                need, decision = confined, _over_budget(claim)
                claim = self._ledger.reserve(plan, need.tokens, need.nano_usd)
        if isinstance(claim, Exceeded):
            if hold is not None:
                self._rates.release(hold)
                self._rates.tell_held(exchange.response_headers, hold, grant.rate, anthropic=anthropic)
            return _budget_refused(claim)
        exchange.reservation = Held(need.tokens, need.nano_usd, need.likely_input, claim, hold, need)
        if decision is not RESERVED:
            exchange.on_prem_only = True
        if hold is not None:
            self._rates.tell_held(exchange.response_headers, hold, grant.rate, anthropic=anthropic)
        return decision

    def _quote(self, ask: Ask) -> Quote:
        """The prices of what is not charged by tokens, or not at all."""
        if ask.unit is None or ask.unit is Unit.NOTHING:
            return NOTHING
        return self._prices.counted(self._targets(ask.model), ask.model, ask.unit, ask.units)

    def likely_input(self, exchange: Exchange) -> int:
        """Tokens of the prompt, estimated."""
        return self._prompt(exchange, exchange.grant, exchange.ask)[1]

    async def settle(self, exchange: Exchange) -> None:
        """Settle to what was used; nothing where nothing was reserved. `exchange.usage` is completed by estimates."""
        held: Held | None = exchange.__dict__.get("reservation")
        if held is None:
            exchange.cost = 0
            return
        tokens, nano_usd = _used(exchange, held.need)
        exchange.spend = self._ledger.settle(held.claim, tokens, nano_usd)
        if held.hold is not None:
            self._rates.settle(held.hold, tokens)
        if exchange.capacity is not None:
            exchange.capacity(tokens)
        exchange.cost = nano_usd

    def _confined(self, exchange: Exchange, grant: Grant, ask: Ask) -> Need | None:
        """What the request needs where it may reach the premises alone; None where the model has no deployment there."""
        local = [target for target in self._targets(ask.model) if target.place is Place.ON_PREM]
        offers = [(target, self._prices.price(target, ask.model)) for target in local]
        known = [Offer(target.deployment, price, target.max_output_tokens) for target, price in offers if price is not None]
        if not known or len(known) < len(offers):
            return None
        return self._need(exchange, grant, ask, known)

    def _need(self, exchange: Exchange, grant: Grant, ask: Ask, offers: Sequence[Offer]) -> Need:
        """The upper bound. An unknown model needs nothing: s5_route refuses it."""
        document = exchange.__dict__["document"]
        extras = 0 if _PRICED.isdisjoint(document) and not ask.blobs else _extras(document, ask)
        if not offers:
            return Need(0, 0, 0, 0, extras, ())
        input, likely = self._prompt(exchange, grant, ask)
        most = dearest = 0
        asked, choices = ask.max_tokens, ask.choices
        for _, price, max_output_tokens in offers:
            output = (max_output_tokens if asked is None else asked) * choices
            if output > most:
                most = output
            cost = price.bound(input, output, extras)
            if cost > dearest:
                dearest = cost
        tokens, nano_usd = input + most, dearest
        if len(offers) > 1 < self._attempts:
            # an attempt that fails before the first event of a stream has cost its prompt; unstreamed, perhaps an answer
            more = min(self._attempts, len(offers)) - 1
            tokens += more * (input if ask.stream else input + most)
            lost = max(offer.price.bound(input, 0, extras) for offer in offers) if ask.stream else dearest
            nano_usd += more * lost
        return Need(tokens, nano_usd, likely, most, extras, offers)

    def _prompt(self, exchange: Exchange, grant: Grant, ask: Ask) -> tuple[int, int]:
        """Tokens of the prompt, with what a stored answer brings along: the most there can be, and how many are likely."""
        size = len(exchange.arrival.body) - ask.blob_bytes
        if (prompt := grant.use_case.system_prompt) is not None:
            # the most bytes that the use case's own adds
            size += len(prompt) if prompt.isascii() else 4 * len(prompt)
        extra = ask.blobs * self._blob_tokens + (TOOL_TOKENS if ask.tools or ask.features else 0)
        # JSON never writes a text in fewer bytes than it has, so the body bounds the prompt
        input = extra + (size if self._bytes_per_token == 1 else math.ceil(size / self._bytes_per_token))
        likely = min(extra - (-size // DENSE), input)
        if (kept := exchange.kept) is not None:
            return input + kept.tokens, likely + kept.tokens
        return input, likely


def _rate_refused(exchange: Exchange, refusal: Refusal) -> Decision:
    wait = str(refusal.retry_after)
    if refusal.reason is Reason.OVERLOADED:
        message = "Too many virtual keys with rate limits are in use; try again shortly."
        raise GatewayError(Reason.OVERLOADED, message, headers={"retry-after": wait})
    exchange.response_headers["retry-after"] = wait
    return deny(
        refusal.reason, limit=refusal.limit, used=refusal.used, needed=refusal.needed, retry_after=refusal.retry_after
    )


def _over_budget(exceeded: Exceeded) -> Decision:
    detail = {"scope": exceeded.scope, "period": exceeded.period.value, "unit": exceeded.unit}
    return Decision(Verdict.REROUTE, Reason.OVER_BUDGET, detail)


def _budget_refused(exceeded: Exceeded) -> Decision:
    return deny(
        Reason.BUDGET_EXCEEDED,
        scope=exceeded.scope,
        period=exceeded.period,
        unit=exceeded.unit,
        limit=exceeded.limit,
        used=exceeded.used,
        needed=exceeded.needed,
    )


def _extras(document: Json, ask: Ask) -> int:
    """What the request asks for that may cost more than text by the standard tier."""
    extras = MEDIA if ask.blobs or ask.media or "modalities" in document or "audio" in document else 0
    if ask.premium or document.get("service_tier") not in _STANDARD or document.get("speed") not in _STANDARD:
        extras |= PREMIUM
    return extras


def _used(exchange: Exchange, need: Need) -> tuple[int, int]:
    """Tokens and nano-dollars that were used; 0 if nothing reached a provider.

    Each attempt that reached one counts. A failed one cost its prompt, and unstreamed perhaps a whole answer: nobody can
    say, so it is charged. The one that answered costs what was reported; where that is missing, incomplete (the client
    left, the answer broke off) or absurd, the estimated prompt and what was streamed.
    """
    if exchange.called is None or not need.offers or exchange.ask.unit is Unit.NOTHING:
        return 0, 0
    target: Target | None = exchange.__dict__.get("target")
    deployment = "" if target is None else target.deployment
    if deployment and len(exchange.attempts) <= 1 and _credible(exchange):  # nearly all exchanges
        usage = exchange.usage
        first, price, _ = need.offers[0]
        cost = price.cost(usage, need.extras) if first == deployment else _cost(need, deployment, usage)
        return usage.input + usage.output, cost
    output = 0 if exchange.ask.stream else need.output
    lost = Usage(need.likely_input, output, estimated=True)
    tokens = nano_usd = 0
    # a call that no attempt was noted for may have reached a provider all the same
    last = bool(deployment) or not exchange.attempts
    for attempt in exchange.attempts:
        if attempt.result == "answered":
            last = True
        elif attempt.result not in UNBILLED and attempt.deployment != deployment:
            tokens += lost.total
            nano_usd += _cost(need, attempt.deployment, lost)
    if last:
        usage = _usage(exchange, need)
        exchange.usage = usage
        tokens += usage.total
        nano_usd += _cost(need, deployment, usage)
    elif tokens:
        exchange.usage = Usage(need.likely_input, tokens - need.likely_input, estimated=True)
    return tokens, nano_usd


def _credible(exchange: Exchange) -> bool:
    """Whether the provider's report can stand: complete, and possible."""
    usage = exchange.usage
    return not usage.estimated and usage.input > 0 and _possible(usage) and _complete(exchange)


def _complete(exchange: Exchange) -> bool:
    """Whether a report, if there was one, is of the whole answer: one that is not streamed comes in one piece."""
    return exchange.__dict__["outcome"] is ANSWERED or not exchange.ask.stream


def _possible(usage: Usage) -> bool:
    return (
        0 <= usage.input <= SANE_TOKENS
        and 0 <= usage.output <= SANE_TOKENS
        and 0 <= usage.cached <= SANE_TOKENS
        and 0 <= usage.cache_write <= SANE_TOKENS
        and usage.reasoning >= 0
    )


def _usage(exchange: Exchange, need: Need) -> Usage:
    """What the provider reported, or an estimate of what it did not."""
    if _credible(exchange):
        return exchange.usage
    usage = exchange.usage if _possible(exchange.usage) else Usage(estimated=True)
    output = usage.output
    if usage.estimated or not _complete(exchange):
        seen = -(-exchange.answer_bytes // DENSITY.get(exchange.dialect.name, DENSE))
        if not seen and not exchange.ask.stream:
            seen = need.output
        output = max(output, min(need.output, seen))
    input = usage.input or need.likely_input
    return Usage(input, output, usage.cached, usage.cache_write, usage.reasoning, estimated=True, units=exchange.usage.units)


def _cost(need: Need, deployment: str, usage: Usage) -> int:
    """At the price of the deployment when the exchange was admitted; at the dearest where it is not known which it was."""
    for name, price, _ in need.offers:
        if name == deployment:
            return price.cost(usage, need.extras)
    return max(offer.price.cost(usage, need.extras) for offer in need.offers)
