from decimal import Decimal

import pytest

from sluicegate.core.usage import Unit, Usage
from sluicegate.limits import prices
from sluicegate.limits.prices import MEDIA, PREMIUM, Catalogue, PriceBook, flat, matches, own, parse
from tests.support.exchanges import target


def tier(above: int, **rates: str) -> dict[str, object]:
    return {"above": above, "request": "0"} | rates


TIERED = parse(
    {
        "plain": [
            tier(0, input="3", output="15", cached="0.3", cache_write="6"),
            tier(200_000, input="6", output="22.5", cached="0.6", cache_write="12"),
        ],
        "premium": [tier(0, input="30", output="150", cached="3", cache_write="60")],
    }
)


def test_kinds_are_priced_apart_and_exactly() -> None:
    usage = Usage(input=1_000, output=10, cached=600, cache_write=100, reasoning=5)
    assert TIERED.cost(usage) == 300 * 3_000 + 600 * 300 + 100 * 6_000 + 10 * 15_000


def test_a_tier_holds_for_all_tokens_above_its_border() -> None:
    assert TIERED.cost(Usage(input=200_000)) == 200_000 * 3_000
    assert TIERED.cost(Usage(input=200_001)) == 200_001 * 6_000


def test_what_is_asked_for_beyond_the_standard_has_its_own_price() -> None:
    usage = Usage(input=10)
    assert TIERED.cost(usage, PREMIUM) == 10 * TIERED.cost(usage) == 300_000
    assert TIERED.cost(usage, MEDIA) == TIERED.cost(usage, MEDIA | PREMIUM) == TIERED.cost(usage)


def test_rounding_is_up_and_once() -> None:
    price = flat(Decimal("0.0000001"), Decimal("0.0000001"))
    assert price.cost(Usage(input=1)) == 1
    assert price.cost(Usage(input=1_000_000, output=9_000_000)) == 1_000
    assert price.cost(Usage(input=10_000_001)) == 1_001
    million_small = sum(Decimal("0.0000001") for _ in range(1_000_000))
    assert price.cost(Usage(input=1_000_000 * 1_000_000)) == million_small * 1_000_000_000


def test_requests_can_cost_by_themselves() -> None:
    price = parse({"plain": [{"above": 0, "input": "1", "output": "1", "cached": "1", "cache_write": "1", "request": "5"}]})
    assert price.cost(Usage()) == price.bound(0, 0) == 5_000_000


def test_parts_above_their_whole_are_charged() -> None:
    assert flat(Decimal(1), Decimal(1)).cost(Usage(input=5, cached=9)) == 9_000


def test_own_prices_fill_what_is_not_given() -> None:
    price = own({"input": "2", "output": "8", "cached": None, "cache_write": "2.5"})
    assert price.cost(Usage(input=3, cached=1, cache_write=1, output=1)) == 2_000 + 2_000 + 2_500 + 8_000
    assert own({"input": 0, "output": "0"}).cost(Usage(input=10**9, output=10**9)) == 0


def test_the_book_knows_refuses_or_caps() -> None:
    zero, ceiling = flat(Decimal(0), Decimal(0)), flat(Decimal(100), Decimal(100))
    book = PriceBook()
    assert book.price(target("a"), "m") is None
    book.replace({"a": zero})
    book.offer({"b": zero})
    assert book.price(target("a"), "m") is zero
    assert book.price(target("b"), "m") is zero
    assert book.price(target("c"), "m") is None
    assert PriceBook(ceiling).price(target("c"), "m") is ceiling


def test_a_catalogue_prices_any_name() -> None:
    cheap, dear = flat(Decimal(1), Decimal(1)), flat(Decimal(2), Decimal(2))
    catalogue = Catalogue([({"equals": "small"}, cheap), ({"starts_with": "large"}, dear)])
    book = PriceBook()
    book.replace({"a": catalogue})
    passing = target("a", upstream_model="*")
    for _ in range(2):
        assert book.price(passing, "Small") is cheap
        assert book.price(passing, "large-2") is dear
        assert book.price(passing, "other") is None


def test_a_quote_holds_while_targets_and_prices_do() -> None:
    cheap, dear = flat(Decimal(1), Decimal(1)), flat(Decimal(2), Decimal(2))
    book = PriceBook()
    book.replace({"a": cheap, "b": dear})
    one, both = (target("a"),), (target("a"), target("b", max_output_tokens=5))
    quote = book.quote(one, "m")
    assert quote == (one, (("a", cheap, 1_000),), None)
    assert book.quote(one, "m") is quote
    assert book.quote(both, "m").offers == (("a", cheap, 1_000), ("b", dear, 5))
    assert book.quote(one, "m").offers == quote.offers
    book.offer({"b": cheap})
    assert book.quote(one, "m") is not quote
    book.replace({"a": dear})
    assert book.quote(one, "m").offers == (("a", dear, 1_000),)
    assert book.quote(both, "m").offers[1] == ("b", cheap, 5)
    book.offer({})
    assert book.quote(both, "m").unknown == "b"
    assert book.quote((), "m") == ((), (), None)


def test_only_so_many_quotes_are_remembered() -> None:
    book, one = PriceBook(flat(Decimal(1), Decimal(1))), (target("a"),)
    quotes = [book.quote(one, f"model-{number}") for number in range(prices.REMEMBERED + 1)]
    assert book.quote(one, f"model-{prices.REMEMBERED}") is quotes[-1]
    assert book.quote(one, "model-0") is not quotes[0]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ({"equals": "GPT"}, "gpt", True),
        ({"equals": "gpt"}, "gpt-4", False),
        ({"starts_with": "gpt"}, "gpt-4", True),
        ({"ends_with": "mini"}, "gpt-mini", True),
        ({"contains": "4"}, "gpt-4o", True),
        ({"regex": "^gpt-[0-9]$"}, "gpt-4", True),
        ({"or": [{"equals": "a"}, {"equals": "b"}]}, "b", True),
        ({"and": [{"starts_with": "a"}, {"ends_with": "b"}]}, "ac", False),
    ],
)
def test_rules(rule: dict[str, object], text: str, expected: bool) -> None:
    assert matches(rule, text) is expected


def test_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(ValueError, match="sounds_like"):
        matches({"sounds_like": "x"}, "x")


def test_units_are_charged_where_they_have_a_price() -> None:
    book = PriceBook()
    price = {"input": "1", "output": "2", "image": "0.04", "characters": "15", "minute": "0.006"}
    book.replace({"a": own(price), "b": own({"input": "1", "output": "2"})})
    for unit, most, bound in ((Unit.IMAGE, 2, 80_000_000), (Unit.CHARACTER, 7, 105_000), (Unit.SECOND, 90, 9_000_000)):
        [offer] = book.counted([target()], "m", unit, most).offers
        assert offer.price.bound(10**9, 10**9) == offer.price.cost(Usage(10**9, 10**9)) == bound
        assert offer.price.cost(Usage(units=1)) == -(-bound // most)
    [offer] = book.counted([target("b")], "m", Unit.IMAGE, 2).offers
    assert offer.price.cost(Usage(input=10)) == 10_000


def test_a_price_for_units_alone_is_none_for_tokens() -> None:
    listed = parse({"hour": "0.36"})
    for ceiling in (None, flat(Decimal(5), Decimal(5))):
        book = PriceBook(ceiling)
        book.replace({"a": listed})
        assert book.price(target(), "m") is ceiling
        [offer] = book.counted([target()], "m", Unit.SECOND, 3_600).offers
        assert offer.price.cost(Usage()) == 360_000_000
        by_characters = book.counted([target()], "m", Unit.CHARACTER, 10)
        assert [offer.price for offer in by_characters.offers] == ([] if ceiling is None else [ceiling])
        assert by_characters.unknown == ("a" if ceiling is None else None)
