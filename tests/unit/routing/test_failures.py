import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import Denied, UnsupportedFeature, UpstreamError, UpstreamRejected, UpstreamTimeout
from sluicegate.routing.failures import Failures, asked, elsewhere, throttled

UNREACHABLE = UpstreamError(Reason.UPSTREAM_UNREACHABLE, "x")


def noted(*errors: UpstreamError, attempts: int = 9) -> Failures:
    found = Failures(attempts)
    found.begin()
    for error in errors:
        found.note(error)
    return found


def test_only_failures_that_cost_nothing_are_repeated() -> None:
    assert noted(UNREACHABLE).repeat_after == 0
    assert noted(UpstreamRejected(429, b"", "x", headers={"retry-after": "7"})).repeat_after == 7
    assert noted(UNREACHABLE, UpstreamTimeout("x"), UNREACHABLE).repeat_after is None
    assert noted(UpstreamError(Reason.UPSTREAM_AUTH, "x")).repeat_after is None
    assert noted(UpstreamRejected(400, b"", "x")).repeat_after is None
    assert noted(UNREACHABLE, attempts=1).repeat_after is None
    assert noted().repeat_after is None


def test_a_walk_on_which_nothing_was_called_is_the_last() -> None:
    found = noted(UNREACHABLE)
    found.begin()
    assert found.repeat_after is None


def test_what_the_client_learns() -> None:
    found = Failures(3)
    assert found.told().reason is Reason.UPSTREAM_UNREACHABLE
    unsaid = UnsupportedFeature("f", "x")
    found.unsaid(unsaid)
    found.unsaid(UnsupportedFeature("g", "x"))
    assert found.told() is unsaid
    found.full(9)
    found.full(3)
    full = found.told()
    assert isinstance(full, Denied)
    assert (full.status, full.headers) == (429, {"retry-after": "3"})
    found.note(UNREACHABLE)
    assert found.told() is UNREACHABLE


@pytest.mark.parametrize(
    ("status", "other"), [(400, False), (404, False), (408, True), (429, True), (500, True), (529, True)]
)
def test_another_target_may_do_better(status: int, other: bool) -> None:
    error = UpstreamRejected(status, b"", "x")
    assert elsewhere(error) is other
    assert throttled(error) is (status == 429)
    assert elsewhere(UNREACHABLE)
    assert not throttled(UNREACHABLE)


def test_retry_after_is_read_where_it_is_a_number() -> None:
    assert asked(UpstreamRejected(429, b"", "x", headers={"retry-after": "12"})) == 12
    assert asked(UpstreamRejected(429, b"", "x", headers={"retry-after": "soon"})) == 0
