"""Rate and budget: reserve now what the exchange can use at most, settle at its end what it did use.

Reserved are, for every target that may be tried, the tokens of the prompt, and the most tokens the answer may have; in
money, at the dearest target's price. Settled is what the provider reported; where it did not, an estimate (`_used`).
"""

import math
from collections.abc import Callable, Sequence

import msgspec

from sluicegate.core.decision import Decision, Reason, Verdict, deny
from sluicegate.core.dialect import Ask, DialectName
from sluicegate.core.errors import GatewayError
from sluicegate.core.exchange import Exchange, Outcome, Reservation
from sluicegate.core.identity import Grant
from sluicegate.core.provider import Target
from sluicegate.core.stage import Passive
from sluicegate.core.usage import Usage
from sluicegate.limits.budget import Claim, Exceeded, Ledger
from sluicegate.limits.prices import MEDIA, PREMIUM, Price, PriceBook
from sluicegate.limits.rate import Hold, Rates, Refusal
from sluicegate.settings import Limits

RESERVED = Decision(Verdict.ALLOW, Reason.RESERVED)
"""How much is in `exchange.reservation`."""

Targets = Callable[[str], Sequence[Target]]
"""The deployments that a model's name may reach; none where the name is unknown."""

TOOL_TOKENS = 1_024
"""Reserved where tools are declared, for the instructions that providers then add to the prompt by themselves."""
DENSE = 3
"""Bytes per token when a prompt or an answer has to be estimated: as in code or Chinese; English prose has more."""
SANE_TOKENS = 1_000_000_000
"""A provider that reports more than this in one exchange, or less than nothing, is not believed."""
UNBILLED = frozenset((Reason.UPSTREAM_UNREACHABLE, Reason.UPSTREAM_REJECTED, Reason.UPSTREAM_AUTH))
"""Results of attempts that made the provider generate nothing; every other attempt is charged."""
_STANDARD = (None, "auto", "default", "flex", "standard", "standard_only")
"""Service tiers and speeds that cost no more than the listed price."""


class Need(msgspec.Struct, frozen=True):
    """The most that one exchange can use."""

    tokens: int
    nano_usd: int
    likely_input: int
    """Tokens of the prompt, estimated."""
    output: int
    """Tokens of the answer, at most, for one attempt."""
    extras: int
    """MEDIA and PREMIUM, as the request asks."""
    prices: Sequence[tuple[str, Price]]
    """Every deployment the request may reach, with the price it has now."""


class Held(Reservation, frozen=True):
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
        grant = exchange.grant
        plan = self._ledger.plan(grant) or await self._ledger.open(grant)
        ask = exchange.ask
        need = self._need(exchange, grant, ask, self._targets(ask.model))
        if isinstance(need, Decision):
            return need
        # from here to the claim nothing is awaited
        hold = self._rates.admit(grant.key_id, grant.rate, need.tokens)
        if isinstance(hold, Refusal):
            self._tell(exchange, grant)
            return _rate_refused(exchange, hold)
        claim = self._ledger.reserve(plan, need.tokens, need.nano_usd)
        if isinstance(claim, Exceeded):
            if hold is not None:
                self._rates.release(hold)
                self._tell(exchange, grant)
            return _budget_refused(claim)
        exchange.reservation = Held(need.tokens, need.nano_usd, claim, hold, need)
        if hold is not None:
            self._tell(exchange, grant)
        return RESERVED

    async def settle(self, exchange: Exchange) -> None:
        """Settle to what was used; nothing where nothing was reserved. `exchange.usage` is completed by estimates."""
        held = exchange.__dict__.get("reservation")
        if held is None:
            exchange.cost = 0
            return
        assert isinstance(held, Held)
        tokens, nano_usd = _used(exchange, held.need)
        exchange.spend = self._ledger.settle(held.claim, tokens, nano_usd)
        if held.hold is not None:
            self._rates.settle(held.hold, tokens)
        exchange.cost = nano_usd

    def _need(self, exchange: Exchange, grant: Grant, ask: Ask, targets: Sequence[Target]) -> Need | Decision:
        """The upper bound; a refusal where a target has no price. An unknown model needs nothing: s5_route refuses it."""
        size = len(exchange.arrival.body) - ask.blob_bytes + _system_bytes(grant)
        extra = ask.blobs * self._blob_tokens + (TOOL_TOKENS if ask.tools or ask.features else 0)
        # JSON never writes a text in fewer bytes than it has, so the body bounds the prompt
        input = extra + (size if self._bytes_per_token == 1 else math.ceil(size / self._bytes_per_token))
        extras = _extras(exchange, ask)
        prices: list[tuple[str, Price]] = []
        most = dearest = 0
        for target in targets:
            price = self._prices.price(target, ask.model)
            if price is None:
                return deny(Reason.PRICE_UNKNOWN, deployment=target.deployment)
            prices.append((target.deployment, price))
            output = (target.max_output_tokens if ask.max_tokens is None else ask.max_tokens) * ask.choices
            if output > most:
                most = output
            cost = price.bound(input, output, extras)
            if cost > dearest:
                dearest = cost
        if not prices:
            return Need(0, 0, 0, 0, extras, ())
        likely = min(input, extra - (-size // DENSE))
        tokens, nano_usd = input + most, dearest
        if len(prices) > 1 < self._attempts:
            # an attempt that fails before the first event of a stream has cost its prompt; unstreamed, perhaps an answer
            more = min(self._attempts, len(prices)) - 1
            tokens += more * (input if ask.stream else input + most)
            lost = max(price.bound(input, 0, extras) for _, price in prices) if ask.stream else dearest
            nano_usd += more * lost
        return Need(tokens, nano_usd, likely, most, extras, prices)

    def _tell(self, exchange: Exchange, grant: Grant) -> None:
        """Put the key's rates into the response's headers."""
        anthropic = exchange.dialect.name is DialectName.ANTHROPIC_MESSAGES
        self._rates.tell(exchange.response_headers, grant.key_id, grant.rate, anthropic=anthropic)


def _rate_refused(exchange: Exchange, refusal: Refusal) -> Decision:
    wait = str(refusal.retry_after)
    if refusal.reason is Reason.OVERLOADED:
        message = "Too many virtual keys with rate limits are in use; try again shortly."
        raise GatewayError(Reason.OVERLOADED, message, headers={"retry-after": wait})
    exchange.response_headers["retry-after"] = wait
    return deny(
        refusal.reason, limit=refusal.limit, used=refusal.used, needed=refusal.needed, retry_after=refusal.retry_after
    )


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


def _system_bytes(grant: Grant) -> int:
    """The most bytes that the use case's own system prompt adds."""
    prompt = grant.use_case.system_prompt
    if prompt is None:
        return 0
    return len(prompt) if prompt.isascii() else 4 * len(prompt)


def _extras(exchange: Exchange, ask: Ask) -> int:
    """What the request asks for that may cost more than text by the standard tier."""
    document = exchange.document
    extras = MEDIA if ask.blobs or "modalities" in document or "audio" in document else 0
    if document.get("service_tier") not in _STANDARD or document.get("speed") not in _STANDARD:
        extras |= PREMIUM
    return extras


def _used(exchange: Exchange, need: Need) -> tuple[int, int]:
    """Tokens and nano-dollars that were used; 0 if nothing reached a provider.

    Each attempt that reached one counts. A failed one cost its prompt, and unstreamed perhaps a whole answer: nobody can
    say, so it is charged. The one that answered costs what was reported; where that is missing, incomplete (the client
    left, the answer broke off) or absurd, the estimated prompt and what was streamed.
    """
    if exchange.called is None or not need.prices:
        return 0, 0
    known = exchange.__dict__
    deployment = known["target"].deployment if "target" in known else ""
    if deployment and len(exchange.attempts) <= 1 and _credible(exchange):  # nearly all exchanges
        usage = exchange.usage
        return usage.total, _cost(need, deployment, usage)
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
    return not usage.estimated and usage.input > 0 and _complete(exchange) and _possible(usage)


def _complete(exchange: Exchange) -> bool:
    """Whether a report, if there was one, is of the whole answer: one that is not streamed comes in one piece."""
    return exchange.outcome is Outcome.ANSWERED or not exchange.ask.stream


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
        seen = -(-exchange.answer_bytes // DENSE)
        if not seen and not exchange.ask.stream:
            seen = need.output
        output = max(output, min(need.output, seen))
    return Usage(usage.input or need.likely_input, output, usage.cached, usage.cache_write, usage.reasoning, estimated=True)


def _cost(need: Need, deployment: str, usage: Usage) -> int:
    """At the price of the deployment when the exchange was admitted; at the dearest where it is not known which it was."""
    for name, price in need.prices:
        if name == deployment:
            return price.cost(usage, need.extras)
    return max(price.cost(usage, need.extras) for _, price in need.prices)
