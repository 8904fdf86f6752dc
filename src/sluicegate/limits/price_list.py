"""A short-lived process that looks prices up in genai-prices: `python -m sluicegate.limits.price_list`.

The list takes about 40 MB and most of a second to load, so the server never imports it. JSON comes in on standard input,
`{"wanted": [{"preset": …, "url": …, "model": …}]}`, and goes out on standard output, `{"prices": […]}`, one for each, null
where the list knows none. A price is `{"plain": […], "media": […], "premium": […], "both": […]}`: ascending tiers
`{"above": tokens, "input": …, "output": …, "cached": …, "cache_write": …, "request": …}` in USD per million tokens
(`request`: per thousand requests), decimals as strings. For the model `*` it is `{"models": [{"match": …, "price": …}]}`:
the provider's whole list, in the order in which it matches. `characters` (USD per million) and `hour` (USD per hour of
sound) stand beside or in place of the tiers where the list has such prices.

What these shapes cannot say is given at its highest, so that nobody is charged too little: of prices by time of day and of
announced changes the dearest that may still come; cache writes at the dearest time to live; reasoning at its own price where
that is above the output's. `media` is for requests with images, sound or files, `premium` for service tiers that cost more.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, StartDateConstraint, TieredPrices

Listed = dict[str, Any]
Keys = dict[str, Decimal | TieredPrices]
"""The library's prices by its own keys (`input_mtok`, …)."""

_MEDIA = ("audio", "image", "video")
_BY_REQUEST = ("service_tier", "speed", "processing")
"""What a variant may depend on that a request says; other variants are taken as if they always held."""
_UNITS = {"input_mchars": "characters", "audio_hours": "hour", "input_audio_hours": "hour"}
"""The library's prices that are not of tokens, and what we call them."""
_KINDS = ("input", "output", "cached", "cache_write", "request")


def find(snapshot: DataSnapshot, wanted: Listed, now: datetime) -> Listed | None:
    """One look-up: the provider by its address, else by its preset, never by the model's name alone."""
    provider = _provider(snapshot, wanted.get("url"), wanted.get("preset"))
    if provider is None:
        return None
    if wanted["model"] == "*":
        models = [
            {"match": clause(model.match), "price": price}
            for model in _models(snapshot, provider)
            if (price := listed(model, now)) is not None
        ]
        return {"models": models}
    found = provider.find_model(wanted["model"], all_providers=snapshot.providers)
    return None if found is None else listed(found, now)


def listed(model: ModelInfo, now: datetime) -> Listed | None:
    """A model's price in our shape; None where nothing has one."""
    standard, premium = _possible(model, now)
    prices: Listed = _units(standard + premium)
    for name, possible, media in (
        ("plain", standard, False),
        ("media", standard, True),
        ("premium", premium, False),
        ("both", premium, True),
    ):
        tiers = _tiers(possible, media=media)
        if tiers is None:
            break
        prices[name] = tiers
    return prices or None


def _units(possible: Sequence[Keys]) -> Listed:
    """The dearest price of each unit that is no token."""
    found: dict[str, Decimal] = {}
    for keys in possible:
        for key, name in _UNITS.items():
            if key in keys:
                found[name] = max(found.get(name, Decimal(0)), _at(keys[key], 0))
    return {name: str(price) for name, price in found.items()}


def clause(match: Any) -> Listed:
    """A matching rule as JSON: `{"starts_with": …}`, `{"or": […]}` and so on."""
    for name in ("or", "and"):
        parts = getattr(match, f"{name}_", None)
        if parts is not None:
            return {name: [clause(part) for part in parts]}
    for name in ("starts_with", "ends_with", "contains", "equals", "regex"):
        text = getattr(match, name, None)
        if text is not None:
            return {name: text}
    raise ValueError(f"unknown matching rule {type(match).__name__}")


def _provider(snapshot: DataSnapshot, url: str | None, preset: str | None) -> Provider | None:
    for by_preset, by_url in ((None, url), (preset, None)):
        if by_preset or by_url:
            try:
                return snapshot.find_provider(None, by_preset, by_url)
            except LookupError:
                continue
    return None


def _models(snapshot: DataSnapshot, provider: Provider) -> Iterator[ModelInfo]:
    yield from provider.models
    by_id = {other.id: other for other in snapshot.providers}
    for name in provider.fallback_model_providers or ():
        if name in by_id:
            yield from by_id[name].models


def _possible(model: ModelInfo, now: datetime) -> tuple[list[Keys], list[Keys]]:
    """Every set of prices that may hold from now on: by standard, and with what a request can ask for."""
    standard = [_keys(prices) for prices in _from_now(model, now)]
    variants = model.price_variants or []
    always = [v for v in variants if not any(key in _BY_REQUEST for key in v.when)]
    standard += [keys | _keys(v.prices) for keys in standard for v in always]
    premium = standard + [keys | _keys(v.prices) for keys in standard for v in variants]
    return standard, premium


def _from_now(model: ModelInfo, now: datetime) -> list[ModelPrice]:
    """The conditional prices that hold now or may later: the library takes the last one whose condition is met."""
    if isinstance(model.prices, ModelPrice):
        return [model.prices]
    found = []
    for conditional in reversed(model.prices):
        found.append(conditional.prices)
        constraint = conditional.constraint
        if constraint is None or (isinstance(constraint, StartDateConstraint) and constraint.active(now)):
            break
    return found


def _keys(prices: ModelPrice) -> Keys:
    return {key: value for key, value in vars(prices).items() if value is not None and not key.startswith("_")}


def _kind(key: str) -> str | None:
    """Which of our kinds a price of the library belongs to."""
    if key == "requests_kcount":
        return "request"
    if not key.endswith("_mtok"):
        return None
    if "cache" in key:
        return "cached" if "read" in key else "cache_write"
    return "output" if key.startswith("output") else "input"


def _tiers(possible: Sequence[Keys], *, media: bool) -> list[Listed] | None:
    """The dearest of every set, kind by kind, at every border of a tier."""
    starts = {0}
    for keys in possible:
        for value in keys.values():
            if isinstance(value, TieredPrices):
                starts.update(tier.start for tier in value.tiers)
    tiers = []
    for start in sorted(starts):
        sets = [_rates(keys, start, media=media) for keys in possible]
        if any(rates is None for rates in sets):
            return None
        dearest = {kind: max(rates[kind] for rates in sets if rates is not None) for kind in _KINDS}
        tiers.append({"above": start} | {kind: str(value) for kind, value in dearest.items()})
    return tiers


def _rates(keys: Keys, start: int, *, media: bool) -> dict[str, Decimal] | None:
    found: dict[str, Decimal] = {}
    for key, value in keys.items():
        kind = _kind(key)
        if kind is None or (not media and any(part in key for part in _MEDIA)):
            continue
        found[kind] = max(found.get(kind, Decimal(0)), _at(value, start))
    if "input" not in found:
        return None
    whole = found["input"]
    # a list that names no price of output (embeddings) does not mean that text written by the model is free
    return {"output": whole, "cached": whole, "cache_write": whole, "request": Decimal(0)} | found


def _at(value: Decimal | TieredPrices, start: int) -> Decimal:
    """The price that holds above `start` input tokens; a tier holds for all tokens of the request."""
    if not isinstance(value, TieredPrices):
        return value
    price = value.base
    for tier in value.tiers:
        if 0 < tier.start <= start:
            price = tier.price
    return price


def main() -> None:
    """Answer one question and end."""
    question = json.load(sys.stdin)
    snapshot, now = get_snapshot(), datetime.now(tz=UTC)
    json.dump({"prices": [find(snapshot, wanted, now) for wanted in question["wanted"]]}, sys.stdout)


if __name__ == "__main__":
    main()
