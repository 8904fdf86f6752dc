from sluicegate.core.identity import Budget, Classification, Period, RateLimit


def test_words_are_the_products() -> None:
    assert [c.value for c in Classification] == ["public", "internal", "confidential", "sensitive"]
    assert [p.value for p in Period] == ["day", "month", "total"]


def test_nothing_bounds_unless_said() -> None:
    assert RateLimit() == RateLimit(None, None, None)
    assert Budget("key:1", Period.DAY, None, 5).usd is None
