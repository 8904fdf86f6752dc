"""Failed logins are counted per user and per address."""

from sluicegate.identity import throttle
from sluicegate.identity.throttle import LoginThrottle
from sluicegate.settings import Identity


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def made(attempts: int = 3, window: float = 60) -> tuple[LoginThrottle, Clock]:
    clock = Clock()
    return LoginThrottle(Identity(login_attempts=attempts, login_window=window), clock), clock


def test_a_user_is_refused_from_every_address() -> None:
    counted, clock = made()
    assert [counted.begin("u", f"10.0.0.{n}") for n in range(3)] == [None] * 3
    assert counted.begin("u", "10.0.0.9") == 60
    clock.now = 60
    assert counted.begin("u", "10.0.0.9") is None


def test_an_address_is_refused_for_every_user() -> None:
    counted, _ = made()
    assert [counted.begin(f"u{n}", "10.0.0.1") for n in range(3)] == [None] * 3
    assert counted.begin("other", "10.0.0.1") is not None
    assert counted.begin("other", "10.0.0.2") is None


def test_right_ones_do_not_count() -> None:
    counted, _ = made()
    for _ in range(10):
        assert counted.begin("u", "a") is None
        counted.succeeded("u", "a")


def test_a_right_one_takes_back_itself_alone() -> None:
    """Whoever knows one password does not win free attempts at another's."""
    counted, _ = made()
    for _ in range(3):
        counted.begin("victim", "a")
        if counted.begin("mine", "a") is None:
            counted.succeeded("mine", "a")
    assert counted.begin("victim", "a") is not None


def test_nobody_is_locked_out_of_an_address_they_used() -> None:
    counted, _ = made()
    assert counted.begin("u", "home") is None
    counted.succeeded("u", "home")
    for n in range(5):
        counted.begin("u", f"evil{n}")
    assert counted.begin("u", "elsewhere") is not None
    assert counted.begin("u", "home") is None


def test_attempts_under_way_count() -> None:
    counted, _ = made(attempts=2)
    assert counted.begin("u", "a") is None
    assert counted.begin("u", "a") is None
    assert counted.begin("u", "a") is not None


def test_memory_is_bounded() -> None:
    counted, _ = made()
    for n in range(throttle.REMEMBERED + 50):
        counted.begin(f"u{n}", f"a{n}")
        counted.succeeded(f"u{n}", f"a{n}")
    assert len(counted._failures) == len(counted._addresses) == len(counted._proven) == throttle.REMEMBERED
