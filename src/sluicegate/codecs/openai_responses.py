"""Responses requests, to and from the canonical conversation.

Source: the types of openai-python. `Conversation` that this dialect cannot say: stop sequences. Dropped, and named: `top_k`,
`is_error` of a tool result, and Gemini's signatures of calls. Reasoning in a history is bound to the model that wrote it and
is dropped, named.
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
from sluicegate.codecs.openai_chat import DATA_URL, image_of
from sluicegate.codecs.openai_responses_tools import INPUT, decode_tools, joined
from sluicegate.codecs.reading import Fields, arguments_object, arguments_text, cannot
from sluicegate.core.dialect import Json

_KNOBS = frozenset(
    {
        "reasoning",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "metadata",
        "truncation",
        "max_tool_calls",
        "client_metadata",
    }
)
_SILENT: dict[str, Any] = {
    "store": False,
    "background": False,
    "metadata": {},
    "truncation": "disabled",
    "service_tier": "auto",
    "top_logprobs": 0,
    "stream_options": {},
}
_LOSABLE = frozenset({"reasoning.encrypted_content", "web_search_call.action.sources", "file_search_call.results"})
"""What `include` may ask for of items that a translated answer never has, or has without."""
_ITEM = frozenset({"id", "status", "phase"})
"""Members of an item that say where it came from."""
_OWN = "internal_chat_message_metadata_passthrough"
"""What Codex tells OpenAI beside each item."""
_PART_KNOBS = frozenset({"prompt_cache_breakpoint"})
_TEXT_SILENT: dict[str, Any] = {"annotations": [], "logprobs": []}
_CHOICES = {"none": Choice.NONE, "auto": Choice.AUTO, "required": Choice.REQUIRED}
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


def decode(document: Json, dropped: dict[str, None]) -> Conversation:
    """The conversation that a request is; knobs it cannot hold go to `dropped`. Raises UnsupportedFeature."""
    top = Fields(document, "", dropped)
    reader = _Reader(top.text("instructions"))
    given = top.take("input")
    if type(given) is str:
        reader.turns.append(Turn("user", (Text(given),)))
    for index, item in enumerate(given if type(given) is list else ()):
        reader.item(top.inner(item, f"input[{index}]"))
    tools: list[Tool] = []
    for index, tool in enumerate(top.list("tools")):
        tools += decode_tools(top.inner(tool, f"tools[{index}]"))
    choice, named = _decode_choice(top)
    for wanted in top.list("include"):
        if wanted not in _LOSABLE:
            raise top.cannot("include")
        top.drop("include")
    conversation = Conversation(
        model=top.text("model"),
        system=tuple(reader.system),
        turns=tuple(reader.turns),
        tools=tuple(tools),
        choice=choice,
        named_tool=named,
        parallel=top.flag("parallel_tool_calls"),
        max_tokens=top.take("max_output_tokens"),
        temperature=top.take("temperature"),
        top_p=top.take("top_p"),
        stream=bool(top.flag("stream")),
        schema=_decode_format(top),
        user=top.take("user"),
    )
    top.close(_KNOBS | {"stream_options"}, _SILENT)
    return conversation


class _Reader:
    """Items in, turns out: what the model said in a row is one turn, and so is what the tools gave back in a row."""

    def __init__(self, instructions: str) -> None:
        self.system = [Text(instructions)] if instructions else []
        self.turns: list[Turn] = []
        self._after_result = False

    def item(self, fields: Fields) -> None:
        kind = fields.text("type") or "message"
        for member in _ITEM:
            fields.take(member)
        if fields.take(_OWN) is not None:
            fields.drop(_OWN)
        if kind == "message":
            self._message(fields)
        elif kind == "function_call":
            self._said((_decode_call(fields),))
        elif kind == "custom_tool_call":
            arguments = arguments_text({INPUT: fields.text("input")})
            self._said((ToolCall(fields.text("call_id"), fields.text("name"), arguments),))
            fields.close()
        elif kind in ("function_call_output", "custom_tool_call_output"):
            result = _decode_result(fields)
            if self._after_result:
                self.turns[-1] = Turn("user", (*self.turns[-1].parts, result))
            else:
                self.turns.append(Turn("user", (result,)))
            self._after_result = True
        elif kind == "reasoning":
            fields.drop("reasoning")
        else:
            raise fields.cannot("type")

    def _message(self, fields: Fields) -> None:
        role = fields.text("role").strip().casefold()
        parts = _decode_content(fields, "content")
        fields.close()
        if role == "assistant":
            self._said(parts)
            return
        self._after_result = False
        if role == "user":
            self.turns.append(Turn("user", parts))
        elif role in ("system", "developer"):
            texts = tuple(part for part in parts if isinstance(part, Text))
            if len(texts) < len(parts):
                raise fields.cannot("content")
            if self.turns:
                self.turns.append(Turn("system", texts))
            else:
                self.system += texts
        else:
            raise fields.cannot("role")

    def _said(self, parts: tuple[Part, ...]) -> None:
        """More of the assistant's; its texts stand before its calls."""
        self._after_result = False
        said = self.turns.pop().parts if self.turns and self.turns[-1].role == "assistant" else ()
        both = (*said, *parts)
        calls = tuple(part for part in both if isinstance(part, ToolCall))
        self.turns.append(Turn("assistant", (*(part for part in both if not isinstance(part, ToolCall)), *calls)))


def _decode_call(fields: Fields) -> ToolCall:
    arguments = fields.text("arguments")
    if arguments_object(arguments) is None:
        raise fields.cannot("arguments")
    name = joined(fields.text("namespace"), fields.text("name"))
    call = ToolCall(fields.text("call_id"), name, arguments or "{}")
    fields.close()
    return call


def _decode_result(fields: Fields) -> ToolResult:
    parts: list[Text | Image] = []
    for part in _decode_content(fields, "output"):
        if not isinstance(part, Text | Image):
            raise fields.cannot("output")
        parts.append(part)
    result = ToolResult(fields.text("call_id"), tuple(parts))
    fields.close(frozenset({"name", "namespace"}))
    return result


def _decode_content(fields: Fields, field: str) -> tuple[Part, ...]:
    content = fields.take(field)
    if type(content) is str:
        return (Text(content),) if content else ()
    parts: list[Part] = []
    for index, part in enumerate(content or ()):
        inner = fields.inner(part, f"{field}[{index}]")
        kind = inner.text("type")
        if kind in _TEXTS:
            parts.append(Text(inner.text(_TEXTS[kind])))
        elif kind == "input_image":
            parts.append(image_of(inner.text("image_url")))
            if inner.take("detail") not in (None, "auto"):
                inner.drop("detail")
        elif kind == "input_file":
            parts.append(_decode_file(inner))
        else:
            raise inner.cannot("type")
        inner.close(_PART_KNOBS, _TEXT_SILENT)
    return tuple(parts)


def _decode_file(fields: Fields) -> Document:
    data = fields.text("file_data")
    match = DATA_URL.match(data)
    if match is None or match[1].lower() != "application/pdf":
        raise fields.cannot("file_data")
    return Document(data[match.end() :], fields.text("filename"))


def _decode_choice(top: Fields) -> tuple[Choice | None, str]:
    value = top.take("tool_choice")
    if value is None:
        return None, ""
    if type(value) is str and value in _CHOICES:
        return _CHOICES[value], ""
    fields = top.inner(value, "tool_choice")
    if fields.text("type") not in ("function", "custom"):
        raise fields.cannot("type")
    name = fields.text("name")
    fields.close()
    return Choice.NAMED, name


def _decode_format(top: Fields) -> dict[str, object] | None:
    text = top.inner(top.object("text"), "text")
    schema: dict[str, object] | None = None
    value = text.take("format")
    if value is not None:
        form = text.inner(value, "format")
        kind = form.text("type")
        if kind == "json_schema":
            schema = form.object("schema")
            form.take("name")
            if form.flag("strict") is False:
                form.drop("strict")
        elif kind != "text":
            raise form.cannot("type")
        form.close(frozenset({"description"}))
    text.close(frozenset({"verbosity"}))
    return schema


def encode(conversation: Conversation, dropped: dict[str, None], max_output_tokens: int) -> Json:
    """The request that says `conversation`, bounded by `max_output_tokens` where it gives no bound of its own.

    Nothing of it is kept at the provider. Raises UnsupportedFeature, with the name that another dialect has for the field.
    """
    if conversation.stop:
        raise cannot("stop")
    document: Json = {"model": conversation.model, "input": list(_encode_turns(conversation, dropped)), "store": False}
    if len(conversation.system) == 1:
        document["instructions"] = conversation.system[0].text
    given = {
        "max_output_tokens": max_output_tokens if conversation.max_tokens is None else conversation.max_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "user": conversation.user,
        "parallel_tool_calls": conversation.parallel if conversation.tools else None,
    }
    document.update((field, value) for field, value in given.items() if value is not None)
    if any(isinstance(part, ToolCall) and part.signature for turn in conversation.turns for part in turn.parts):
        dropped["messages.tool_calls.thought_signature"] = None
    if conversation.top_k is not None:
        dropped["top_k"] = None
    if conversation.tools:
        document["tools"] = [_encode_tool(tool) for tool in conversation.tools]
    if conversation.choice is Choice.NAMED:
        document["tool_choice"] = {"type": "function", "name": conversation.named_tool}
    elif conversation.choice is not None:
        document["tool_choice"] = conversation.choice.value
    if conversation.schema is not None:
        form = {"type": "json_schema", "name": "answer", "strict": True, "schema": conversation.schema}
        document["text"] = {"format": form}
    if conversation.stream:
        document["stream"] = True
    return document


def _encode_turns(conversation: Conversation, dropped: dict[str, None]) -> Iterable[Json]:
    if len(conversation.system) > 1:
        yield _say("system", conversation.system)
    for turn in conversation.turns:
        rest: list[Part] = []
        calls: list[Json] = []
        for part in turn.parts:
            if isinstance(part, ToolResult):
                yield _encode_result(part, dropped)
            elif isinstance(part, ToolCall):
                call = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}
                calls.append(call)
            else:
                rest.append(part)
        if rest or not turn.parts:
            yield _say(turn.role, tuple(rest))
        yield from calls


def _say(role: str, parts: tuple[Part, ...]) -> Json:
    """One text stands as a string."""
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].text:
        return {"role": role, "content": parts[0].text}
    kind = "output_text" if role == "assistant" else "input_text"
    return {"role": role, "content": [_encode_part(part, kind) for part in parts]}


def _encode_result(result: ToolResult, dropped: dict[str, None]) -> Json:
    if result.error:
        dropped["messages.content.is_error"] = None
    output: Any = [_encode_part(part, "input_text") for part in result.parts]
    if not result.parts:
        output = ""
    elif len(result.parts) == 1 and isinstance(result.parts[0], Text) and result.parts[0].text:
        output = result.parts[0].text
    return {"type": "function_call_output", "call_id": result.call, "output": output}


def _encode_part(part: Part, text: str) -> Json:
    if isinstance(part, Text):
        return {"type": text, "text": part.text}
    if text == "output_text":
        raise cannot("messages.content.image")
    if isinstance(part, Image):
        url = part.url or f"data:{part.media_type};base64,{part.data}"
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    if isinstance(part, Document):
        data = f"data:application/pdf;base64,{part.data}"
        return {"type": "input_file", "filename": part.name or "document.pdf", "file_data": data}
    raise cannot("messages.content.type")


def _encode_tool(tool: Tool) -> Json:
    """A tool of this dialect is strict unless it says otherwise, one of the others is not."""
    out: Json = {"type": "function", "name": tool.name}
    if tool.description is not None:
        out["description"] = tool.description
    return {**out, "parameters": tool.schema, "strict": bool(tool.strict)}
