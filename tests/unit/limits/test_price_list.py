from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.types import Usage as ListUsage

from sluicegate.core.usage import NANO, Unit, Usage
from sluicegate.limits.price_list import clause, find, listed
from sluicegate.limits.prices import MEDIA, PREMIUM, Catalogue, parse

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def prices(**rates: Any) -> ModelPrice:
    return ModelPrice(**{key: Decimal(value) if isinstance(value, str) else value for key, value in rates.items()})


def model(standard: Any, variants: list[PriceVariant] | None = None, name: str = "m") -> ModelInfo:
    return ModelInfo(id=name, match=ClauseEquals(name), prices=standard, price_variants=variants)


def cost(info: ModelInfo, usage: Usage, extras: int = 0) -> int:
    found = listed(info, NOW)
    assert found is not None
    return parse(found).cost(usage, extras)


def test_what_a_list_leaves_out_is_priced_as_its_whole() -> None:
    assert cost(model(prices(input_mtok="2")), Usage(input=3, cached=1, cache_write=1, output=1)) == 8_000
    assert listed(model(prices(output_mtok="2")), NOW) is None
    assert listed(model(prices(requests_kcount="2")), NOW) is None


def test_units_that_are_no_tokens() -> None:
    assert listed(model(prices(audio_hours="2", input_audio_hours="3")), NOW) == {"hour": "3"}
    found = listed(model(prices(input_mtok="2", input_mchars="15")), NOW)
    assert found is not None
    assert (found["characters"], parse(found).rates) == ("15", {Unit.CHARACTER: Decimal(15_000)})


def test_tiers_with_different_borders() -> None:
    rates = prices(
        input_mtok=TieredPrices(Decimal(1), [Tier(100, Decimal(2))]),
        output_mtok=TieredPrices(Decimal(5), [Tier(200, Decimal(6))]),
    )
    info = model(rates)
    assert cost(info, Usage(input=100, output=1)) == 105_000
    assert cost(info, Usage(input=200, output=1)) == 405_000
    assert cost(info, Usage(input=201, output=1)) == 408_000


def test_of_prices_by_date_the_one_in_force_and_those_to_come() -> None:
    def by_date(*starts: tuple[date | None, str]) -> ModelInfo:
        conditional = [
            ConditionalPrice(None if start is None else StartDateConstraint(start), prices=prices(input_mtok=rate))
            for start, rate in starts
        ]
        return model(conditional)

    assert cost(by_date((None, "9"), (date(2026, 1, 1), "2")), Usage(input=1)) == 2_000
    assert cost(by_date((None, "2"), (date(2027, 1, 1), "3")), Usage(input=1)) == 3_000
    assert cost(by_date((None, "3"), (date(2027, 1, 1), "2")), Usage(input=1)) == 3_000


def test_of_prices_by_time_of_day_the_dearest() -> None:
    night = TimeOfDateConstraint(time(0, tzinfo=UTC), time(6, tzinfo=UTC))
    info = model([ConditionalPrice(prices=prices(input_mtok="1")), ConditionalPrice(night, prices=prices(input_mtok="5"))])
    assert cost(info, Usage(input=1)) == 5_000


def test_media_and_service_tiers_have_their_own_prices() -> None:
    variants = [
        PriceVariant({"service_tier": "priority"}, prices(input_mtok="2")),
        PriceVariant({"processing": "batch"}, prices(input_mtok="0.5")),
    ]
    info = model(prices(input_mtok="1", input_audio_mtok="7"), variants)
    usage = Usage(input=1)
    assert [cost(info, usage, extras) for extras in (0, MEDIA, PREMIUM, MEDIA | PREMIUM)] == [1_000, 7_000, 2_000, 7_000]


def test_reasoning_and_long_lived_cache_writes_are_taken_at_their_highest() -> None:
    info = model(
        prices(input_mtok="1", output_mtok="2", output_reasoning_mtok="3", cache_write_1h_mtok="4", cache_write_mtok="2")
    )
    assert cost(info, Usage(input=1, cache_write=1, output=1)) == 4_000 + 3_000


def test_rules_survive_as_json() -> None:
    rule = ClauseOr(
        or_=[
            ClauseEquals("a"),
            ClauseAnd(and_=[ClauseStartsWith("b"), ClauseEndsWith("c")]),
            ClauseContains("d"),
            ClauseRegex("e+"),
        ]
    )
    assert clause(rule) == {
        "or": [
            {"equals": "a"},
            {"and": [{"starts_with": "b"}, {"ends_with": "c"}]},
            {"contains": "d"},
            {"regex": "e+"},
        ]
    }
    with pytest.raises(ValueError, match="object"):
        clause(object())


def snapshot() -> DataSnapshot:
    first = Provider("first", "First", r"https://api\.first\.test", models=[model(prices(input_mtok="1"))])
    second = Provider(
        "second",
        "Second",
        r"https://api\.second\.test",
        fallback_model_providers=["first"],
        models=[model(prices(input_mtok="2"), name="n")],
    )
    return DataSnapshot(providers=[first, second], from_auto_update=False)


def looked_up(preset: str | None, url: str, name: str) -> dict[str, Any] | None:
    return find(snapshot(), {"preset": preset, "url": url, "model": name}, NOW)


def test_a_provider_is_found_by_address_then_by_preset_never_by_model() -> None:
    def rate(found: dict[str, Any] | None) -> str | None:
        return None if found is None else found["plain"][0]["input"]

    assert rate(looked_up(None, "https://api.first.test/v1", "m")) == "1"
    assert rate(looked_up("second", "https://api.first.test/v1", "m")) == "1"
    assert rate(looked_up("second", "http://10.0.0.1", "n")) == "2"
    assert rate(looked_up("second", "http://10.0.0.1", "m")) == "1"
    assert looked_up(None, "http://10.0.0.1", "m") is None
    assert looked_up("first", "", "unheard-of") is None


def test_a_star_gives_the_whole_list() -> None:
    found = looked_up("second", "", "*")
    assert found is not None
    assert [entry["match"] for entry in found["models"]] == [{"equals": "n"}, {"equals": "m"}]


def test_our_prices_agree_with_the_library_for_the_vendors_we_serve() -> None:
    """For every model of the real list our cost is the library's, or above it where a highest price is taken."""
    data, usage = get_snapshot(), Usage(input=1_000, output=100, cached=300)
    theirs = ListUsage(input_tokens=1_000, output_tokens=100, cache_read_tokens=300)
    equal = compared = 0
    for provider in data.providers:
        if provider.id not in ("openai", "anthropic", "mistral", "deepseek", "groq", "google"):
            continue
        catalogue = find(data, {"preset": provider.id, "url": None, "model": "*"}, NOW)
        assert catalogue is not None
        whole = Catalogue([(entry["match"], parse(entry["price"])) for entry in catalogue["models"]])
        for info in provider.models:
            found = listed(info, NOW)
            standard = info.get_prices(NOW)
            if found is None or standard.output_mtok is None or standard.requests_kcount is not None:
                continue
            expected = standard.calc_price(theirs)["total_price"] * NANO
            compared += 1
            assert parse(found).cost(usage) >= expected
            equal += parse(found).cost(usage) == -(-expected // 1)
            assert whole.find(info.id) is not None or not info.is_match(info.id)
    assert compared > 150
    assert equal / compared > 0.95
