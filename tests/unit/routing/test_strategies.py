import pytest

from sluicegate.core.provider import Strategy, Target
from sluicegate.routing.scores import UNSEEN, Seen
from sluicegate.routing.strategies import EXPLORED, FAILING, Weights, arranged, scored
from tests.support.calls import target

A, B, C = target(deployment="a", weight=3), target(deployment="b"), target(deployment="c", order=1)


def names(targets: tuple[Target, ...]) -> str:
    return "".join(t.deployment for t in targets)


def test_the_draw_follows_the_weights() -> None:
    drawn = [names(arranged([A, B, C], Strategy.WEIGHTED, n / 100)) for n in range(100)]
    assert (drawn.count("abc"), drawn.count("bac")) == (75, 25)


def test_without_any_weight_the_order_stays() -> None:
    targets = [target(deployment="a", weight=0), target(deployment="b", weight=0)]
    assert names(arranged(targets, Strategy.WEIGHTED, 0.9)) == "ab"


def test_by_order_nothing_is_drawn() -> None:
    assert {names(arranged([B, A, C], Strategy.ORDER, n / 10)) for n in range(10)} == {"bac"}


def test_what_was_measured_decides_but_for_a_share_that_is_drawn() -> None:
    points = [2.0, 1.0, 0.0]
    assert names(arranged([A, B, C], Strategy.ADAPTIVE, EXPLORED, points)) == "bac"
    assert names(arranged([A, B, C], Strategy.ADAPTIVE, 0.0, points)) == "abc"
    assert names(arranged([A, B, C], Strategy.ADAPTIVE, EXPLORED * 0.9, points)) == "bac"


def test_those_that_are_equal_are_drawn_by_weight() -> None:
    chances = [EXPLORED + (1 - EXPLORED) * n / 100 for n in range(100)]
    drawn = [names(arranged([A, B], Strategy.LEAST_LATENCY, chance, [0.0, 0.0])) for chance in chances]
    assert drawn.count("ab") == pytest.approx(75, abs=1)


def test_the_fastest_first_unless_it_fails() -> None:
    seen = {"a": Seen(0.0, 2.0), "b": Seen(0.0, 1.0), "c": Seen(FAILING, 0.1)}
    marks = scored([A, B, C], Strategy.LEAST_LATENCY, lambda t: (seen[t.deployment], 0), Weights())
    points = [mark.points for mark in marks]
    assert points[1] < points[0] < points[2]


def test_each_part_of_an_adaptive_score_counts_by_its_weight() -> None:
    look = {"a": (Seen(0.5, 2.0), 10), "b": (Seen(0.0, 1.0), 20), "c": (UNSEEN, 0)}
    marks = scored([A, B, C], Strategy.ADAPTIVE, lambda t: look[t.deployment], Weights(0.6, 0.25, 0.15))
    assert [mark.points for mark in marks] == pytest.approx([0.3 + 0.25 + 0.075, 0.125 + 0.15, 0])
    assert marks[0][1:] == (0.5, 2.0, 10)


def test_nothing_measured_and_nothing_priced_is_all_the_same() -> None:
    marks = scored([A, B], Strategy.ADAPTIVE, lambda _: (UNSEEN, 0), Weights())
    assert [mark.points for mark in marks] == [0, 0]
