"""Errors in the form of google.rpc.Status."""

import pytest

from sluicegate.core.decision import Reason, deny
from sluicegate.core.errors import Denied, GatewayError, InvalidRequest, UpstreamTimeout
from sluicegate.dialects.gemini_errors import status


def test_a_refusal_says_why_and_in_which_exchange() -> None:
    decision = deny(Reason.TOOL_NOT_ALLOWED, use_case="triage", tools=("a", "b"), refused=2)
    error = status(Denied(decision, field="tools"), "x1")["error"]
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    info, request = error["details"]
    assert info["reason"] == "TOOL_NOT_ALLOWED"
    assert info["metadata"] == {
        "code": "tool_not_allowed",
        "exchange_id": "x1",
        "use_case": "triage",
        "tools": "a, b",
        "refused": "2",
    }
    assert request["fieldViolations"] == [{"field": "tools", "description": error["message"]}]


def test_how_long_to_wait() -> None:
    error = GatewayError(Reason.RATE_REQUESTS, "m", headers={"retry-after": "12"})
    assert status(error, "x1")["error"]["details"][1] == {
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": "12s",
    }


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (InvalidRequest(Reason.INVALID_FIELD, "m"), "INVALID_ARGUMENT"),
        (GatewayError(Reason.NO_CREDENTIAL, "m"), "UNAUTHENTICATED"),
        (GatewayError(Reason.BUDGET_EXCEEDED, "m"), "FAILED_PRECONDITION"),
        (GatewayError(Reason.AUDIT_UNAVAILABLE, "m"), "UNAVAILABLE"),
        (UpstreamTimeout("m"), "DEADLINE_EXCEEDED"),
    ],
)
def test_the_name_of_a_status(error: GatewayError, name: str) -> None:
    assert status(error, "x1")["error"]["status"] == name
