"""Every error a client can be told of, drawn once. `web/answers.py` turns them into a body, and nothing else does.

    GatewayError
      InvalidRequest          400   not JSON, duplicate keys, unknown model (404, 405, 413, 415 where HTTP has a word for it)
        UnsupportedFeature    400   this route cannot express a part of this request
      Denied                  as its reason says: 400, 401, 402, 403, 429, 503
      UpstreamError           502
        UpstreamTimeout       504
        UpstreamRejected      as sent; its body passes through when the dialects match
      AuditUnavailable        503   nothing is answered that cannot be recorded
      ControlFailed           503   a stage broke, and a stage that breaks is a refusal

A message never quotes a prompt, an answer or a secret.
"""

from collections.abc import Mapping

from sluicegate.core.decision import Decision, Reason

STATUS: Mapping[Reason, int] = {
    Reason.ROUTE_UNKNOWN: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.MODEL_UNKNOWN: 404,
    Reason.TOO_LARGE: 413,
    Reason.UNSUPPORTED_MEDIA_TYPE: 415,
    Reason.NO_CREDENTIAL: 401,
    Reason.KEY_MALFORMED: 403,
    Reason.KEY_UNKNOWN: 403,
    Reason.ANSWER_UNKNOWN: 404,
    Reason.KEY_REVOKED: 403,
    Reason.KEY_EXPIRED: 403,
    Reason.ADMIN_CREDENTIAL: 403,
    Reason.OWN_CREDENTIAL_NOT_ALLOWED: 403,
    Reason.USE_CASE_INACTIVE: 403,
    Reason.MODEL_NOT_ALLOWED: 403,
    Reason.FEATURE_NOT_ALLOWED: 403,
    Reason.TOOL_NOT_ALLOWED: 403,
    Reason.NETWORK_NOT_ALLOWED: 403,
    Reason.RATE_REQUESTS: 429,
    Reason.RATE_TOKENS: 429,
    Reason.RATE_CONCURRENT: 429,
    Reason.BUDGET_EXCEEDED: 402,
    Reason.PRICE_UNKNOWN: 503,
    Reason.NO_PERMITTED_ROUTE: 503,
    Reason.CIRCUIT_OPEN: 503,
    Reason.CAPACITY_EXHAUSTED: 429,
    Reason.UPSTREAM_UNREACHABLE: 502,
    Reason.UPSTREAM_TIMEOUT: 504,
    Reason.UPSTREAM_AUTH: 502,
    Reason.UPSTREAM_RESET: 502,
    Reason.UPSTREAM_TRUNCATED: 502,
    Reason.UPSTREAM_INVALID: 502,
    Reason.AUDIT_UNAVAILABLE: 503,
    Reason.CONTROL_FAILED: 503,
    Reason.OVERLOADED: 503,
}
"""The HTTP status of a reason; one that is not listed is 400."""

EXPLAINED: Mapping[Reason, str] = {
    Reason.NO_CREDENTIAL: "No virtual key. Send it as `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`.",
    Reason.KEY_MALFORMED: "This is no virtual key: one begins with `sk-sg-` and carries a checksum.",
    Reason.KEY_UNKNOWN: "This virtual key is not known here.",
    Reason.KEY_REVOKED: "This virtual key was revoked.",
    Reason.KEY_EXPIRED: "This virtual key has expired.",
    Reason.ADMIN_CREDENTIAL: "An administrator's credential cannot be used for inference; use a virtual key.",
    Reason.OWN_CREDENTIAL_NOT_ALLOWED: "The use case of this virtual key does not allow a credential of your own.",
    Reason.USE_CASE_INACTIVE: "The use case of this virtual key is not active.",
    Reason.MODEL_NOT_ALLOWED: "The use case of this virtual key does not allow this model.",
    Reason.FEATURE_NOT_ALLOWED: "The use case of this virtual key does not allow a feature this request asks for.",
    Reason.TOOL_NOT_ALLOWED: "The use case of this virtual key does not allow a tool this request declares.",
    Reason.NETWORK_NOT_ALLOWED: "The use case of this virtual key does not allow calls from this network.",
    Reason.RATE_REQUESTS: "Too many requests a minute for this virtual key.",
    Reason.RATE_TOKENS: "Too many tokens a minute for this virtual key.",
    Reason.RATE_CONCURRENT: "Too many requests at once for this virtual key.",
    Reason.BUDGET_EXCEEDED: "A budget of this virtual key or its team does not cover this request.",
    Reason.PRICE_UNKNOWN: "No price is known for this model, so its cost cannot be bounded.",
    Reason.PROMPT_BLOCKED: "The request holds data that policy does not let through.",
    Reason.PROMPT_UNSCANNABLE: "The request holds content that cannot be inspected, which policy does not let through.",
    Reason.NO_PERMITTED_ROUTE: "No deployment that this use case's data may reach can take this request.",
    Reason.CIRCUIT_OPEN: "Every deployment that could take this request has failed repeatedly; try again shortly.",
    Reason.CAPACITY_EXHAUSTED: "Every deployment that could take this request is at its own limit; try again shortly.",
    Reason.CONTROL_FAILED: "A control could not run, so nothing is answered.",
    Reason.ANSWER_BLOCKED: "The answer held data that policy does not let through.",
}
"""What a client is told of a refusal; `detail` of the decision adds names and counts in the audit entry."""


class GatewayError(Exception):
    """An exchange that ends in an error. `message` is shown to the client, `field` names the part of the request."""

    def __init__(
        self, reason: Reason, message: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.headers: Mapping[str, str] = headers or {}
        self.status = STATUS.get(reason, 400)


class InvalidRequest(GatewayError):
    """The client's document cannot be read, or asks for what does not exist."""


class UnsupportedFeature(InvalidRequest):
    """The target's dialect cannot say a part of this request; nothing is dropped in silence."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(Reason.UNSUPPORTED_FEATURE, message, field=field)


class Denied(GatewayError):
    """A decision was DENY."""

    def __init__(
        self,
        decision: Decision,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(decision.reason, EXPLAINED[decision.reason], field=field, headers=headers)
        self.decision = decision


class UpstreamError(GatewayError):
    """The provider could not be reached, broke off, or sent what cannot be read."""


class UpstreamTimeout(UpstreamError):
    """The provider took longer than a timeout allows; the message names which."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.UPSTREAM_TIMEOUT, message)


class UpstreamRejected(UpstreamError):
    """The provider answered with an error status.

    `body` is the provider's own JSON error document (bounded, content type JSON), passed to the client when the dialects
    match; `headers` are the allowed ones among those it sent (`retry-after`).
    """

    def __init__(self, status: int, body: bytes, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(Reason.UPSTREAM_REJECTED, message, headers=headers)
        self.status = status
        self.body = body


class ClientGone(Exception):
    """The client closed its connection; there is nobody to tell."""


class AuditUnavailable(GatewayError):
    """An entry could not be made durable; the provider is not called, or the answer is not finished."""

    def __init__(self) -> None:
        super().__init__(Reason.AUDIT_UNAVAILABLE, "The audit log cannot be written, so nothing is answered.")


class ControlFailed(GatewayError):
    """A stage broke. The cause is in the log under the exchange id, never in the answer."""

    def __init__(self, stage: str) -> None:
        super().__init__(Reason.CONTROL_FAILED, f"A control could not run ({stage}), so nothing is answered.")
