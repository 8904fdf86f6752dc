import pytest

from sluicegate.core.identity import Classification
from sluicegate.core.provider import Place
from sluicegate.routing.rules import MAX_MODEL, PLACES, matches, permitted, places, within
from tests.support.calls import target

EVERY = [target(deployment=place.value, place=place) for place in Place]


def names(targets: object) -> list[str]:
    return [t.deployment for t in targets]  # type: ignore[attr-defined]  # any sequence of targets


def test_every_classification_has_its_places() -> None:
    assert set(PLACES) == set(Classification)
    assert places(Classification.PUBLIC, on_prem_only=True) == {Place.ON_PREM}


def test_where_data_may_go() -> None:
    assert names(permitted(Classification.SENSITIVE, False, (), EVERY)) == ["on_prem"]
    assert names(permitted(Classification.CONFIDENTIAL, False, (), EVERY)) == ["on_prem", "private_cloud"]
    assert names(permitted(Classification.INTERNAL, False, (), EVERY)) == ["on_prem", "private_cloud", "cloud"]
    assert names(permitted(Classification.PUBLIC, True, (), EVERY)) == ["on_prem"]
    assert permitted(Classification.SENSITIVE, False, (), EVERY[1:]) == ()


def test_regions() -> None:
    targets = [target(deployment=name, region=name) for name in ("eu-west", "eu-north", "us", "")]
    assert names(permitted(Classification.PUBLIC, False, ("eu-*",), targets)) == ["eu-west", "eu-north"]
    assert names(permitted(Classification.PUBLIC, False, ("us", "eu-west"), targets)) == ["eu-west", "us"]
    assert within("", ()) and not within("", ("*",))


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("claude-*", "claude-3", True),
        ("claude-*", "claude-", True),
        ("claude-*", "gpt", False),
        ("*", "anything", True),
        ("a*b*c", "aXbYc", True),
        ("a*b*c", "ac", False),
        ("aa*aa", "aaa", False),
        ("exact", "exact", True),
        ("*", "x" * (MAX_MODEL + 1), False),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


def test_no_pattern_is_slow() -> None:
    assert not matches("*a" * 60, "a" * 59 + "b" * 100)
