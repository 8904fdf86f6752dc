import pytest

from sluicegate.routing.retries import FIRST_WAIT, SAVED, Retries


def test_waits_grow_and_are_drawn_from_all_below() -> None:
    retries = Retries(0.1, 60, lambda: 0.5)
    assert [retries.wait(repeats, 0, 0) for repeats in range(3)] == [FIRST_WAIT / 2, FIRST_WAIT, FIRST_WAIT * 2]


def test_what_the_provider_asks_for_is_waited_at_least() -> None:
    assert Retries(0.1, 60, lambda: 0.0).wait(0, 7, 0) == 7


def test_nothing_begins_after_the_time() -> None:
    retries = Retries(0.1, 5, lambda: 0.0)
    assert retries.wait(0, 4, 1) == 4
    assert retries.wait(0, 4, 1.1) is None
    assert retries.wait(0, 1e9, 0) is None


def test_the_budget_is_a_share_of_the_calls() -> None:
    retries = Retries(0.1, 60, lambda: 0.0)
    granted = 0
    for _ in range(1_000):
        retries.earn()
        while retries.wait(0, 0, 0) is not None:
            granted += 1
    assert granted == pytest.approx(100 + SAVED, abs=1)
    idle = Retries(0.1, 60, lambda: 0.0)
    for _ in range(10_000):
        idle.earn()
    assert sum(idle.wait(0, 0, 0) is not None for _ in range(100)) == SAVED


def test_without_a_share_there_is_none() -> None:
    retries = Retries(0, 60)
    retries.earn()
    assert retries.wait(0, 0, 0) is None
