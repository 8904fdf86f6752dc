from sluicegate.routing import health
from sluicegate.routing.health import FAILURES, FIRST_OPEN_SECONDS, LONGEST_OPEN_SECONDS, MAX_ENTRIES, Health
from tests.support.calls import target


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def broken(clock: Clock) -> Health:
    found = Health(clock)
    for _ in range(FAILURES):
        assert found.available("a")
        found.failed("a")
    assert not found.available("a")
    return found


def test_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    found = Health(Clock())
    for _ in range(FAILURES * 2):
        found.failed("a")
        found.succeeded("a")
    assert found.available("a")


def test_one_probe_goes_through_and_closes_it() -> None:
    clock = Clock()
    found = broken(clock)
    clock.now += FIRST_OPEN_SECONDS
    assert found.available("a")
    found.begin("a")
    assert not found.available("a")
    found.succeeded("a")
    assert found.available("a")


def test_a_failed_probe_opens_it_for_longer_up_to_a_bound() -> None:
    clock = Clock()
    found = broken(clock)
    waits = []
    for _ in range(10):
        begun = clock.now
        while not found.available("a"):
            clock.now += 0.5
        waits.append(clock.now - begun)
        found.begin("a")
        found.failed("a")
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert max(waits) == LONGEST_OPEN_SECONDS


def test_a_probe_that_says_nothing_lets_the_next_one_through() -> None:
    clock = Clock()
    found = broken(clock)
    clock.now += FIRST_OPEN_SECONDS
    found.begin("a")
    found.left("a")
    assert found.available("a")


def test_calls_under_way_when_it_opened_do_not_make_it_grow() -> None:
    clock = Clock()
    found = broken(clock)
    for _ in range(50):
        found.failed("a")
    clock.now += FIRST_OPEN_SECONDS
    assert found.available("a")


def test_what_the_provider_asks_for_is_honoured_and_bounded() -> None:
    clock = Clock()
    found = Health(clock)
    found.failed("a", 10)
    clock.now += 9.9
    assert not found.available("a")
    clock.now += 0.1
    assert found.available("a")
    found.failed("b", 1e9)
    clock.now += LONGEST_OPEN_SECONDS
    assert found.available("b")


def test_an_open_one_is_passed_over_and_never_called() -> None:
    a, b = target(deployment="a"), target(deployment="b")
    found = broken(Clock())
    assert list(found.well((a, b))) == [b]
    assert list(found.well((a,))) == []
    assert found.wait((a,)) == FIRST_OPEN_SECONDS
    assert found.wait((a, b)) == 0


def test_while_a_probe_is_under_way_others_wait() -> None:
    clock = Clock()
    found = broken(clock)
    clock.now += FIRST_OPEN_SECONDS
    found.begin("a")
    assert found.wait((target(deployment="a"),)) == FIRST_OPEN_SECONDS


def test_a_throttled_one_steps_back_behind_others_for_a_bounded_time() -> None:
    clock = Clock()
    a, b = target(deployment="a"), target(deployment="b")
    found = Health(clock)
    for _ in range(FAILURES * 2):
        found.throttle("a", 1e9)
    assert found.available("a")
    assert list(found.well((a, b))) == [b]
    assert list(found.well((a,))) == [a]
    clock.now += LONGEST_OPEN_SECONDS
    assert list(found.well((a, b))) == [a, b]
    found.throttle("b")
    assert list(found.well((a, b))) == [a]
    clock.now += FIRST_OPEN_SECONDS
    assert list(found.well((a, b))) == [a, b]


def test_what_is_remembered_is_bounded() -> None:
    found = Health(Clock())
    for n in range(MAX_ENTRIES + 10):
        found.failed(str(n))
    assert len(found._circuits) == MAX_ENTRIES
    assert health.MAX_ENTRIES > 0


def test_what_a_check_finds() -> None:
    clock = Clock()
    found = Health(clock)
    found.present("a")
    found.absent("a", 30)
    assert not found.available("a")
    clock.now += 29
    assert not found.available("a")
    found.present("a")
    assert found.available("a")
    found.begin("a")
    found.succeeded("a")
    assert found.well((target(deployment="a"),)) == (target(deployment="a"),)
