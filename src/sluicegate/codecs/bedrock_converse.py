"""Requests of Amazon Bedrock's Converse, to and from the canonical conversation.

Source: the service model `bedrock-runtime` of botocore, Converse and ConverseStream. The model stands in the address, and so
does whether the answer is streamed. What it cannot say: pictures by address, that no tool may be called, that only one may.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from sluicegate.codecs.conversation import (
    Choice,
    Conversation,
    Document,
    Image,
    Part,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from sluicegate.codecs.reading import Fields, arguments_object, arguments_text, cannot
from sluicegate.core.dialect import Json

_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_TYPES = {name: media for media, name in _FORMATS.items()}
_CHOICES = {"auto": Choice.AUTO, "any": Choice.REQUIRED, "tool": Choice.NAMED}
_NAMES = {choice: name for name, choice in _CHOICES.items()}
_NO_NAME = re.compile(r"[^A-Za-z0-9 ()\[\]-]+")
"""What the name of a document may not hold."""
_UNNAMED = "document"
_SCHEMA_NAME = "answer"
_KNOBS = frozenset(
    {"guardrailConfig", "requestMetadata", "performanceConfig", "serviceTier", "additionalModelResponseFieldPaths"}
)


def encode(conversation: Conversation, dropped: dict[str, None], max_output_tokens: int) -> Json:
    """The request that says `conversation`, bounded by `max_output_tokens` where it gives no bound of its own."""
    most = conversation.max_tokens
    inference: Json = {"maxTokens": max_output_tokens if most is None else most}
    for field, value in (("temperature", conversation.temperature), ("topP", conversation.top_p)):
        if value is not None:
            inference[field] = value
    if conversation.stop:
        inference["stopSequences"] = list(conversation.stop)
    document: Json = {"messages": _encode_turns(conversation.turns), "inferenceConfig": inference}
    if conversation.system:
        document["system"] = [{"text": part.text} for part in conversation.system]
    if conversation.top_k is not None:
        document["additionalModelRequestFields"] = {"top_k": conversation.top_k}
    if conversation.tools:
        document["toolConfig"] = _encode_tools(conversation)
    if conversation.schema is not None:
        schema = {"schema": arguments_text(conversation.schema), "name": _SCHEMA_NAME}
        document["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    if conversation.user is not None:
        dropped["user"] = None
    return document


def _encode_tools(conversation: Conversation) -> Json:
    choice = conversation.choice
    if choice is Choice.NONE:
        raise cannot("tool_choice")
    if conversation.parallel is False:
        raise cannot("parallel_tool_calls")
    config: Json = {"tools": [{"toolSpec": _encode_tool(tool)} for tool in conversation.tools]}
    if choice is not None:
        config["toolChoice"] = {_NAMES[choice]: {"name": conversation.named_tool} if choice is Choice.NAMED else {}}
    return config


def _encode_tool(tool: Tool) -> Json:
    out: Json = {"name": tool.name}
    if tool.description is not None:
        out["description"] = tool.description
    out["inputSchema"] = {"json": tool.schema}
    if tool.strict is not None:
        out["strict"] = tool.strict
    return out


def _encode_turns(turns: Iterable[Turn]) -> list[Json]:
    """Turns of one side, one after the other, share one message, as sides take turns in this API."""
    messages: list[Json] = []
    for turn in turns:
        blocks = [_encode_part(part) for part in turn.parts]
        if messages and messages[-1]["role"] == turn.role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": turn.role, "content": blocks})
    return messages


def _encode_part(part: Part) -> Json:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Image):
        form = _FORMATS.get(part.media_type)
        if part.url or form is None:
            raise cannot("messages.content.image")
        return {"image": {"format": form, "source": {"bytes": part.data}}}
    if isinstance(part, Document):
        name = _NO_NAME.sub(" ", part.name).strip() or _UNNAMED
        return {"document": {"format": "pdf", "name": name, "source": {"bytes": part.data}}}
    if isinstance(part, ToolCall):
        arguments = arguments_object(part.arguments)
        if arguments is None:
            raise cannot("messages.tool_calls.function.arguments")
        return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments}}
    result: Json = {"toolUseId": part.call, "content": [_encode_part(inner) for inner in part.parts]}
    if part.error:
        result["status"] = "error"
    return {"toolResult": result}


def decode(document: Json, dropped: dict[str, None]) -> Conversation:
    """The conversation that a request is; knobs it cannot hold go to `dropped`. Raises UnsupportedFeature."""
    top = Fields(document, "", dropped)
    turns: list[Turn] = []
    for index, message in enumerate(top.list("messages")):
        turns += _decode_message(top.inner(message, f"messages[{index}]"))
    inference = top.inner(top.object("inferenceConfig"), "inferenceConfig")
    more = top.inner(top.object("additionalModelRequestFields"), "additionalModelRequestFields")
    tools, choice, named = _decode_tools(top)
    conversation = Conversation(
        model="",
        system=tuple(_decode_text(top.inner(block, f"system[{i}]")) for i, block in enumerate(top.list("system"))),
        turns=tuple(turns),
        tools=tools,
        choice=choice,
        named_tool=named,
        max_tokens=inference.take("maxTokens"),
        temperature=inference.take("temperature"),
        top_p=inference.take("topP"),
        top_k=more.take("top_k"),
        stop=tuple(inference.list("stopSequences")),
        schema=_decode_format(top),
    )
    for fields in (inference, more):
        fields.close()
    top.close(_KNOBS)
    return conversation


def _decode_message(fields: Fields) -> Iterable[Turn]:
    """One turn, or two where tool results and other content stand in one message."""
    role = fields.text("role")
    parts = [_decode_block(fields.inner(block, f"content[{index}]")) for index, block in enumerate(fields.list("content"))]
    fields.close()
    if role == "system":
        return (Turn("system", tuple(parts)),)
    if role == "assistant":
        calls = [part for part in parts if isinstance(part, ToolCall)]
        return (Turn("assistant", (*(part for part in parts if not isinstance(part, ToolCall)), *calls)),)
    if role != "user":
        raise fields.cannot("role")
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    turns = [Turn("user", results)] if results else []
    return [*turns, Turn("user", rest)] if rest or not results else turns


def _decode_text(fields: Fields) -> Text:
    text = Text(fields.text("text"))
    fields.close()
    return text


def _decode_block(fields: Fields) -> Part:
    part: Part
    for kind, read in _BLOCKS.items():
        value = fields.take(kind)
        if value is not None:
            part = read(fields.inner(value, kind))
            fields.close()
            return part
    return _decode_text(fields)


def _decode_image(fields: Fields) -> Image:
    media = _TYPES.get(fields.text("format"))
    source = fields.inner(fields.object("source"), "source")
    if media is None:
        raise fields.cannot("format")
    image = Image(media_type=media, data=source.text("bytes"))
    source.close()
    fields.close()
    return image


def _decode_document(fields: Fields) -> Document:
    source = fields.inner(fields.object("source"), "source")
    if fields.text("format") != "pdf":
        raise fields.cannot("format")
    found = Document(source.text("bytes"), fields.text("name"))
    source.close()
    fields.close()
    return found


def _decode_call(fields: Fields) -> ToolCall:
    call = ToolCall(fields.text("toolUseId"), fields.text("name"), arguments_text(fields.object("input")))
    fields.close()
    return call


def _decode_result(fields: Fields) -> ToolResult:
    parts: list[Text | Image] = []
    for index, block in enumerate(fields.list("content")):
        inner = fields.inner(block, f"content[{index}]")
        part = _decode_block(inner)
        if not isinstance(part, Text | Image):
            raise inner.cannot("content")
        parts.append(part)
    result = ToolResult(fields.text("toolUseId"), tuple(parts), fields.text("status") == "error")
    fields.close()
    return result


_BLOCKS: dict[str, Any] = {
    "image": _decode_image,
    "document": _decode_document,
    "toolUse": _decode_call,
    "toolResult": _decode_result,
}


def _decode_tools(top: Fields) -> tuple[tuple[Tool, ...], Choice | None, str]:
    config = top.inner(top.object("toolConfig"), "toolConfig")
    tools = []
    for index, given in enumerate(config.list("tools")):
        outer = config.inner(given, f"tools[{index}]")
        spec = outer.inner(outer.object("toolSpec"), "toolSpec")
        schema = spec.inner(spec.object("inputSchema"), "inputSchema")
        tools.append(Tool(spec.text("name"), spec.take("description"), schema.object("json"), spec.flag("strict")))
        for fields in (schema, spec, outer):
            fields.close()
    choice, name = None, ""
    for kind, value in config.object("toolChoice").items():
        choice = _CHOICES.get(kind)
        if choice is None:
            raise config.cannot("toolChoice")
        named = config.inner(value, "toolChoice")
        name = named.text("name")
        named.close()
    config.close()
    return tuple(tools), choice, name


def _decode_format(top: Fields) -> dict[str, object] | None:
    config = top.inner(top.object("outputConfig"), "outputConfig")
    form = config.inner(config.object("textFormat"), "textFormat")
    structure = form.inner(form.object("structure"), "structure")
    schema = structure.inner(structure.object("jsonSchema"), "jsonSchema")
    text = schema.text("schema")
    schema.take("name")
    form.take("type")
    for fields in (schema, structure, form):
        fields.close()
    config.close(frozenset({"effort"}))
    if not text:
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise schema.cannot("schema") from None
    if type(value) is not dict:
        raise schema.cannot("schema")
    return value
