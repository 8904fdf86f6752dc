import pytest

from sluicegate.routing.scores import HALF_LIFE, MAX_ENTRIES, STALE, UNSEEN, WEIGHT, Scores


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_was_never_called_is_without_fault() -> None:
    assert Scores(Clock()).seen("a") == UNSEEN


def test_new_calls_count_a_share_each() -> None:
    scores = Scores(Clock())
    scores.answered("a", 1.0)
    scores.answered("a", 2.0)
    assert scores.seen("a").first_event == pytest.approx(1 + WEIGHT)
    scores.failed("a")
    assert scores.seen("a").failures == pytest.approx(WEIGHT)
    for _ in range(100):
        scores.failed("a")
    assert scores.seen("a").failures == pytest.approx(1, abs=1e-3)


def test_failures_fade_and_in_the_end_nothing_is_known() -> None:
    clock = Clock()
    scores = Scores(clock)
    scores.answered("a", 1.0)
    scores.failed("a")
    before = scores.seen("a").failures
    clock.now += HALF_LIFE
    assert scores.seen("a").failures == pytest.approx(before / 2)
    assert scores.seen("a").first_event == 1.0
    clock.now += STALE
    assert scores.seen("a") == UNSEEN
    scores.answered("a", 5.0)
    assert scores.seen("a").first_event == 5.0


def test_memory_is_bounded() -> None:
    scores = Scores(Clock())
    for n in range(MAX_ENTRIES + 1):
        scores.failed(str(n))
    assert scores.seen("0") == UNSEEN
    assert scores.seen("1") != UNSEEN
