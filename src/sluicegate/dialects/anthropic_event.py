"""What one event of an Anthropic Messages answer says, found in one walk and kept with the event."""

from collections.abc import Sequence
from typing import Any

from sluicegate.core.dialect import Json, Piece
from sluicegate.core.encoded import is_base64
from sluicegate.core.event import Event
from sluicegate.dialects.answers import Told, document_of, govern, is_name, plain_kind

_LONGEST_STOP = 64
_USES = ("tool_use", "server_tool_use", "mcp_tool_use")
_STRUCTURAL = frozenset({"type", "id", "model", "role", "index", "usage"})
_OPAQUE = frozenset({"signature", "data", "encrypted_content"})
_SEALED = frozenset({"thinking", *_OPAQUE})
"""Of a thought, which its signature binds."""
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
_DELTA = frozenset({"type", "index", "delta"})
_PARTS = {"content_block_start": "content_block", "message_start": "message", "message_delta": "delta"}
"""Which part of an event holds what it brings; a body brings itself."""


class MessagesTold(Told):
    """What `told` found."""


def told(event: Event) -> MessagesTold:
    """Everything about `event`, walked only the first time. Raises UpstreamError (UPSTREAM_INVALID)."""
    known = event.told
    if type(known) is MessagesTold:
        return known
    document = event.document
    if type(document) is not dict:
        document = document_of(event)
    if document is None:
        found = MessagesTold([], None, None, (), (), not event.framed)
    else:
        found = _walk(document, whole=not event.framed)
    event.told = found
    return found


def _walk(document: Json, *, whole: bool) -> MessagesTold:
    """A body is the end of an answer, and so are `message_stop` and an error in place of the rest."""
    kind = document.get("type")
    pieces: list[Piece] = []
    if kind == "content_block_delta" and type(delta := document.get("delta")) is dict:
        _block(pieces, document.get("index"), delta)
        if document.keys() == _DELTA and "data" not in delta and "source" not in delta and "stop_reason" not in delta:
            return MessagesTold(pieces, None, None, (), (), whole)  # nearly every event of a stream
        _rest(pieces, document, "delta")
    else:
        part = _PARTS.get(kind) if type(kind) is str else None
        inner = document.get(part) if part is not None else None
        if part is None or type(inner) is not dict:
            _message(pieces, document)
        else:
            if kind == "content_block_start":
                _block(pieces, document.get("index"), inner)
            else:
                _message(pieces, inner)
            _rest(pieces, document, part)
    over = whole or kind == "message_stop" or kind == "error"
    return MessagesTold(pieces, _usage(document), _finish(document), _calls(document), _unread(document), over)


def _rest(pieces: list[Piece], document: Json, read: str) -> None:
    """What stands in an event beside the part that was read."""
    if len(document) > 3 or "index" not in document:
        for field, value in document.items():
            if field != read and field not in _STRUCTURAL:
                govern(pieces, field, document, field, value)


def _message(pieces: list[Piece], message: Json) -> None:
    for field, value in message.items():
        if value is None or field in _STRUCTURAL:
            continue
        if field == "content" and type(value) is list:
            for index, block in enumerate(value):
                if type(block) is dict:
                    _block(pieces, index, block)
                else:
                    govern(pieces, f"{index}", value, index, block)
        elif field != "stop_reason" or type(value) is not str or value not in _STOPS:
            govern(pieces, field, message, field, value)


def _block(pieces: list[Piece], index: Any, block: Json) -> None:
    """A block, or what is added to one."""
    for field, value in block.items():
        if type(value) is str:
            if field == "type" or field == "id" or field == "tool_use_id":
                continue
            if field == "name" and is_name(value):
                continue
            if field in _OPAQUE and is_base64(value):
                continue
            pieces.append(Piece(f"{index}.{field}", block, field, value, field == "partial_json", field in _SEALED))
        elif field == "input" and type(value) is dict:
            # on the channel that a stream of the same call would use
            govern(pieces, f"{index}.partial_json", block, field, value)
        elif value is not None:
            govern(pieces, f"{index}.{field}", block, field, value)


def _usage(document: Json) -> Any:
    report, message = document.get("usage"), document.get("message")
    return message.get("usage") if report is None and type(message) is dict else report


def _finish(document: Json) -> str | None:
    inner = document.get("delta") or document.get("message") or document
    reason = inner.get("stop_reason") if type(inner) is dict else None
    return reason[:_LONGEST_STOP] if type(reason) is str and reason else None


def _calls(document: Json) -> Sequence[str]:
    """The names in the `tool_use` blocks that begin here, those of hosted and MCP tools among them."""
    blocks = document.get("content") if "content" in document else [document.get("content_block")]
    return [
        block["name"]
        for block in (blocks if type(blocks) is list else ())
        if type(block) is dict and block.get("type") in _USES and type(block.get("name")) is str
    ]


def _unread(document: Json) -> Sequence[str]:
    """The types of blocks and deltas with data that no text is in; what a provider encrypted for itself is none."""
    content = document.get("content")
    found: list[str] = []
    for block in [*(content if type(content) is list else ()), document.get("content_block"), document.get("delta")]:
        if type(block) is dict and block.get("type") != "redacted_thinking":
            source = block.get("source")
            if block.get("data") or (type(source) is dict and source.get("data")):
                found.append(plain_kind(block.get("type")))
    return found
