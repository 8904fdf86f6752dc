"""What one event of a Responses answer says, found in one walk and kept with the event.

An answer says most texts again: in the `done` event of a part, of an item, and in the last event of all. Those stand on the
channel of the text, as `again`.
"""

from collections.abc import Sequence
from typing import Any

from sluicegate.core.dialect import Json, Piece
from sluicegate.core.encoded import is_base64
from sluicegate.core.event import Event
from sluicegate.dialects.answers import JsonSlot, Told, document_of, encoded, govern, is_name, plain_kind

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_STRUCTURAL = frozenset(
    {
        *("type", "sequence_number", "item_id", "output_index", "content_index", "summary_index", "annotation_index"),
        *("command_index", "partial_image_index", "obfuscation", "logprobs", "stream_id"),
    }
)
_OF_RESPONSE = frozenset(
    {
        *("id", "object", "model", "status", "usage", "previous_response_id", "service_tier", "truncation"),
        *("prompt_cache_retention", "incomplete_details", "tool_usage", "billing", "store"),
    }
)
_OF_ITEM = frozenset(
    {"id", "type", "status", "call_id", "role", "phase", "execution", "approval_request_id", "container_id"}
)
_OPAQUE = frozenset({"encrypted_content", "result"})
_SAID = {
    "response.output_text": ("content_index", "content", "text", False),
    "response.refusal": ("content_index", "content", "refusal", False),
    "response.reasoning_text": ("content_index", "content", "text", False),
    "response.reasoning_summary_text": ("summary_index", "summary", "text", False),
    "response.shell_call_command": ("command_index", "commands", "command", False),
    "response.function_call_arguments": (None, "", "arguments", True),
    "response.mcp_call_arguments": (None, "", "arguments", True),
    "response.custom_tool_call_input": (None, "", "input", False),
    "response.code_interpreter_call_code": (None, "", "code", False),
    "response.audio.transcript": (None, "", "transcript", False),
}
"""Of events that bring a text in pieces and then whole: the index within the item, its list, the member, whether JSON."""
_PIECES = {f"{kind}.delta": said for kind, said in _SAID.items()}
_WHOLE = {f"{kind}.done": said for kind, said in _SAID.items()}
_THOUGHTS = frozenset(
    f"response.{kind}.{step}" for kind in ("reasoning_text", "reasoning_summary_text") for step in ("delta", "done")
)
_PARTS = {
    "response.content_part.added": ("content_index", "content"),
    "response.content_part.done": ("content_index", "content"),
    "response.reasoning_summary_part.added": ("summary_index", "summary"),
    "response.reasoning_summary_part.done": ("summary_index", "summary"),
}
_SETTINGS = frozenset({"reasoning", "text", "tool_choice", "prompt_cache_options", "image", "access_programs"})
_PLAIN = frozenset(
    {
        *("text", "auto", "none", "required", "low", "medium", "high", "minimal", "xhigh", "max", "concise", "detailed"),
        *("implicit", "explicit", "30m", "12h", "24h", "in_memory", "enabled", "disabled", "default", "standard"),
    }
)
"""Words of the API in the settings that an answer repeats."""
_LONGEST_FINISH = 64


class ResponsesTold(Told):
    """What `told` found."""


def told(event: Event) -> ResponsesTold:
    """Everything about `event`, walked only the first time. Raises UpstreamError (UPSTREAM_INVALID)."""
    known = event.told
    if type(known) is ResponsesTold:
        return known
    document = event.document
    if type(document) is not dict:
        document = document_of(event)
    if document is None:
        found = ResponsesTold([], None, None, (), (), not event.framed)
    elif event.framed:
        found = _event(document)
    else:
        found = _body(document)
    event.told = found
    return found


def _event(document: Json) -> ResponsesTold:
    kind = document.get("type")
    if type(kind) is not str:
        kind = ""
    pieces: list[Piece] = []
    said = _PIECES.get(kind)
    if said is not None and type(delta := document.get("delta")) is str:
        where, part, member, json = said
        channel = _channel(document, where, part, member)
        pieces.append(Piece(channel, document, "delta", delta, json, sealed=kind in _THOUGHTS))
        if document.keys() - _STRUCTURAL != {"delta"}:
            _rest(pieces, document, kind, "delta")
        return ResponsesTold(pieces, None, None, (), (), False)  # nearly every event of a stream
    found = ResponsesTold(pieces, None, None, (), (), kind in _ENDS)
    read = ""
    if (response := document.get("response")) is not None and type(response) is dict:
        read = "response"
        _response(pieces, response, again=found.over)
        found.usage, found.finish = response.get("usage"), _finish(response) if found.over else None
    elif (item := document.get("item")) is not None and type(item) is dict:
        read = "item"
        _item(pieces, document.get("output_index"), item, again=kind == "response.output_item.done")
        if kind == "response.output_item.added":
            found.calls = _calls((item,))
        elif kind == "response.output_item.done":
            found.unread = _unread((item,))
        if item.get("encrypted_content"):
            _seal(pieces)
    elif kind in _PARTS and type(part_of := document.get("part")) is dict:
        read = "part"
        where, part = _PARTS[kind]
        _part(pieces, _channel(document, where, part, ""), part_of, again=kind.endswith(".done"))
        if part == "summary" or part_of.get("type") == "reasoning_text":
            _seal(pieces)
    elif (said := _WHOLE.get(kind)) is not None and type(text := document.get(said[2])) is str:
        where, part, read, json = said
        channel = _channel(document, where, part, read)
        pieces.append(Piece(channel, document, read, text, json, again=True, sealed=kind in _THOUGHTS))
    elif kind == "response.output_text.annotation.added":
        read = "annotation"
        channel = f"{_channel(document, 'content_index', 'content', 'annotations')}.{document.get('annotation_index')}"
        _add(pieces, channel, document, read, document.get(read))
    elif kind in ("response.audio.delta", "response.image_generation_call.partial_image"):
        read = "delta" if kind == "response.audio.delta" else "partial_image_b64"
        found.unread = ("audio" if read == "delta" else "image",)
        if type(data := document.get(read)) is not str or not is_base64(data):
            read = ""
    _rest(pieces, document, kind, read)
    return found


def _body(document: Json) -> ResponsesTold:
    """An answer that was not streamed, or what is listed of a stored one."""
    pieces: list[Piece] = []
    _response(pieces, document, again=True)
    output = document.get("output")
    items = [item for item in output if type(item) is dict] if type(output) is list else []
    return ResponsesTold(pieces, document.get("usage"), _finish(document), _calls(items), _unread(items), True)


def _channel(document: Json, where: str | None, part: str, member: str) -> str:
    output = document.get("output_index")
    if where is None:
        return f"{output}.{member}"
    return f"{output}.{part}.{document.get(where)}.{member}" if member else f"{output}.{part}.{document.get(where)}"


def _rest(pieces: list[Piece], document: Json, kind: str, read: str) -> None:
    """What stands in an event beside the part that was read."""
    for field, value in document.items():
        if field != read and field not in _STRUCTURAL and value is not None:
            govern(pieces, f"{kind}.{document.get('output_index')}.{field}", document, field, value)


def _add(pieces: list[Piece], channel: str, holder: Any, key: str | int, value: Any, again: bool = True) -> None:
    """A text or value; `again`: it is whole, and other events may say it as well."""
    kind = type(value)
    if kind is str:
        pieces.append(Piece(channel, holder, key, value, again=again))
    elif (kind is dict or kind is list) and value:
        pieces.append(Piece(channel, JsonSlot(holder, key), key, encoded(value), True, again=again))


def _response(pieces: list[Piece], response: Json, *, again: bool) -> None:
    for field, value in response.items():
        if value is None or field in _OF_RESPONSE:
            continue
        if (field == "output" or field == "data") and type(value) is list:
            for index, item in enumerate(value):
                if type(item) is not dict:
                    _add(pieces, f"{index}", value, index, item, again)
                    continue
                first = len(pieces)
                _item(pieces, index, item, again=again)
                if item.get("encrypted_content"):
                    _seal(pieces[first:])
        elif field not in _SETTINGS or not _is_plain(value):
            _add(pieces, f"response.{field}", response, field, value)


def _seal(pieces: list[Piece]) -> None:
    for piece in pieces:
        piece.sealed = True


def _is_plain(value: Any) -> bool:
    """Whether a setting holds nothing but words of the API, numbers and switches."""
    kind = type(value)
    if kind is dict:
        return len(value) <= 8 and all(map(_is_plain, value.values())) and all(map(str.isidentifier, value))
    return value in _PLAIN if kind is str else kind is not list


def _item(pieces: list[Piece], output: Any, item: Json, *, again: bool) -> None:
    for field, value in item.items():
        if value is None or field in _OF_ITEM:
            continue
        channel = f"{output}.{field}"
        if (field == "content" or field == "summary") and type(value) is list:
            for index, part in enumerate(value):
                if type(part) is dict:
                    _part(pieces, f"{channel}.{index}", part, again=again)
                else:
                    _add(pieces, f"{channel}.{index}", value, index, part, again)
        elif type(value) is str:
            if (field in _OPAQUE and is_base64(value)) or (field == "name" and is_name(value)):
                continue
            pieces.append(Piece(channel, item, field, value, field == "arguments", again=again))
        elif field == "action" and type(value) is dict and type(value.get("commands")) is list:
            _commands(pieces, output, value, again)
        else:
            _add(pieces, channel, item, field, value, again)


def _commands(pieces: list[Piece], output: Any, action: Json, again: bool) -> None:
    """What a shell is to run, each command on the channel that a stream of it would use."""
    for field, value in action.items():
        if field != "commands":
            _add(pieces, f"{output}.action.{field}", action, field, value, again)
            continue
        for index, command in enumerate(value):
            _add(pieces, f"{output}.commands.{index}.command", value, index, command, again)


def _part(pieces: list[Piece], channel: str, part: Json, *, again: bool) -> None:
    for field, value in part.items():
        if value is None or field == "type" or field == "logprobs":
            continue
        if field == "annotations" and type(value) is list:
            for index, annotation in enumerate(value):
                _add(pieces, f"{channel}.annotations.{index}", value, index, annotation, again)
        else:
            _add(pieces, f"{channel}.{field}", part, field, value, again)


def _finish(response: Json) -> str | None:
    """`completed`, `failed`, or why it is incomplete."""
    details = response.get("incomplete_details")
    reason = details.get("reason") if type(details) is dict else None
    reason = response.get("status") if reason is None else reason
    return reason[:_LONGEST_FINISH] if type(reason) is str and reason else None


def _calls(items: Sequence[Json]) -> Sequence[str]:
    """The names of the tools that are called; of those without a name, hosted ones mostly, the type."""
    names = []
    for item in items:
        kind, name = item.get("type"), item.get("name")
        if type(kind) is str and kind.endswith("_call"):
            names.append(name if type(name) is str and name else kind.removesuffix("_call")[:_LONGEST_FINISH])
    return names


def _unread(items: Sequence[Json]) -> Sequence[str]:
    """Images that were made, and whatever else holds data that no text is in."""
    found = ["image" for item in items if item.get("type") == "image_generation_call" and item.get("result")]
    for item in items:
        content = item.get("content")
        for part in content if type(content) is list else ():
            if type(part) is dict and (part.get("data") or part.get("image_url") or part.get("file_data")):
                kind = str(part.get("type")).removeprefix("input_").removeprefix("output_")
                found += (plain_kind(kind),)
    return found
