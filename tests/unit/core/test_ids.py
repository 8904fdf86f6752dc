import re
import time

from sluicegate.core.ids import new_id


def test_ids_are_32_digits_that_sort_by_time() -> None:
    before = f"{time.time_ns() // 1_000_000:012x}"
    id = new_id()
    assert re.fullmatch(r"[0-9a-f]{32}", id)
    assert before <= id[:12] <= f"{time.time_ns() // 1_000_000:012x}"


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000
