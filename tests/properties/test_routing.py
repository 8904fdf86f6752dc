"""Laws of routing: whatever the input, no target outside the permitted places, and no target lost or made up."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.identity import Classification
from sluicegate.core.provider import Place, Target
from sluicegate.routing.rules import matches, ordered, permitted
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


@given(st.sampled_from(Classification), st.booleans(), TARGETS, CHANCE)
def test_no_target_outside_the_permitted_places(
    classification: Classification, on_prem_only: bool, targets: list[Target], chance: float
) -> None:
    route = ordered(permitted(classification, on_prem_only, targets), chance)
    places = {t.place for t in route}
    assert places <= ALLOWED[classification]
    if on_prem_only or classification is Classification.SENSITIVE:
        assert places <= {Place.ON_PREM}
    allowed = {Place.ON_PREM} if on_prem_only else ALLOWED[classification]
    assert {t.deployment for t in route} == {t.deployment for t in targets if t.place in allowed}


@given(TARGETS, CHANCE)
def test_order_comes_first_and_nothing_is_lost(targets: list[Target], chance: float) -> None:
    route = ordered(targets, chance)
    assert [t.order for t in route] == sorted(t.order for t in targets)
    assert sorted(t.deployment for t in route) == sorted(t.deployment for t in targets)
    assert route == ordered(targets, chance)


@given(TARGETS, CHANCE)
def test_without_weight_comes_last_in_its_order(targets: list[Target], chance: float) -> None:
    route = ordered(targets, chance)
    for a, b in pairwise(route):
        assert a.order < b.order or a.weight > 0 or b.weight == 0


@given(st.text("ab*/", max_size=10), st.text("ab/", max_size=10))
def test_a_pattern_means_what_its_regular_expression_means(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name) is not None
    assert matches(pattern, name) is expected
