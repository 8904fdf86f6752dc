"""Comparing what was done with what would be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.cli.simulation import Comparison, numbers, seconds
from sluicegate.dlp.findings import Action

actions = st.sampled_from(Action)


@pytest.mark.parametrize(("text", "long"), [("90m", 5_400), ("24h", 86_400), ("7d", 604_800), ("0.5h", 1_800)])
def test_spans(text: str, long: float) -> None:
    assert seconds(text) == long


@pytest.mark.parametrize("text", ["", "d", "7", "7w", "-1d", "0d", "nand", "infd", "1e9d"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError):
        seconds(text)


@given(st.lists(st.tuples(actions, actions, st.sets(st.sampled_from("ab")))))
def test_the_numbers_agree(counted: list[tuple[Action, Action, set[str]]]) -> None:
    comparison = Comparison("rows", "was")
    for was, would, rules in counted:
        comparison.count(was, would, rules, shadow=would)
    totals = list(comparison.totals())
    assert sum(was for _, was, _ in totals) == sum(would for _, _, would in totals) == len(counted)
    assert sum(count for _, _, count in comparison.moved()) == sum(was is not would for was, would, _ in counted)
    assert {rule: count for rule, count, _ in comparison.by_rule()} == {
        rule: sum(rule in rules for _, _, rules in counted) for rule in "ab" if any(rule in rules for _, _, rules in counted)
    }
    assert comparison.said()["shadow"] == {
        action.value: total
        for action in Action
        if (total := sum(would is action for _, would, _ in counted)) and action != "allow"
    }


def test_numbers_are_told_the_gravest_first() -> None:
    assert numbers({Action.ALLOW: 1, Action.BLOCK: 2}) == "block 2, allow 1"
