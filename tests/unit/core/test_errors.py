import pytest

from sluicegate.core.decision import Reason, deny
from sluicegate.core.errors import (
    EXPLAINED,
    STATUS,
    AuditUnavailable,
    ControlFailed,
    Denied,
    UnsupportedFeature,
    UpstreamRejected,
    UpstreamTimeout,
)

DENIALS = [
    (Reason.NO_CREDENTIAL, 401),
    (Reason.KEY_UNKNOWN, 403),
    (Reason.MODEL_NOT_ALLOWED, 403),
    (Reason.PROMPT_BLOCKED, 400),
    (Reason.BUDGET_EXCEEDED, 402),
    (Reason.RATE_REQUESTS, 429),
    (Reason.NO_PERMITTED_ROUTE, 503),
]


@pytest.mark.parametrize(("reason", "status"), DENIALS)
def test_a_denial_has_the_status_of_its_reason(reason: Reason, status: int) -> None:
    assert Denied(deny(reason)).status == status


def test_every_reason_that_can_be_denied_is_explained() -> None:
    for reason, status in STATUS.items():
        if status in (401, 402, 403, 429):
            assert EXPLAINED[reason].endswith(".")


def test_the_other_branches_of_the_tree() -> None:
    assert AuditUnavailable().status == 503
    assert ControlFailed("s3_limit").status == 503
    assert UpstreamTimeout("The first byte took too long.").status == 504
    assert UpstreamRejected(418, b"{}", "no").status == 418
    unsupported = UnsupportedFeature("top_k", "This route cannot express `top_k`.")
    assert (unsupported.status, unsupported.field) == (400, "top_k")
