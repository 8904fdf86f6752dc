"""What the dialects share in reading answers: events parsed at the border, text found, counts believed within reason."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Json, Piece
from sluicegate.core.errors import Denied, GatewayError, UpstreamError
from sluicegate.core.event import Event

_MOST_TOKENS = 100_000_000
"""More tokens than any answer holds: a report beyond it is not believed."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,127}")
_TOKEN = re.compile(r"(?=[A-Za-z]*[0-9]|[A-Z0-9]{16})[A-Za-z0-9]{16}")
_LONG_NUMBER = re.compile(r"[0-9]{7}")
_encode = msgspec.json.Encoder().encode


class Told(msgspec.Struct, gc=False):
    """What one event of an answer says, as far as anybody asks a dialect. Each dialect has its own kind of it."""

    pieces: list[Piece]
    usage: Any
    """The report of tokens as it stands in the document."""
    finish: str | None
    calls: Sequence[str]
    """The names of the tools that are called."""
    unread: Sequence[str]
    over: bool
    """Whether the answer is complete with this event."""


def document_of(event: Event) -> Json | None:
    """The event's JSON object; None for an event without one (a comment, `[DONE]`).

    Raises UpstreamError (UPSTREAM_INVALID) for data that is something else: it could not be inspected.
    """
    try:
        document = event.document
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise unreadable() from None
    if type(document) is dict:
        return document
    if document is not None or event.data.strip() not in (b"", b"[DONE]"):
        raise unreadable()
    return None


def unreadable() -> UpstreamError:
    """The provider sent what cannot be read."""
    return UpstreamError(Reason.UPSTREAM_INVALID, "The provider's answer cannot be read.")


def tokens(report: Json, field: str) -> int | None:
    """A count of tokens; None where it is absent or cannot be true (negative, no number, beyond reason)."""
    value = report.get(field)
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def is_name(value: Any) -> bool:
    """Whether `value` reads as the name of a tool, and holds nothing shaped like a credential or somebody's number."""
    return (
        type(value) is str
        and _NAME.fullmatch(value) is not None
        and _LONG_NUMBER.search(value) is None
        and _TOKEN.search(value) is None
    )


def plain_kind(value: Any) -> str:
    """The type of a part, for a decision's detail: one of those known, else `data`."""
    return value if value in ("audio", "image", "document", "file", "video") else "data"


class JsonSlot:
    """Lets a JSON value inside an answer be governed as the JSON text it is: keys and numbers included.

    Setting its one item parses the new text back into the document. A text that replacement made no JSON any more becomes an
    object with that text, so that nothing of the old value stays.
    """

    __slots__ = ("_holder", "_key")

    def __init__(self, holder: Any, key: str | int) -> None:
        self._holder = holder
        self._key = key

    def __getitem__(self, _: str | int) -> str:
        return encoded(self._holder[self._key])

    def __setitem__(self, _: str | int, text: str) -> None:
        try:
            self._holder[self._key] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            self._holder[self._key] = {"redacted": text}


def govern(pieces: list[Piece], channel: str, holder: Any, key: str | int, value: Any) -> None:
    """Add what is governed in a place no dialect knows: a string as it is, an object or list as JSON text."""
    kind = type(value)
    if kind is str:
        pieces.append(Piece(channel, holder, key, value))
    elif (kind is dict or kind is list) and value:
        pieces.append(Piece(channel, JsonSlot(holder, key), key, encoded(value), True))


def encoded(value: Any) -> str:
    """A value inside an answer as the JSON text it is governed as."""
    return _encode(value).decode()


_OPENAI_KINDS = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def openai_error(error: GatewayError, exchange: str) -> Json:
    """The body of an error as every API of OpenAI's has it: `{"error": {message, type, param, code}}`."""
    kind = _OPENAI_KINDS.get(error.status) or ("server_error" if error.status >= 500 else "invalid_request_error")
    detail = {"message": error.message, "type": kind, "param": error.field, "code": error.reason}
    return {"error": {**detail, **explained(error, exchange)}}


def explained(error: GatewayError, exchange: str) -> Json:
    """What every error adds to the vendor's own fields: the exchange, and for a refusal the decision's names and counts."""
    extra: Json = {"exchange_id": exchange}
    if isinstance(error, Denied) and error.decision.detail:
        extra["details"] = dict(error.decision.detail)
    return extra
