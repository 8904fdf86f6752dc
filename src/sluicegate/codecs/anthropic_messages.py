"""Messages requests, to and from the canonical conversation.

Source: the types of anthropic-python. Every `Conversation` can be said; a temperature above 1 becomes 1 and is named as
dropped. Reasoning in a history (`thinking`) is bound by its signature to the model that wrote it and is dropped, named.
"""

from collections.abc import Iterable
from typing import Any

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

_KNOBS = frozenset(
    {
        "thinking",
        "service_tier",
        "speed",
        "inference_geo",
        "cache_control",
        "diagnostics",
        "context_management",
        "betas",
        "anthropic_beta",
    }
)
_TOOL_KNOBS = frozenset(
    {
        "cache_control",
        "defer_loading",
        "eager_input_streaming",
        "allowed_callers",
        "input_examples",
    }
)
_MARKS = frozenset({"cache_control"})
_CHOICES = {"none": Choice.NONE, "auto": Choice.AUTO, "any": Choice.REQUIRED, "tool": Choice.NAMED}
_NAMES = {choice: name for name, choice in _CHOICES.items()}
_MOST_TEMPERATURE = 1


def decode(document: Json, dropped: dict[str, None]) -> Conversation:
    """The conversation that a request is; knobs it cannot hold go to `dropped`. Raises UnsupportedFeature."""
    top = Fields(document, "", dropped)
    turns: list[Turn] = []
    for index, message in enumerate(top.list("messages")):
        turns += _decode_message(top.inner(message, f"messages[{index}]"))
    tools = tuple(_decode_tool(top.inner(tool, f"tools[{index}]")) for index, tool in enumerate(top.list("tools")))
    choice, named, parallel = _decode_choice(top)
    metadata = top.inner(top.object("metadata"), "metadata")
    user = metadata.take("user_id")
    metadata.close()
    conversation = Conversation(
        model=top.text("model"),
        system=_texts(top, "system"),
        turns=tuple(turns),
        tools=tools,
        choice=choice,
        named_tool=named,
        parallel=parallel,
        max_tokens=top.take("max_tokens"),
        temperature=top.take("temperature"),
        top_p=top.take("top_p"),
        top_k=top.take("top_k"),
        stop=tuple(top.list("stop_sequences")),
        stream=bool(top.flag("stream")),
        schema=_decode_format(top),
        user=user,
    )
    top.close(_KNOBS, {"mcp_servers": []})
    return conversation


def _decode_message(fields: Fields) -> Iterable[Turn]:
    """One turn, or two where tool results and other content stand in one message."""
    role = fields.text("role").strip().casefold()
    if role == "system":
        texts = _texts(fields, "content")
        fields.close()
        return (Turn("system", texts),)
    content = fields.take("content")
    if type(content) is str:
        content = [{"type": "text", "text": content}]
    parts: list[Part] = []
    for index, block in enumerate(content or ()):
        parts += _decode_block(fields.inner(block, f"content[{index}]"))
    fields.close()
    if role == "assistant":
        calls = [part for part in parts if isinstance(part, ToolCall)]
        return (Turn("assistant", (*(part for part in parts if not isinstance(part, ToolCall)), *calls)),)
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    turns = [Turn("user", results)] if results else []
    if rest or not results:
        turns.append(Turn("user", rest))
    return turns


def _texts(fields: Fields, field: str) -> tuple[Text, ...]:
    """A content that can only be text."""
    content = fields.take(field)
    if content is None:
        return ()
    if type(content) is str:
        return (Text(content),) if content else ()
    texts: list[Text] = []
    for index, block in enumerate(content):
        inner = fields.inner(block, f"{field}[{index}]")
        if inner.text("type") != "text":
            raise inner.cannot("type")
        texts.append(_text(inner))
    return tuple(texts)


def _text(fields: Fields) -> Text:
    text = Text(fields.text("text"))
    fields.close(frozenset({"cache_control", "citations"}), {"citations": []})
    return text


def _decode_block(fields: Fields) -> list[Part]:
    kind = fields.text("type")
    if kind == "text":
        return [_text(fields)]
    if kind == "image":
        return [_decode_image(fields)]
    if kind == "document":
        return _decode_document(fields)
    if kind == "tool_use":
        call = ToolCall(fields.text("id"), fields.text("name"), arguments_text(fields.object("input")))
        fields.close(_MARKS, {"caller": {"type": "direct"}})
        return [call]
    if kind == "tool_result":
        return [_decode_result(fields)]
    if kind in ("thinking", "redacted_thinking"):
        fields.drop(kind)
        return []
    raise fields.cannot("type")


def _decode_image(fields: Fields) -> Image:
    source = fields.inner(fields.object("source"), "source")
    kind = source.text("type")
    if kind == "base64":
        image = Image(media_type=source.text("media_type"), data=source.text("data"))
    elif kind == "url":
        image = Image(url=source.text("url"))
    else:
        raise source.cannot("type")
    source.close()
    fields.close(frozenset({"cache_control", "transformations"}))
    return image


def _decode_document(fields: Fields) -> list[Part]:
    """A PDF stays a file; a document of text becomes the texts it holds, its title and context before them."""
    source = fields.inner(fields.object("source"), "source")
    kind = source.text("type")
    title, context = fields.text("title"), fields.text("context")
    parts: list[Part]
    if kind == "base64":
        if source.text("media_type") != "application/pdf":
            raise source.cannot("media_type")
        parts = [Document(source.text("data"), title)]
    elif kind == "text":
        source.take("media_type")
        parts = [Text(text) for text in (title, source.text("data")) if text]
    elif kind == "content":
        parts = [Text(title)] if title else []
        content = source.take("content")
        if type(content) is str:
            content = [{"type": "text", "text": content}]
        for index, block in enumerate(content or ()):
            parts += _decode_block(source.inner(block, f"content[{index}]"))
    else:
        raise source.cannot("type")
    source.close()
    fields.close(frozenset({"cache_control", "citations"}), {"citations": {"enabled": False}})
    return [Text(context), *parts] if context else parts


def _decode_result(fields: Fields) -> ToolResult:
    content = fields.take("content")
    if type(content) is str:
        content = [{"type": "text", "text": content}] if content else []
    parts: list[Text | Image] = []
    for index, block in enumerate(content or ()):
        inner = fields.inner(block, f"content[{index}]")
        for part in _decode_block(inner):
            if not isinstance(part, Text | Image):
                raise inner.cannot("type")
            parts.append(part)
    result = ToolResult(fields.text("tool_use_id"), tuple(parts), bool(fields.flag("is_error")))
    fields.close(_MARKS)
    return result


def _decode_tool(fields: Fields) -> Tool:
    if fields.text("type") not in ("custom", ""):
        raise fields.cannot("type")
    tool = Tool(fields.text("name"), fields.take("description"), fields.object("input_schema"), fields.flag("strict"))
    fields.close(_TOOL_KNOBS, {"defer_loading": False, "allowed_callers": ["direct"], "input_examples": []})
    return tool


def _decode_choice(top: Fields) -> tuple[Choice | None, str, bool | None]:
    value = top.take("tool_choice")
    if value is None:
        return None, "", None
    fields = top.inner(value, "tool_choice")
    choice = _CHOICES.get(fields.text("type"))
    if choice is None:
        raise fields.cannot("type")
    name, single = fields.text("name"), fields.flag("disable_parallel_tool_use")
    fields.close()
    return choice, name, None if single is None else not single


def _decode_format(top: Fields) -> dict[str, object] | None:
    config = top.inner(top.object("output_config"), "output_config")
    schema: dict[str, object] | None = None
    value = config.take("format")
    if value is not None:
        form = config.inner(value, "format")
        if form.text("type") != "json_schema":
            raise form.cannot("type")
        schema = form.object("schema")
        form.close()
    config.close(frozenset({"effort"}))
    return schema


def encode(conversation: Conversation, dropped: dict[str, None], max_output_tokens: int) -> Json:
    """The request that says `conversation`, bounded by `max_output_tokens` where it gives no bound of its own."""
    max_tokens = conversation.max_tokens
    document: Json = {
        "model": conversation.model,
        "max_tokens": max_output_tokens if max_tokens is None else max_tokens,
        "messages": _encode_turns(conversation.turns),
    }
    if any(isinstance(part, ToolCall) and part.signature for turn in conversation.turns for part in turn.parts):
        dropped["messages.tool_calls.thought_signature"] = None
    if conversation.system:
        document["system"] = _say(conversation.system)
    temperature = conversation.temperature
    if temperature is not None and temperature > _MOST_TEMPERATURE:
        dropped["temperature"] = None
        temperature = _MOST_TEMPERATURE
    for field, value in (("temperature", temperature), ("top_p", conversation.top_p), ("top_k", conversation.top_k)):
        if value is not None:
            document[field] = value
    if conversation.stop:
        document["stop_sequences"] = list(conversation.stop)
    if conversation.tools:
        document["tools"] = [_encode_tool(tool) for tool in conversation.tools]
    choice = _encode_choice(conversation)
    if choice is not None:
        document["tool_choice"] = choice
    if conversation.schema is not None:
        document["output_config"] = {"format": {"type": "json_schema", "schema": conversation.schema}}
    if conversation.user is not None:
        document["metadata"] = {"user_id": conversation.user}
    if conversation.stream:
        document["stream"] = True
    return document


def _encode_choice(conversation: Conversation) -> Json | None:
    """One object says both whether a tool must be used and whether several may; without tools there is none."""
    choice, parallel = conversation.choice, conversation.parallel
    if not conversation.tools or (choice is None and parallel is not False):
        return None
    choice = choice or Choice.AUTO
    out: Json = {"type": _NAMES[choice]}
    if choice is Choice.NAMED:
        out["name"] = conversation.named_tool
    if parallel is not None and choice is not Choice.NONE:
        out["disable_parallel_tool_use"] = not parallel
    return out


def _encode_turns(turns: Iterable[Turn]) -> list[Json]:
    """Tool results and what the user says next share one message, as this API wants results directly after the calls."""
    messages: list[Json] = []
    after_results = False
    for turn in turns:
        results = turn.role == "user" and bool(turn.parts) and all(isinstance(part, ToolResult) for part in turn.parts)
        if turn.role == "user" and after_results:
            messages[-1]["content"] += [_encode_part(part) for part in turn.parts]
        elif results or turn.role == "assistant":
            messages.append({"role": turn.role, "content": [_encode_part(part) for part in turn.parts]})
        else:
            messages.append({"role": turn.role, "content": _say(turn.parts)})
        after_results = results
    return messages


def _say(parts: tuple[Part, ...]) -> Any:
    """One text stands as a string."""
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].text:
        return parts[0].text
    return [_encode_part(part) for part in parts]


def _encode_part(part: Part) -> Json:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        if part.url:
            return {"type": "image", "source": {"type": "url", "url": part.url}}
        return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": part.data}}
    if isinstance(part, Document):
        source = {"type": "base64", "media_type": "application/pdf", "data": part.data}
        return {"type": "document", "source": source, **({"title": part.name} if part.name else {})}
    if isinstance(part, ToolCall):
        arguments = arguments_object(part.arguments)
        if arguments is None:
            raise cannot("messages.tool_calls.function.arguments")
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
    content: Any = [_encode_part(inner) for inner in part.parts]
    if len(part.parts) == 1 and isinstance(part.parts[0], Text) and part.parts[0].text:
        content = part.parts[0].text
    result: Json = {"type": "tool_result", "tool_use_id": part.call, "content": content}
    if part.error:
        result["is_error"] = True
    return result


def _encode_tool(tool: Tool) -> Json:
    out: Json = {"name": tool.name}
    if tool.description is not None:
        out["description"] = tool.description
    out["input_schema"] = tool.schema
    if tool.strict is not None:
        out["strict"] = tool.strict
    return out
