"""What the codecs of answers share: a provider's events read with care, since nothing in them can be trusted."""

from typing import Any

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Json
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event

_MOST_TOKENS = 100_000_000
"""More tokens than any answer holds: a report beyond it is not believed."""
_LONGEST_MESSAGE = 2_000
UNEXPLAINED = "The provider refused the request."


def invalid() -> UpstreamError:
    """The provider sent what is no answer of its dialect."""
    return UpstreamError(Reason.UPSTREAM_INVALID, "The provider's answer cannot be read.")


def document_of(event: Event) -> Json | None:
    """The event's JSON object, None for an event without data. Raises UpstreamError (UPSTREAM_INVALID) for anything else."""
    try:
        document = event.document
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid() from None
    if type(document) is dict:
        return document
    if event.data.strip():
        raise invalid()
    return None


def counted(report: Any, field: str) -> int | None:
    """A count of tokens that can be true."""
    value = report.get(field) if type(report) is dict else None
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def message_of(document: Any) -> str:
    """What an error body says to people: `error.message`, or `message` (Bedrock), cut to a bound."""
    error = document.get("error", document) if type(document) is dict else None
    message = error.get("message") if type(error) is dict else error
    return message[:_LONGEST_MESSAGE] if type(message) is str and message else UNEXPLAINED
