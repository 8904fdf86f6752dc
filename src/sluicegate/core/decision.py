"""A decision is a value: what one stage decided about one exchange, and the stable code that says why."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What a stage lets happen, from least to most severe."""

    ALLOW = "allow"
    FLAG = "flag"
    REDACT = "redact"
    REROUTE = "reroute"
    DENY = "deny"


class Reason(StrEnum):
    """Stable codes; they are added to and never renamed. `docs/reasons.md` explains each to the people who meet it."""

    ALLOWED = "allowed"
    # the request as it arrived
    INVALID_JSON = "invalid_json"
    DUPLICATE_KEY = "duplicate_key"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    INVALID_FIELD = "invalid_field"
    UNSUPPORTED_FEATURE = "unsupported_feature"
    ANSWER_UNKNOWN = "answer_unknown"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    ROUTE_UNKNOWN = "route_unknown"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    # s1_authenticate
    NO_CREDENTIAL = "no_credential"
    KEY_MALFORMED = "key_malformed"
    KEY_UNKNOWN = "key_unknown"
    KEY_REVOKED = "key_revoked"
    KEY_EXPIRED = "key_expired"
    ADMIN_CREDENTIAL = "admin_credential"
    OWN_CREDENTIAL_NOT_ALLOWED = "own_credential_not_allowed"
    # s2_scope
    SCOPED = "scoped"
    USE_CASE_INACTIVE = "use_case_inactive"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    FEATURE_NOT_ALLOWED = "feature_not_allowed"
    TOOL_NOT_ALLOWED = "tool_not_allowed"
    NETWORK_NOT_ALLOWED = "network_not_allowed"
    # s3_limit
    RESERVED = "reserved"
    RATE_REQUESTS = "rate_requests"
    RATE_TOKENS = "rate_tokens"
    RATE_CONCURRENT = "rate_concurrent"
    BUDGET_EXCEEDED = "budget_exceeded"
    OVER_BUDGET = "over_budget"
    PRICE_UNKNOWN = "price_unknown"
    # s4_inspect_prompt
    PROMPT_BLOCKED = "prompt_blocked"
    PROMPT_REDACTED = "prompt_redacted"
    PROMPT_ALERTED = "prompt_alerted"
    PROMPT_TOKENISED = "prompt_tokenised"
    PROMPT_REROUTED = "prompt_rerouted"
    PROMPT_UNSCANNABLE = "prompt_unscannable"
    # s5_route
    ROUTED = "routed"
    MODEL_UNKNOWN = "model_unknown"
    NO_PERMITTED_ROUTE = "no_permitted_route"
    CIRCUIT_OPEN = "circuit_open"
    # s6_call
    CACHE_HIT = "cache_hit"
    CACHE_MISS = "cache_miss"
    CAPACITY_EXHAUSTED = "capacity_exhausted"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_REJECTED = "upstream_rejected"
    UPSTREAM_AUTH = "upstream_auth"
    UPSTREAM_RESET = "upstream_reset"
    UPSTREAM_TRUNCATED = "upstream_truncated"
    UPSTREAM_INVALID = "upstream_invalid"
    # s7_inspect_response
    ANSWER_BLOCKED = "answer_blocked"
    ANSWER_REDACTED = "answer_redacted"
    ANSWER_ALERTED = "answer_alerted"
    # s8_record
    RECORDED = "recorded"
    AUDIT_UNAVAILABLE = "audit_unavailable"
    # the exchange as a whole
    CONTROL_FAILED = "control_failed"
    OVERLOADED = "overloaded"
    CLIENT_GONE = "client_gone"
    UNKNOWN_CRASH = "unknown_crash"


Detail = Mapping[str, str | int | tuple[str, ...]]


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What a stage decided. `detail` holds counts, names and digests, never text of a prompt or an answer."""

    verdict: Verdict
    reason: Reason
    detail: Detail = {}


ALLOWED = Decision(Verdict.ALLOW, Reason.ALLOWED)


def deny(reason: Reason, **detail: str | int | tuple[str, ...]) -> Decision:
    """A refusal for `reason`."""
    return Decision(Verdict.DENY, reason, detail)
