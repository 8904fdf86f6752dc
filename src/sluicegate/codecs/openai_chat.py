"""Chat Completions requests, to and from the canonical conversation.

Source: the types of openai-python. `Conversation` that this dialect cannot say: images in tool results, and more than four
stop sequences. Dropped, and named: `top_k`, `is_error` of a tool result, and Gemini's signatures of calls: clients are given
them in the field in which Google's own servers of this dialect do, which other servers would refuse.
"""

import re
from typing import Any, Literal

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
from sluicegate.codecs.reading import Fields, arguments_object, cannot
from sluicegate.core.dialect import Json

_KNOBS = frozenset(
    {
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
        "seed",
        "logit_bias",
        "min_p",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "metadata",
        "verbosity",
        "prediction",
        "reasoning_effort",
    }
)
_SILENT: dict[str, Any] = {
    "n": 1,
    "store": False,
    "logprobs": False,
    "modalities": ["text"],
    "functions": [],
    "top_logprobs": 0,
}
_ASSISTANT_KNOBS = frozenset({"reasoning_content", "reasoning", "annotations"})
_ASSISTANT_SILENT: dict[str, Any] = {"annotations": [], "tool_calls": []}
_PART_KNOBS = frozenset({"prompt_cache_breakpoint"})
DATA_URL = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,", re.IGNORECASE)
_MOST_STOPS = 4
_CHOICES = {"none": Choice.NONE, "auto": Choice.AUTO, "required": Choice.REQUIRED}


def decode(document: Json, dropped: dict[str, None]) -> Conversation:
    """The conversation that a request is; knobs it cannot hold go to `dropped`. Raises UnsupportedFeature."""
    top = Fields(document, "", dropped)
    system, turns = _decode_messages(top.list("messages"), dropped)
    tools = tuple(_decode_tool(top.inner(tool, f"tools[{index}]")) for index, tool in enumerate(top.list("tools")))
    choice, named = _decode_choice(top)
    stop = top.take("stop")
    options = top.inner(top.object("stream_options"), "stream_options")
    options.take("include_usage")
    options.close(frozenset({"include_obfuscation"}))
    older, newer = top.take("max_tokens"), top.take("max_completion_tokens")
    conversation = Conversation(
        model=top.text("model"),
        system=system,
        turns=turns,
        tools=tools,
        choice=choice,
        named_tool=named,
        parallel=top.flag("parallel_tool_calls"),
        max_tokens=older if newer is None else newer,
        temperature=top.take("temperature"),
        top_p=top.take("top_p"),
        top_k=top.take("top_k"),
        stop=(stop,) if type(stop) is str else tuple(stop or ()),
        stream=bool(top.flag("stream")),
        schema=_decode_format(top),
        user=top.take("user"),
    )
    top.close(_KNOBS, _SILENT)
    return conversation


def _decode_messages(messages: list[Any], dropped: dict[str, None]) -> tuple[tuple[Text, ...], tuple[Turn, ...]]:
    """System messages before everything else are the system prompt; later ones are turns where they stand."""
    system: list[Text] = []
    turns: list[Turn] = []
    after_result = False
    for index, message in enumerate(messages):
        fields = Fields(message, f"messages[{index}]", dropped)
        role = fields.text("role").strip().casefold()
        if role == "tool":
            result = ToolResult(fields.text("tool_call_id"), _texts(fields, "content"))
            fields.close(frozenset({"name"}))
            if after_result:
                turns[-1] = Turn("user", (*turns[-1].parts, result))
            else:
                turns.append(Turn("user", (result,)))
            after_result = True
            continue
        after_result = False
        if role in ("system", "developer"):
            texts = _texts(fields, "content")
            fields.close()
            if turns:
                turns.append(Turn("system", texts))
            else:
                system += texts
        elif role == "user":
            parts = _decode_content(fields)
            fields.close()
            turns.append(Turn("user", parts))
        elif role == "assistant":
            turns.append(_decode_assistant(fields))
        else:
            raise fields.cannot("role")
    return tuple(system), tuple(turns)


def _decode_assistant(fields: Fields) -> Turn:
    parts: list[Part] = list(_texts(fields, "content"))
    if refusal := fields.text("refusal"):
        parts.append(Text(refusal))
    for index, call in enumerate(fields.list("tool_calls")):
        parts.append(_decode_call(fields.inner(call, f"tool_calls[{index}]")))
    fields.close(_ASSISTANT_KNOBS, _ASSISTANT_SILENT)
    return Turn("assistant", tuple(parts))


def _decode_call(fields: Fields) -> ToolCall:
    if fields.text("type") not in ("function", ""):
        raise fields.cannot("type")
    function = fields.inner(fields.object("function"), "function")
    arguments = function.text("arguments")
    if arguments_object(arguments) is None:
        raise function.cannot("arguments")
    call = ToolCall(fields.text("id"), function.text("name"), arguments or "{}", _decode_signature(fields))
    function.close()
    fields.take("index")
    fields.close()
    return call


def _decode_signature(fields: Fields) -> str:
    """What Google's own servers of this dialect add to a call, and want back with it."""
    extra = fields.inner(fields.object("extra_content"), "extra_content")
    google = extra.inner(extra.object("google"), "google")
    signature = google.text("thought_signature")
    google.close()
    extra.close()
    return signature


def _texts(fields: Fields, field: str) -> tuple[Text, ...]:
    """A content that can only be text."""
    content = fields.take(field)
    if content is None:
        return ()
    if type(content) is str:
        return (Text(content),) if content else ()
    texts: list[Text] = []
    for index, part in enumerate(content):
        inner = fields.inner(part, f"{field}[{index}]")
        kind = inner.text("type")
        if kind not in ("text", "refusal"):
            raise inner.cannot("type")
        texts.append(Text(inner.text(kind)))
        inner.close(_PART_KNOBS)
    return tuple(texts)


def _decode_content(fields: Fields) -> tuple[Part, ...]:
    content = fields.take("content")
    if type(content) is str:
        return (Text(content),)
    parts: list[Part] = []
    for index, part in enumerate(content or ()):
        inner = fields.inner(part, f"content[{index}]")
        kind = inner.text("type")
        if kind == "text":
            parts.append(Text(inner.text("text")))
        elif kind == "image_url":
            image = inner.inner(inner.object("image_url"), "image_url")
            parts.append(image_of(image.text("url")))
            image.close(frozenset({"detail"}))
        elif kind == "file":
            parts.append(_decode_file(inner.inner(inner.object("file"), "file")))
        else:
            raise inner.cannot("type")
        inner.close(_PART_KNOBS)
    return tuple(parts)


def image_of(url: str) -> Image:
    """The picture that an address, or data in one, is."""
    match = DATA_URL.match(url)
    return Image(url=url) if match is None else Image(media_type=match[1].lower(), data=url[match.end() :])


def _decode_file(fields: Fields) -> Document:
    data, name = fields.text("file_data"), fields.text("filename")
    match = DATA_URL.match(data)
    if match is None or match[1].lower() != "application/pdf":
        raise fields.cannot("file_data")
    fields.close()
    return Document(data[match.end() :], name)


def _decode_tool(fields: Fields) -> Tool:
    if fields.text("type") != "function":
        raise fields.cannot("type")
    function = fields.inner(fields.object("function"), "function")
    empty: Json = {"type": "object", "properties": {}}
    tool = Tool(
        function.text("name"),
        function.take("description"),
        function.object("parameters") or empty,
        function.flag("strict"),
    )
    function.close()
    fields.close()
    return tool


def _decode_choice(top: Fields) -> tuple[Choice | None, str]:
    value = top.take("tool_choice")
    if value is None:
        return None, ""
    if type(value) is str and value in _CHOICES:
        return _CHOICES[value], ""
    fields = top.inner(value, "tool_choice")
    if fields.text("type") != "function":
        raise fields.cannot("type")
    function = fields.inner(fields.object("function"), "function")
    name = function.text("name")
    function.close()
    fields.close()
    return Choice.NAMED, name


def _decode_format(top: Fields) -> dict[str, object] | None:
    value = top.take("response_format")
    if value is None:
        return None
    fields = top.inner(value, "response_format")
    kind = fields.text("type")
    if kind == "text":
        fields.close()
        return None
    if kind != "json_schema":
        raise fields.cannot("type")
    inner = fields.inner(fields.object("json_schema"), "json_schema")
    schema = inner.object("schema")
    inner.take("name")
    if inner.flag("strict") is False:
        inner.drop("strict")
    inner.close(frozenset({"description"}))
    fields.close()
    return schema


def encode(conversation: Conversation, dropped: dict[str, None], max_output_tokens: int) -> Json:
    """The request that says `conversation`, bounded by `max_output_tokens` where it gives no bound of its own.

    Raises UnsupportedFeature, with the name that the other dialects have for the field.
    """
    if len(conversation.stop) > _MOST_STOPS:
        raise cannot("stop_sequences")
    messages = [_say("system", conversation.system)] if conversation.system else []
    for turn in conversation.turns:
        messages += _encode_turn(turn, dropped)
    document: Json = {"model": conversation.model, "messages": messages}
    given = {
        "max_completion_tokens": max_output_tokens if conversation.max_tokens is None else conversation.max_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "user": conversation.user,
        "parallel_tool_calls": conversation.parallel if conversation.tools else None,
    }
    document.update((field, value) for field, value in given.items() if value is not None)
    if conversation.top_k is not None:
        dropped["top_k"] = None
    if conversation.stop:
        document["stop"] = list(conversation.stop)
    if conversation.tools:
        document["tools"] = [_encode_tool(tool) for tool in conversation.tools]
    if conversation.choice is Choice.NAMED:
        document["tool_choice"] = {"type": "function", "function": {"name": conversation.named_tool}}
    elif conversation.choice is not None:
        document["tool_choice"] = conversation.choice.value
    if conversation.schema is not None:
        schema = {"name": "answer", "strict": True, "schema": conversation.schema}
        document["response_format"] = {"type": "json_schema", "json_schema": schema}
    if conversation.stream:
        document["stream"] = True
        document["stream_options"] = {"include_usage": True}
    return document


def _say(role: Literal["system", "user"], parts: tuple[Part, ...]) -> Json:
    """One text stands as a string, which every server of this dialect reads."""
    if len(parts) == 1 and isinstance(parts[0], Text):
        return {"role": role, "content": parts[0].text}
    return {"role": role, "content": [_encode_part(part) for part in parts]}


def _encode_turn(turn: Turn, dropped: dict[str, None]) -> list[Json]:
    if turn.role == "assistant":
        if any(isinstance(part, ToolCall) and part.signature for part in turn.parts):
            dropped["messages.tool_calls.thought_signature"] = None
        return [_encode_assistant(turn)]
    messages: list[Json] = []
    rest: list[Part] = []
    for part in turn.parts:
        if isinstance(part, ToolResult):
            messages.append(_encode_result(part, dropped))
        else:
            rest.append(part)
    if rest or not messages:
        messages.append(_say(turn.role, tuple(rest)))
    return messages


def _encode_result(result: ToolResult, dropped: dict[str, None]) -> Json:
    if result.error:
        dropped["messages.content.is_error"] = None
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    if len(texts) < len(result.parts):
        raise cannot("messages.content.tool_result.image")
    content: Any = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
    return {"role": "tool", "tool_call_id": result.call, "content": content or ""}


def _encode_assistant(turn: Turn) -> Json:
    texts = [part.text for part in turn.parts if isinstance(part, Text)]
    calls = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
        for part in turn.parts
        if isinstance(part, ToolCall)
    ]
    if len(texts) + len(calls) < len(turn.parts):
        raise cannot("messages.content.image")
    message: Json = {"role": "assistant", "content": None}
    if texts:
        message["content"] = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
    if calls:
        message["tool_calls"] = calls
    elif not texts:
        message["content"] = ""
    return message


def _encode_part(part: Part) -> Json:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        url = part.url or f"data:{part.media_type};base64,{part.data}"
        return {"type": "image_url", "image_url": {"url": url}}
    if isinstance(part, Document):
        file = {"filename": part.name or "document.pdf", "file_data": f"data:application/pdf;base64,{part.data}"}
        return {"type": "file", "file": file}
    raise cannot("messages.content.type")


def _encode_tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}
