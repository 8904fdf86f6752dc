"""What becomes of a provider's refusal: which of its words may reach a client, and as which error."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError, UpstreamRejected

MAX_RETRY_AFTER = 3_600
"""Seconds; a provider that asks for longer is quoted with this."""

_decode = msgspec.json.Decoder().decode


def unauthorised() -> UpstreamError:
    """The gateway's own credential was missing or refused; what the provider said about it stays here."""
    return UpstreamError(Reason.UPSTREAM_AUTH, "The provider did not accept the gateway's credential.")


def unexpected(status: int) -> UpstreamError:
    """A status that is neither an answer nor an error with words of its own."""
    if status in (401, 403, 407):
        return unauthorised()
    if 300 <= status < 400:
        return UpstreamError(Reason.UPSTREAM_INVALID, "The provider answered with a redirect, which is not followed.")
    return UpstreamError(Reason.UPSTREAM_INVALID, f"The provider answered with status {status}, which is no answer.")


def rejected(
    status: int, headers: Mapping[bytes, bytes], body: bytes | None, secret: str, allowed: Mapping[str, str]
) -> UpstreamRejected:
    """An error status. Only a JSON object passes as the body, and none that quotes the credential."""
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    json = kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))
    kept = body if json and body is not None and _document(body, secret) is not None else b""
    told = dict(allowed)
    wait = retry_after(headers.get(b"retry-after"))
    if wait is not None:
        told["retry-after"] = str(wait)
    return UpstreamRejected(min(status, 599), kept, f"The provider answered with status {status}.", headers=told)


def unstreamed(body: bytes | None, secret: str, allowed: Mapping[str, str]) -> UpstreamError:
    """A stream was asked for and JSON came with status 200: an error body, or an answer that was not streamed."""
    document = None if body is None else _document(body, secret)
    if document is not None and body is not None and (status := status_of(document)):
        return UpstreamRejected(status, body, "The provider answered with an error.", headers=allowed)
    return UpstreamError(Reason.UPSTREAM_INVALID, "The provider did not stream its answer.")


def status_of(document: Mapping[str, Any]) -> int:
    """The status that an error document stands for (502 if it names none); 0 where it is no error document."""
    error = document.get("error")
    if not error:
        return 0
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600 and code not in (401, 403, 407):
        return code
    kind = error.get("type") if isinstance(error, dict) else None
    return _KINDS.get(kind, 502) if isinstance(kind, str) else 502


_KINDS = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "api_error": 500,
    "timeout_error": 504,
}
"""The statuses of Anthropic's error types (docs.claude.com, API errors)."""


def retry_after(value: bytes | None) -> int | None:
    """Whole seconds, from 0 to MAX_RETRY_AFTER; None where there is no value or it means nothing (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    text = value[:64].decode("ascii", "replace").strip()
    try:
        seconds = float(text) if text[:1].isdigit() else parsedate_to_datetime(text).timestamp() - time()
    except (ValueError, OverflowError):
        return None
    if seconds != seconds:
        return None
    return max(0, min(MAX_RETRY_AFTER, -int(-seconds // 1) if seconds < MAX_RETRY_AFTER else MAX_RETRY_AFTER))


def _document(body: bytes, secret: str) -> dict[str, Any] | None:
    """`body` as a JSON object; None if it is none, or quotes the credential."""
    if secret and secret.encode() in body:
        return None
    try:
        document = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
