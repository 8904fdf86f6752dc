"""Laws of routing: whatever the input, no target outside the permitted places, and no target lost or made up."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sluicegate.core.identity import Classification
from sluicegate.core.provider import Place, Strategy, Target
from sluicegate.routing.rules import matches, permitted
from sluicegate.routing.strategies import EXPLORED, arranged
from tests.support.calls import target

TARGETS = st.lists(
    st.builds(
        lambda i, place, order, weight: target(deployment=str(i), place=place, order=order, weight=weight),
        st.integers(0, 99),
        st.sampled_from(Place),
        st.integers(-2, 2),
        st.integers(0, 5),
    ),
    max_size=8,
    unique_by=lambda t: t.deployment,
)
CHANCE = st.floats(0, 1, exclude_max=True)
ALLOWED = {
    Classification.PUBLIC: set(Place),
    Classification.INTERNAL: set(Place),
    Classification.CONFIDENTIAL: {Place.ON_PREM, Place.PRIVATE_CLOUD},
    Classification.SENSITIVE: {Place.ON_PREM},
}


@given(st.sampled_from(Classification), st.booleans(), TARGETS, CHANCE, st.sampled_from(Strategy))
def test_no_target_outside_the_permitted_places(
    classification: Classification, on_prem_only: bool, targets: list[Target], chance: float, strategy: Strategy
) -> None:
    route = arranged(permitted(classification, on_prem_only, (), targets), strategy, chance)
    places = {t.place for t in route}
    assert places <= ALLOWED[classification]
    if on_prem_only or classification is Classification.SENSITIVE:
        assert places <= {Place.ON_PREM}
    allowed = {Place.ON_PREM} if on_prem_only else ALLOWED[classification]
    assert {t.deployment for t in route} == {t.deployment for t in targets if t.place in allowed}


@given(TARGETS, st.lists(st.sampled_from(["eu", "us", "eu-1", "*", "eu-*"]), max_size=3), st.booleans())
def test_no_target_outside_the_permitted_regions(targets: list[Target], regions: list[str], on_prem_only: bool) -> None:
    placed = [replace(t, region=("eu", "eu-1", "us", "")[i % 4]) for i, t in enumerate(targets)]
    found = permitted(Classification.PUBLIC, on_prem_only, regions, placed)
    for each in found:
        assert not regions or any(re.fullmatch(r.replace("*", ".*"), each.region) for r in regions if each.region)


@given(TARGETS, CHANCE, st.sampled_from(Strategy), st.data())
def test_order_comes_first_and_nothing_is_lost(
    targets: list[Target], chance: float, strategy: Strategy, data: st.DataObject
) -> None:
    points = data.draw(st.lists(st.floats(0, 9), min_size=len(targets), max_size=len(targets)))
    route = arranged(targets, strategy, chance, points)
    assert [t.order for t in route] == sorted(t.order for t in targets)
    assert sorted(t.deployment for t in route) == sorted(t.deployment for t in targets)
    assert route == arranged(targets, strategy, chance, points)


@given(TARGETS, CHANCE)
def test_without_weight_comes_last_in_its_order(targets: list[Target], chance: float) -> None:
    route = arranged(targets, Strategy.WEIGHTED, chance)
    for a, b in pairwise(route):
        assert a.order < b.order or a.weight > 0 or b.weight == 0


@given(TARGETS, st.floats(EXPLORED, 1, exclude_max=True), st.data())
def test_what_is_measured_decides(targets: list[Target], chance: float, data: st.DataObject) -> None:
    points = data.draw(st.lists(st.floats(0, 9), min_size=len(targets), max_size=len(targets)))
    mark = {t.deployment: point for t, point in zip(targets, points, strict=True)}
    for a, b in pairwise(arranged(targets, Strategy.ADAPTIVE, chance, points)):
        assert a.order < b.order or mark[a.deployment] <= mark[b.deployment]


@given(st.text("ab*/", max_size=10), st.text("ab/", max_size=10))
def test_a_pattern_means_what_its_regular_expression_means(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name) is not None
    assert matches(pattern, name) is expected
