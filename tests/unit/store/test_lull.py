import pytest

from sluicegate.store.lull import CROWDED, SHUNNED, SLOW, Lull


class At:
    def __init__(self) -> None:
        self.now = 100.0
        self.lull = Lull(lambda: self.now)

    def write(self, seconds: float) -> bool:
        if not self.lull.begin():
            return False
        self.now += seconds
        self.lull.end()
        return True


def test_it_lasts_while_writes_come_one_by_one_and_are_quick() -> None:
    at = At()
    assert all(at.write(SLOW / 2) for _ in range(1_000))


def test_after_a_crowd_there_is_none_for_a_while() -> None:
    at = At()
    at.lull.crowd()
    at.now += CROWDED * 0.9
    assert not at.write(0)
    at.now += CROWDED * 0.2
    assert at.write(0)


@pytest.mark.parametrize("took", [0.003, 0.5, 30.0])
def test_slow_writes_cost_a_hundredth_at_most(took: float) -> None:
    at = At()
    began = at.now
    assert at.write(took)
    at.lull.crowd()  # does not make it shorter
    at.now = began + 0.99 * SHUNNED * took
    assert not at.write(0)
    at.now = began + 1.01 * SHUNNED * took + CROWDED
    assert at.write(0)
