"""Anthropic Messages (`POST /v1/messages`), as anthropic-python's types describe it.

A stream is named events from `message_start` to `message_stop`; an error in mid-stream is an `error` event, which the
official SDKs raise as APIStatusError.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from sluicegate.core.dialect import BOUNDS, Ask, Bounds, DialectName, Json, Piece, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import GatewayError, UpstreamRejected
from sluicegate.core.event import Event, frame
from sluicegate.core.usage import Usage
from sluicegate.dialects import anthropic_request
from sluicegate.dialects.answers import document_of, explained, govern, is_name, plain_kind, tokens
from sluicegate.dialects.anthropic_places import read_spans
from sluicegate.dialects.walk import is_base64

_encode = msgspec.json.Encoder().encode
_LONGEST_STOP = 64
_USES = ("tool_use", "server_tool_use", "mcp_tool_use")
_STRUCTURAL = frozenset({"type", "id", "model", "role", "index", "usage"})
_OPAQUE = frozenset({"signature", "data", "encrypted_content"})
_STOPS = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
        "compaction",
    }
)
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class AnthropicMessages:
    """The dialect."""

    name = DialectName.ANTHROPIC_MESSAGES

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        return anthropic_request.read(document)

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`; `anthropic_places` lists what is structural."""
        return read_spans(document, bounds)

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
        """See `Dialect.bind_system`."""
        return anthropic_request.bind_system(document, prompt, mode)

    def ask_usage(self, document: Json) -> bool:  # noqa: ARG002 - the protocol's signature
        """A stream reports usage by itself."""
        return False

    def bounded(self, document: Json, tokens: int) -> Json:
        """Each request must say it itself."""
        return {"max_tokens": tokens, **document}

    def without_usage(self, event: Event) -> Event | None:
        """Nothing was asked for, so nothing is taken out."""
        return event

    def pieces(self, event: Event) -> list[Piece]:
        """Channels are `<block>.<field>`; a whole body uses the same ones as the stream of it."""
        document = document_of(event)
        pieces: list[Piece] = []
        if document is None:
            return pieces
        kind = document.get("type")
        if kind == "content_block_delta" and type(document.get("delta")) is dict:
            _block_pieces(pieces, document.get("index"), document["delta"])
            _rest(pieces, document, "delta")
        elif kind == "content_block_start" and type(document.get("content_block")) is dict:
            _block_pieces(pieces, document.get("index"), document["content_block"])
            _rest(pieces, document, "content_block")
        elif kind == "message_start" and type(document.get("message")) is dict:
            _message_pieces(pieces, document["message"])
            _rest(pieces, document, "message")
        elif kind == "message_delta" and type(document.get("delta")) is dict:
            _message_pieces(pieces, document["delta"])
            _rest(pieces, document, "delta")
        else:
            _message_pieces(pieces, document)
        return pieces

    def redacted(self, event: Event) -> bool:  # noqa: ARG002 - the protocol's signature
        """Nothing beside the text tells it again."""
        return False

    def unread(self, event: Event) -> Sequence[str]:
        """The types of blocks and deltas with data that no text is in; what a provider encrypted for itself is none."""
        if b'"data"' not in event.data:
            return ()
        document = document_of(event) or {}
        content = document.get("content")
        found: list[str] = []
        for block in [*(content if type(content) is list else ()), document.get("content_block"), document.get("delta")]:
            if type(block) is dict and block.get("type") != "redacted_thinking":
                source = block.get("source")
                if block.get("data") or (type(source) is dict and source.get("data")):
                    found.append(plain_kind(block.get("type")))
        return found

    def ended(self, event: Event) -> bool:
        """A body, `message_stop`, or an error in place of the rest."""
        if not event.framed:
            return True
        if b'"message_stop"' not in event.data and b'"error"' not in event.data:
            return False
        document = document_of(event)
        return document is not None and document.get("type") in ("message_stop", "error")

    def usage(self, event: Event, known: Usage) -> Usage:
        """The counts of `message_start` and of `message_delta`, which are cumulative; untrue ones change nothing.

        Anthropic counts input tokens without those read from or written to the cache; `Usage.input` includes them.
        """
        if b'"usage"' not in event.data:
            return known
        document = document_of(event)
        report = document.get("usage") if document is not None else None
        if report is None and document is not None and type(document.get("message")) is dict:
            report = document["message"].get("usage")
        if type(report) is not dict:
            return known
        received, sent = tokens(report, "output_tokens"), tokens(report, "input_tokens")
        if received is None:
            return known
        cached = _either(tokens(report, "cache_read_input_tokens"), known.cached)
        written = _either(tokens(report, "cache_creation_input_tokens"), known.cache_write)
        fresh = _either(sent, known.input - known.cached - known.cache_write)
        if fresh + cached + written <= 0:  # no prompt has no tokens: a translated stream begins with such a zero
            return known
        details = report.get("output_tokens_details")
        thinking = tokens(details, "thinking_tokens") if type(details) is dict else None
        reasoning = min(_either(thinking, known.reasoning), received)
        return Usage(fresh + cached + written, received, cached, written, reasoning, known.estimated and sent is None)

    def finish(self, event: Event) -> str | None:
        """The `stop_reason`."""
        if b'"stop_reason"' not in event.data:
            return None
        document = document_of(event)
        if document is None:
            return None
        inner = document.get("delta") or document.get("message") or document
        reason = inner.get("stop_reason") if type(inner) is dict else None
        return reason[:_LONGEST_STOP] if type(reason) is str and reason else None

    def tool_calls(self, event: Event) -> Sequence[str]:
        """The names in the `tool_use` blocks that begin here, those of hosted and MCP tools among them."""
        if b"tool_use" not in event.data:
            return ()
        document = document_of(event)
        if document is None:
            return ()
        blocks = document.get("content") if "content" in document else [document.get("content_block")]
        return [
            block["name"]
            for block in (blocks if type(blocks) is list else ())
            if type(block) is dict and block.get("type") in _USES and type(block.get("name")) is str
        ]

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """`{"type": "error", "error": {type, message}, "request_id"}`; in a stream as the event `error`."""
        if isinstance(error, UpstreamRejected) and error.body and not streaming:
            return error.body
        kind = _KINDS.get(error.status) or ("api_error" if error.status >= 500 else "invalid_request_error")
        detail: Json = {"type": kind, "message": error.message, "code": error.reason, **explained(error, exchange)}
        if error.field is not None:
            detail["param"] = error.field
        data = _encode({"type": "error", "error": detail, "request_id": exchange})
        return frame(data, "error") if streaming else data


def _either(reported: int | None, known: int) -> int:
    return known if reported is None else reported


def _rest(pieces: list[Piece], document: Json, read: str) -> None:
    """What stands in an event beside the part that was read."""
    if len(document) > 3 or "index" not in document:
        for field, value in document.items():
            if field != read and field not in _STRUCTURAL:
                govern(pieces, field, document, field, value)


def _message_pieces(pieces: list[Piece], message: Json) -> None:
    for field, value in message.items():
        if value is None or field in _STRUCTURAL:
            continue
        if field == "content" and type(value) is list:
            for index, block in enumerate(value):
                if type(block) is dict:
                    _block_pieces(pieces, index, block)
                else:
                    govern(pieces, f"{index}", value, index, block)
        elif field != "stop_reason" or type(value) is not str or value not in _STOPS:
            govern(pieces, field, message, field, value)


def _block_pieces(pieces: list[Piece], index: Any, block: Json) -> None:
    """A block, or what is added to one."""
    for field, value in block.items():
        if type(value) is str:
            if field == "type" or field == "id" or field == "tool_use_id":
                continue
            if field == "name" and is_name(value):
                continue
            if field in _OPAQUE and is_base64(value):
                continue
            pieces.append(Piece(f"{index}.{field}", block, field, value, field == "partial_json"))
        elif field == "input" and type(value) is dict:
            # on the channel that a stream of the same call would use
            govern(pieces, f"{index}.partial_json", block, field, value)
        elif value is not None:
            govern(pieces, f"{index}.{field}", block, field, value)
