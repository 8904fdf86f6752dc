"""Errors as Google's clients know them: `google.rpc.Status` as JSON.

Source: cloud.google.com/apis/design/errors (AIP-193), and how google-genai and @google/genai read it.
"""

from typing import Any

from sluicegate.core.dialect import Json
from sluicegate.core.errors import GatewayError
from sluicegate.dialects.answers import explained

DOMAIN = "sluicegate"
"""The `domain` of an ErrorInfo: whose reason it is."""

_TYPE = "type.googleapis.com/google.rpc."
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def status(error: GatewayError, exchange: str) -> Json:
    """`{"error": {code, message, status, details}}`: the reason in an ErrorInfo, the field in a BadRequest, the wait in a
    RetryInfo.
    """
    known = explained(error, exchange)
    metadata = {"code": str(error.reason), "exchange_id": exchange}
    metadata.update((name, _flat(value)) for name, value in known.get("details", {}).items())
    info = {"@type": f"{_TYPE}ErrorInfo", "reason": error.reason.upper(), "domain": DOMAIN, "metadata": metadata}
    details: list[Json] = [info]
    if error.field is not None:
        violation = {"field": error.field, "description": error.message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    wait = error.headers.get("retry-after", "")
    if wait.isdecimal():
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{wait}s"})
    name = _STATUS.get(error.status) or ("INTERNAL" if error.status >= 500 else "FAILED_PRECONDITION")
    return {"error": {"code": error.status, "message": error.message, "status": name, "details": details}}


def _flat(value: Any) -> str:
    """The metadata of an ErrorInfo are texts."""
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
