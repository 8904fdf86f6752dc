"""Prices: from tokens by kind to nano-dollars, exactly, rounded up once.

A price comes from the deployment itself, else from the price list (`limits/listing.py`); where neither knows one, the
settings say whether the call is refused or charged at a ceiling. Zero is only ever charged where somebody wrote zero.
"""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from sluicegate.core.provider import Target
from sluicegate.core.usage import NANO, Unit, Usage

MEDIA = 1
"""The request carries images, sound or files, or asks for them."""
PREMIUM = 2
"""The request asks for a service tier that may cost more."""

_MILLION = 1_000_000
_SCHEDULES = ("plain", "media", "premium", "both")
_KINDS = ("input", "output", "cached", "cache_write", "request")
_UNITS = {
    "image": (Unit.IMAGE, 1),
    "characters": (Unit.CHARACTER, 1_000_000),
    "minute": (Unit.SECOND, 60),
    "hour": (Unit.SECOND, 3_600),
}
"""What a price may say beside tokens (`objects.PriceSpec`, `limits/price_list.py`), and for how many units at once."""
REMEMBERED = 4_096
"""Names asked for whose prices are remembered; beyond it they are found anew."""


class Tier(msgspec.Struct, frozen=True, gc=False):
    """Rates that hold when a request has more than `above` input tokens, in whole units of its price's `scale`."""

    above: int
    input: int
    output: int
    cached: int
    cache_write: int
    request: int
    """Per request, whatever its tokens."""
    most_input: int
    """The dearest kind of input token in this tier and those below."""
    most_output: int
    most_request: int


class Price(msgspec.Struct, frozen=True):
    """What one deployment's tokens cost. A rate divided by `scale` is nano-dollars per token."""

    scale: int
    schedules: tuple[tuple[Tier, ...], ...]
    """Four lists of ascending tiers, by MEDIA and PREMIUM; none where tokens have no price."""
    rates: Mapping[Unit, Decimal] = {}
    """What other units cost, nano-dollars for each."""

    def cost(self, usage: Usage, extras: int = 0) -> int:
        """Nano-dollars for `usage`, rounded up."""
        tiers = self.schedules[extras]
        rates = tiers[0]
        if len(tiers) > 1:
            for tier in tiers:
                if usage.input > tier.above:
                    rates = tier
        plain, cached, cache_write = usage.input, usage.cached, usage.cache_write
        total = usage.output * rates.output + rates.request
        if cached or cache_write:
            plain -= cached + cache_write
            total += cached * rates.cached + cache_write * rates.cache_write
        if plain > 0:  # parts above their whole: each part is charged all the same
            total += plain * rates.input
        return -(-total // self.scale)

    def bound(self, input: int, output: int, extras: int = 0) -> int:
        """The most nano-dollars that a request of at most `input` and `output` tokens can cost, whatever their kinds."""
        tiers = self.schedules[extras]
        rates = tiers[0]
        if len(tiers) > 1:
            for tier in tiers:
                if input > tier.above:
                    rates = tier
        return -(-(input * rates.most_input + output * rates.most_output + rates.most_request) // self.scale)


class Counted(Price, frozen=True, kw_only=True):
    """The price of one request that is charged by units, whatever its tokens."""

    rate: Decimal
    most: int
    """How many units at most."""

    def cost(self, usage: Usage, extras: int = 0) -> int:  # noqa: ARG002
        """Nano-dollars for the units that were reported, or for the most there can have been."""
        return math.ceil((usage.units or self.most) * self.rate)

    def bound(self, input: int, output: int, extras: int = 0) -> int:  # noqa: ARG002
        """See `Price.bound`."""
        return math.ceil(self.most * self.rate)


class Catalogue:
    """A provider's whole price list, for a deployment that passes on any name."""

    def __init__(self, models: Sequence[tuple[Mapping[str, Any], Price]]) -> None:
        self._models = models

    def find(self, model: str) -> Price | None:
        """The price of the first model that matches."""
        return next((price for rule, price in self._models if matches(rule, model.lower())), None)


class Offer(NamedTuple):
    """What a deployment that a model's name may reach costs, and how long its answers may be."""

    deployment: str
    price: Price
    max_output_tokens: int


class Quote(NamedTuple):
    """The prices of one model's deployments, found once for the targets it stands for."""

    targets: Sequence[Target]
    offers: tuple[Offer, ...]
    unknown: str | None
    """The first deployment whose price is unknown and must not be guessed; None if there is none."""


class PriceBook:
    """The price of every deployment, looked up at start and when one changes; `ceiling` stands in for unknown ones."""

    def __init__(self, ceiling: Price | None = None) -> None:
        self._ceiling = ceiling
        self._by_deployment: Mapping[str, Price | Catalogue] = {}
        self._offered: Mapping[str, Price] = {}
        self._quotes: dict[str, Quote] = {}

    def offer(self, prices: Mapping[str, Price]) -> None:
        """Take the prices of deployments that are in no table."""
        self._offered = prices
        self._quotes = {}

    def replace(self, prices: Mapping[str, Price | Catalogue]) -> None:
        """Take new prices by deployment; what is not among them is unknown."""
        self._by_deployment = prices
        self._quotes = {}

    def quote(self, targets: Sequence[Target], model: str) -> Quote:
        """The prices of `targets` when a client asks for `model`; remembered while these are the model's targets."""
        quote = self._quotes.get(model)
        if quote is None or quote[0] is not targets:
            quote = self._quote(targets, model)
            if len(self._quotes) >= REMEMBERED:
                self._quotes.clear()
            if targets:
                self._quotes[model] = quote
        return quote

    def counted(self, targets: Sequence[Target], model: str, unit: Unit, most: int) -> Quote:
        """The prices for one request of at most so many of `unit`: by tokens where a deployment has no price for those."""
        offers: list[Offer] = []
        for target in targets:
            found = self._known(target, model)
            price = self.price(target, model)
            if found is not None and unit in found.rates:
                price = Counted(found.scale, found.schedules, rate=found.rates[unit], most=most)
            if price is None:
                return Quote(targets, (), target.deployment)
            offers.append(Offer(target.deployment, price, target.max_output_tokens))
        return Quote(targets, tuple(offers), None)

    def price(self, target: Target, model: str) -> Price | None:
        """The price of `target` when a client asks for `model`; None where it is unknown and must not be guessed."""
        price = self._known(target, model)
        return self._ceiling if price is None or not price.schedules else price

    def _known(self, target: Target, model: str) -> Price | None:
        """What is known of a price; tokens may have none."""
        price = self._by_deployment.get(target.deployment)
        if isinstance(price, Catalogue):
            price = price.find(model if target.upstream_model == "*" else target.upstream_model)
        elif price is None:
            price = self._offered.get(target.deployment)
        return price

    def typical(self, target: Target) -> int:
        """Nano-dollars for 1,000 tokens in and 1,000 out at `target`; 0 where no price is known."""
        price = self.price(target, target.model)
        return 0 if price is None else price.bound(1_000, 1_000)

    def _quote(self, targets: Sequence[Target], model: str) -> Quote:
        offers: list[Offer] = []
        for target in targets:
            price = self.price(target, model)
            if price is None:
                return Quote(targets, (), target.deployment)
            offers.append(Offer(target.deployment, price, target.max_output_tokens))
        return Quote(targets, tuple(offers), None)


def matches(rule: Mapping[str, Any], text: str) -> bool:
    """Whether a rule of the price list (see `limits/price_list.py`) matches `text`, which is in lower case."""
    [(name, value)] = rule.items()
    match name:
        case "or":
            return any(matches(part, text) for part in value)
        case "and":
            return all(matches(part, text) for part in value)
        case "regex":
            return re.search(value, text) is not None
        case "equals":
            return text == str(value).lower()
        case "starts_with":
            return text.startswith(value.lower())
        case "ends_with":
            return text.endswith(value.lower())
        case "contains":
            return value.lower() in text
    raise ValueError(f"unknown matching rule {name}")


def flat(input: Decimal, output: Decimal, cached: Decimal | None = None, cache_write: Decimal | None = None) -> Price:
    """A price without tiers, in USD per million tokens; what is not given is priced as input."""
    rates = {"above": 0, "input": input, "output": output, "request": Decimal(0)}
    rates |= {"cached": input if cached is None else cached, "cache_write": input if cache_write is None else cache_write}
    return parse({"plain": [rates]})


def own(spec: Mapping[str, Any]) -> Price:
    """The price in a deployment's row: a PriceSpec as JSON."""
    given = {kind: Decimal(str(spec[kind])) for kind in _KINDS if spec.get(kind) is not None}
    price = flat(given["input"], given["output"], given.get("cached"), given.get("cache_write"))
    return msgspec.structs.replace(price, rates=_rates(spec))


def parse(listed: Mapping[str, Any]) -> Price:
    """A price from the price list's JSON (see `limits/price_list.py`)."""
    rates = _rates(listed)
    if "plain" not in listed:
        return Price(1, (), rates)
    schedules = [[_exact(tier) for tier in listed.get(name) or listed["plain"]] for name in _SCHEDULES]
    places = max(
        -int(value.normalize().as_tuple().exponent) for schedule in schedules for _, rates in schedule for value in rates
    )
    scale = 10 ** max(places, 0)
    return Price(scale, tuple(tuple(_ascending(schedule, scale)) for schedule in schedules), rates)


def _rates(spec: Mapping[str, Any]) -> Mapping[Unit, Decimal]:
    """What a price says beside tokens, in nano-dollars for each unit."""
    said = ((name, unit, many) for name, (unit, many) in _UNITS.items() if spec.get(name) is not None)
    return {unit: Decimal(str(spec[name])) * NANO / many for name, unit, many in said}


def _exact(tier: Mapping[str, Any]) -> tuple[int, list[Decimal]]:
    """A tier's rates in nano-dollars per token (and per request), still with decimals."""
    per_token = NANO / _MILLION
    rates = [Decimal(str(tier[kind])) * per_token for kind in _KINDS]
    rates[-1] = rates[-1] * _MILLION / 1_000  # requests are priced by the thousand
    return int(tier["above"]), rates


def _ascending(schedule: Sequence[tuple[int, list[Decimal]]], scale: int) -> list[Tier]:
    tiers: list[Tier] = []
    most_input = most_output = most_request = 0
    for above, rates in schedule:
        input, output, cached, cache_write, request = (int(rate * scale) for rate in rates)
        most_input = max(most_input, input, cached, cache_write)
        most_output = max(most_output, output)
        most_request = max(most_request, request)
        tiers.append(Tier(above, input, output, cached, cache_write, request, most_input, most_output, most_request))
    return tiers
