"""What one event of a Chat Completions answer says, found in one walk and kept with the event."""

from collections.abc import Sequence
from typing import Any

from sluicegate.core.dialect import Json, Piece
from sluicegate.core.encoded import is_base64
from sluicegate.core.event import Event
from sluicegate.dialects.answers import Told, document_of, govern, is_name

DONE = b"[DONE]"
STRUCTURAL = frozenset(
    {"id", "object", "created", "model", "service_tier", "system_fingerprint", "obfuscation", "choices", "usage"}
)
_FINISH = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_ROLES = frozenset({"assistant", "developer", "system", "user", "tool"})
_LONGEST_FINISH = 64


class ChatTold(Told):
    """What `told` found."""


def told(event: Event) -> ChatTold:
    """Everything about `event`, walked only the first time. Raises UpstreamError (UPSTREAM_INVALID)."""
    known = event.told
    if type(known) is ChatTold:
        return known
    document = event.document
    if type(document) is not dict:
        document = document_of(event)
    if document is None:
        found = ChatTold([], None, None, (), (), not event.framed or event.data.strip() == DONE)
    else:
        found = _walk(document, whole=not event.framed)
    event.told = found
    return found


def choices_of(document: Json | None) -> list[Json]:
    """The choices that are objects."""
    choices = document.get("choices") if document is not None else None
    return [choice for choice in choices if type(choice) is dict] if type(choices) is list else []


def _walk(document: Json, *, whole: bool) -> ChatTold:
    """A body is the end of an answer, and so is an error in place of the rest."""
    pieces: list[Piece] = []
    finish: str | None = None
    rare = False
    if not STRUCTURAL.issuperset(document):
        for field, value in document.items():
            if field not in STRUCTURAL:
                govern(pieces, field, document, field, value)
    choices = document.get("choices")
    if type(choices) is list:
        for position, choice in enumerate(choices):
            if type(choice) is not dict:
                govern(pieces, f"choices.{position}", choices, position, choice)
                continue
            index = choice.get("index", position)
            for field, value in choice.items():
                if value is None or field == "index":
                    continue
                if field == "delta" or field == "message":
                    if _body(pieces, index, choice, field, value):
                        rare = True
                elif field == "finish_reason":
                    reason = _finish(pieces, index, choice, value)
                    finish = finish or reason
                elif field != "logprobs":
                    govern(pieces, f"{index}.{field}", choice, field, value)
    elif choices is not None:
        govern(pieces, "choices", document, "choices", choices)
    report = document.get("usage")
    over = whole or bool(document.get("error"))
    if rare:
        return ChatTold(pieces, report, finish, _calls(document), _unread(document), over)
    return ChatTold(pieces, report, finish, (), (), over)


def _finish(pieces: list[Piece], index: Any, choice: Json, reason: Any) -> str | None:
    if type(reason) is not str:
        govern(pieces, f"{index}.finish_reason", choice, "finish_reason", reason)
        return None
    if reason not in _FINISH:
        govern(pieces, f"{index}.finish_reason", choice, "finish_reason", reason)
    return reason[:_LONGEST_FINISH] or None


def _body(pieces: list[Piece], index: Any, choice: Json, name: str, body: Any) -> bool:
    """A message or what is added to one; whether it holds more than texts, such as calls, sounds or images."""
    if type(body) is not dict:
        govern(pieces, f"{index}.{name}", choice, name, body)
        return False
    rare = False
    for field, value in body.items():
        if type(value) is str:
            if field != "role" or value not in _ROLES:
                pieces.append(Piece(f"{index}.{field}", body, field, value))
                rare = rare or field == "images"
        elif value is not None:
            rare = True
            _more(pieces, index, body, field, value)
    return rare


def _more(pieces: list[Piece], index: Any, body: Json, field: str, value: Any) -> None:
    """A member of a message that is no text."""
    if field == "tool_calls" and type(value) is list:
        for position, call in enumerate(value):
            _call(pieces, f"{index}.tool_calls", value, position, call)
    elif field == "function_call" and type(value) is dict:
        _tool(pieces, f"{index}.function_call", value)
    elif field == "audio" and type(value) is dict:
        for member, part in value.items():
            if member not in ("id", "data"):
                govern(pieces, f"{index}.audio.{member}", value, member, part)
    else:
        govern(pieces, f"{index}.{field}", body, field, value)


def _call(pieces: list[Piece], channel: str, calls: list[Any], position: int, call: Any) -> None:
    if type(call) is not dict:
        govern(pieces, f"{channel}.{position}", calls, position, call)
        return
    channel = f"{channel}.{call.get('index', position)}"
    for field, value in call.items():
        if field in ("function", "custom") and type(value) is dict:
            _tool(pieces, channel, value)
        elif field == "extra_content" and type(value) is dict:
            _extra(pieces, channel, value)
        elif field not in ("id", "index", "type"):
            govern(pieces, f"{channel}.{field}", call, field, value)


def _extra(pieces: list[Piece], channel: str, extra: Json) -> None:
    """What Google's servers add to a call: a signature, which they want back as it was."""
    google = extra.get("google")
    signature = google.get("thought_signature") if type(google) is dict and len(google) == len(extra) == 1 else None
    if type(signature) is str and is_base64(signature):
        return
    first = len(pieces)
    for field, value in extra.items():
        govern(pieces, f"{channel}.{field}", extra, field, value)
    for piece in pieces[first:]:
        piece.sealed = True


def _tool(pieces: list[Piece], channel: str, tool: Json) -> None:
    """A tool's name is one the client declared, or it calls nothing; what does not look like a name is governed."""
    for field, value in tool.items():
        if field == "arguments" and type(value) is str:
            pieces.append(Piece(f"{channel}.arguments", tool, field, value, True))
        elif field != "name" or not is_name(value):
            govern(pieces, f"{channel}.{field}", tool, field, value)


def _calls(document: Json) -> Sequence[str]:
    """The names of functions and custom tools, which a stream gives in a call's first piece."""
    names: list[str] = []
    for choice in choices_of(document):
        body = choice.get("delta") or choice.get("message")
        if type(body) is not dict:
            continue
        calls = body.get("tool_calls")
        for call in [*(calls if type(calls) is list else ()), {"function": body.get("function_call")}]:
            tool = (call.get("function") or call.get("custom")) if type(call) is dict else None
            called = tool.get("name") if type(tool) is dict else None
            if type(called) is str and called:
                names.append(called)
    return names


def _unread(document: Json) -> Sequence[str]:
    """Sounds (`audio.data`) and images (`images`, as some providers answer)."""
    found: list[str] = []
    for choice in choices_of(document):
        for body in (choice.get("delta"), choice.get("message")):
            if type(body) is dict:
                audio = body.get("audio")
                if type(audio) is dict and audio.get("data"):
                    found.append("audio")
                if body.get("images"):
                    found.append("image")
    return found
