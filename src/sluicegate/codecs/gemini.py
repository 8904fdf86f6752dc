"""Gemini requests, to and from the canonical conversation.

Source: the types of google-genai, and ai.google.dev/api/generate-content. What Gemini cannot say: system messages in
mid-conversation, and more than five stop sequences. Dropped, and named: `strict`, a bound to one call at a time, the end
user's name. Calls without an id get one from where they stand, and their results find them by id, or by name and order.
"""

import re
from mimetypes import guess_type
from typing import Any
from urllib.parse import urlsplit

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
from sluicegate.codecs.gemini_reading import Calls, NamedTwice
from sluicegate.codecs.gemini_schema import json_schema
from sluicegate.codecs.reading import arguments_object, arguments_text, cannot
from sluicegate.core.dialect import Json

_KNOBS = frozenset({"safetySettings", "labels", "serviceTier"})
_CONFIG_KNOBS = frozenset(
    {
        "seed",
        "presencePenalty",
        "frequencyPenalty",
        "thinkingConfig",
        "mediaResolution",
        "speechConfig",
        "imageConfig",
        "audioTimestamp",
        "enableEnhancedCivicAnswers",
    }
)
_CONFIG_SILENT: dict[str, Any] = {
    "candidateCount": 1,
    "responseLogprobs": False,
    "responseModalities": ["TEXT"],
    "responseMimeType": "text/plain",
}
_PART_KNOBS = frozenset({"mediaResolution", "videoMetadata", "partMetadata"})
_TOOL_KNOBS = frozenset({"response", "responseJsonSchema", "behavior"})
_CHOICES = {
    "MODE_UNSPECIFIED": None,
    "AUTO": Choice.AUTO,
    "VALIDATED": Choice.AUTO,
    "ANY": Choice.REQUIRED,
    "NONE": Choice.NONE,
}
_MODES = {Choice.AUTO: "AUTO", Choice.REQUIRED: "ANY", Choice.NONE: "NONE", Choice.NAMED: "ANY"}
_PDF = "application/pdf"
_MOST_STOPS = 5
_NO_SIGNATURE = "skip_thought_signature_validator"
"""What stands for the signature of a call that Gemini did not make (ai.google.dev/gemini-api/docs/thought-signatures)."""
_UNSIGNED = re.compile(r"gemini-[12](?:[.-]|$)|(?!gemini)")
"""Models that do not ask for signatures."""
_EMPTY: Json = {"type": "object", "properties": {}}


def decode(document: Json, dropped: dict[str, None]) -> Conversation:
    """The conversation that a request is; knobs it cannot hold go to `dropped`. Raises UnsupportedFeature."""
    top = NamedTwice(document, "", dropped)
    calls = Calls()
    turns: list[Turn] = []
    for content in top.each("contents"):
        turns += _decode_content(content, calls)
    top.take("model")
    config = top.inner(top.object("generationConfig"), "generationConfig")
    choice, named = _decode_choice(top.inner(top.object("toolConfig"), "toolConfig"))
    conversation = Conversation(
        model="",
        system=_decode_system(top),
        turns=tuple(turns),
        tools=tuple(_decode_tools(top)),
        choice=choice,
        named_tool=named,
        max_tokens=config.take("maxOutputTokens"),
        temperature=config.take("temperature"),
        top_p=config.take("topP"),
        top_k=config.take("topK"),
        stop=tuple(config.list("stopSequences")),
        schema=_decode_schema(config),
    )
    config.close(_CONFIG_KNOBS, _CONFIG_SILENT)
    top.close(_KNOBS, {"store": False})
    return conversation


def _decode_system(top: NamedTwice) -> tuple[Text, ...]:
    value = top.take("systemInstruction")
    if value is None or type(value) is str:
        return (Text(value),) if value else ()
    fields = top.inner(value, "systemInstruction")
    texts = []
    for part in fields.each("parts"):
        texts.append(Text(part.text("text")))
        part.close()
    fields.take("role")
    fields.close()
    return tuple(texts)


def _decode_content(fields: NamedTwice, calls: Calls) -> list[Turn]:
    """One turn, or two where tool results and other content stand in one content."""
    model = fields.text("role") == "model"
    if model:
        calls.turn()
    parts: list[Part] = []
    for part in fields.each("parts"):
        parts += _decode_part(part, calls)
    fields.close()
    if model:
        made = [part for part in parts if isinstance(part, ToolCall)]
        return [Turn("assistant", (*(part for part in parts if not isinstance(part, ToolCall)), *made))]
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    turns = [Turn("user", results)] if results else []
    if rest or not results:
        turns.append(Turn("user", rest))
    return turns


def _decode_part(fields: NamedTwice, calls: Calls) -> list[Part]:
    """What a part holds. A thought is bound to the model that wrote it: it is dropped, named."""
    if fields.flag("thought"):
        fields.drop("thought")
        return []
    said, signature = fields.take("text"), fields.text("thoughtSignature")
    parts: list[Part] = []
    if type(said) is str:
        parts.append(Text(said))
    elif said is not None:
        raise fields.cannot("text")
    for field in ("functionCall", "functionResponse", "inlineData", "fileData"):
        value = fields.take(field)
        if value is None:
            continue
        inner = fields.inner(value, field)
        if field == "functionCall":
            parts.append(calls.made(inner, signature))
            signature = ""
        elif field == "functionResponse":
            parts.append(_decode_result(inner, calls))
        else:
            parts.append(_decode_media(inner, field))
    if signature:
        fields.drop("thoughtSignature")
    fields.close(_PART_KNOBS)
    return parts


def _decode_media(fields: NamedTwice, field: str) -> Image | Document:
    media = fields.text("mimeType").lower()
    if field == "fileData":
        uri = fields.text("fileUri")
        if not media.startswith("image/") or uri[:4].lower() != "http" or "googleapis.com/" in uri:
            raise fields.cannot("fileUri")
        fields.close(frozenset({"displayName"}))
        return Image(url=uri)
    data = fields.text("data")
    if media == _PDF:
        name = fields.text("displayName")
        fields.close()
        return Document(data, name)
    if not media.startswith("image/"):
        raise fields.cannot("mimeType")
    fields.close(frozenset({"displayName"}))
    return Image(media_type=media, data=data)


def _decode_result(fields: NamedTwice, calls: Calls) -> ToolResult:
    """A result: what stands under `output`, `result` or `error` if that is all there is and it is text, else the object."""
    call = calls.asked(fields)
    response = fields.object("response")
    parts: list[Text | Image] = []
    key = next(iter(response)) if len(response) == 1 else ""
    said = response.get(key)
    if key in ("output", "result", "error") and (texts := _texts(said)) is not None:
        parts += [Text(text) for text in texts]
    elif response:
        parts.append(Text(arguments_text(response)))
    for part in fields.each("parts"):
        for field in ("inlineData", "fileData"):
            value = part.take(field)
            if value is not None:
                image = _decode_media(part.inner(value, field), field)
                if not isinstance(image, Image):
                    raise part.cannot(field)
                parts.append(image)
        part.close(_PART_KNOBS)
    fields.close(frozenset({"scheduling"}), {"willContinue": False})
    return ToolResult(call, tuple(parts), key == "error")


def _texts(value: Any) -> list[str] | None:
    """The texts that a result is, None where it is anything else."""
    if type(value) is str:
        return [value] if value else []
    return value if type(value) is list and value and all(type(each) is str for each in value) else None


def _decode_tools(top: NamedTwice) -> list[Tool]:
    tools: list[Tool] = []
    for tool in top.each("tools"):
        for fields in tool.each("functionDeclarations"):
            schema: Json = fields.object("parametersJsonSchema")
            if (own := fields.take("parameters")) is not None:
                schema = json_schema(own, fields.named("parameters"))
            tools.append(Tool(fields.text("name"), fields.take("description"), schema or _EMPTY))
            fields.close(_TOOL_KNOBS, {"behavior": "BLOCKING"})
        tool.close()
    return tools


def _decode_choice(config: NamedTwice) -> tuple[Choice | None, str]:
    calling = config.inner(config.object("functionCallingConfig"), "functionCallingConfig")
    mode, names = calling.text("mode").upper(), calling.list("allowedFunctionNames")
    if mode and mode not in _CHOICES:
        raise calling.cannot("mode")
    choice = _CHOICES[mode] if mode else None
    if mode == "VALIDATED":
        calling.drop("mode")
    if names:
        if len(names) > 1 or choice is not Choice.REQUIRED:
            raise calling.cannot("allowedFunctionNames")
        choice = Choice.NAMED
    calling.close(silent={"streamFunctionCallArguments": False})
    config.close(silent={"includeServerSideToolInvocations": False})
    return choice, str(names[0]) if names else ""


def _decode_schema(config: NamedTwice) -> dict[str, object] | None:
    own, schema = config.take("responseSchema"), config.take("responseJsonSchema")
    if own is None and schema is None:
        return None
    if config.text("responseMimeType") != "application/json":
        raise config.cannot("responseMimeType")
    if own is not None:
        return json_schema(own, config.named("responseSchema"))
    if type(schema) is not dict:
        raise config.cannot("responseJsonSchema")
    return schema


def encode(conversation: Conversation, dropped: dict[str, None], max_output_tokens: int) -> Json:
    """The request that says `conversation`, bounded by `max_output_tokens` where it gives no bound of its own.

    Raises UnsupportedFeature, with the name that the other dialects have for the field.
    """
    if len(conversation.stop) > _MOST_STOPS:
        raise cannot("stop_sequences")
    document: Json = {"contents": _encode_turns(conversation)}
    if conversation.system:
        document["systemInstruction"] = {"parts": [{"text": text.text} for text in conversation.system]}
    if conversation.tools:
        declared = [_encode_tool(tool, dropped) for tool in conversation.tools]
        document["tools"] = [{"functionDeclarations": declared}]
    if conversation.choice is not None:
        calling: Json = {"mode": _MODES[conversation.choice]}
        if conversation.choice is Choice.NAMED:
            calling["allowedFunctionNames"] = [conversation.named_tool]
        document["toolConfig"] = {"functionCallingConfig": calling}
    if conversation.parallel is False and conversation.tools:
        dropped["parallel_tool_calls"] = None
    if conversation.user is not None:
        dropped["user"] = None
    config: Json = {
        "maxOutputTokens": max_output_tokens if conversation.max_tokens is None else conversation.max_tokens,
        "temperature": conversation.temperature,
        "topP": conversation.top_p,
        "topK": conversation.top_k,
        "stopSequences": list(conversation.stop) or None,
    }
    if conversation.schema is not None:
        config.update(responseMimeType="application/json", responseJsonSchema=conversation.schema)
    document["generationConfig"] = {name: value for name, value in config.items() if value is not None}
    return document


def _encode_turns(conversation: Conversation) -> list[Json]:
    """Results and what the user says next share one content, as this API wants results directly after the calls."""
    signed = _UNSIGNED.match(conversation.model) is None
    names: dict[str, str] = {}
    contents: list[Json] = []
    after_results = False
    for turn in conversation.turns:
        if turn.role == "system":
            raise cannot("messages.role")
        if turn.role == "assistant":
            names.update((part.id, part.name) for part in turn.parts if isinstance(part, ToolCall))
        parts = [_encode_part(part, names) for part in turn.parts]
        if not parts:
            continue
        if turn.role == "assistant" and signed:
            _sign(parts)
        results = turn.role == "user" and bool(turn.parts) and all(isinstance(part, ToolResult) for part in turn.parts)
        if turn.role == "user" and after_results:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": "model" if turn.role == "assistant" else "user", "parts": parts})
        after_results = results
    return contents


def _sign(parts: list[Json]) -> None:
    """The first call of a turn needs a signature."""
    for part in parts:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", _NO_SIGNATURE)
            return


def _encode_part(part: Part, names: dict[str, str]) -> Json:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Image):
        return _encode_image(part)
    if isinstance(part, Document):
        blob: Json = {"mimeType": _PDF, "data": part.data}
        return {"inlineData": {**blob, "displayName": part.name} if part.name else blob}
    if isinstance(part, ToolCall):
        arguments = arguments_object(part.arguments)
        if arguments is None:
            raise cannot("messages.tool_calls.function.arguments")
        call: Json = {"functionCall": {"id": part.id, "name": part.name, "args": arguments}}
        return {**call, "thoughtSignature": part.signature} if part.signature else call
    return _encode_result(part, names)


def _encode_image(image: Image) -> Json:
    if image.url:
        guessed, _ = guess_type(urlsplit(image.url).path)
        media = guessed if guessed is not None and guessed.startswith("image/") else "image/jpeg"
        return {"fileData": {"mimeType": media, "fileUri": image.url}}
    return {"inlineData": {"mimeType": image.media_type, "data": image.data}}


def _encode_result(result: ToolResult, names: dict[str, str]) -> Json:
    name = names.get(result.call)
    if name is None:
        raise cannot("messages.tool_call_id")
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    said: Any = texts if len(texts) > 1 else "".join(texts)
    response: Json = {"id": result.call, "name": name, "response": {"error" if result.error else "output": said}}
    images = [_encode_image(part) for part in result.parts if isinstance(part, Image)]
    if images:
        response["parts"] = images
    return {"functionResponse": response}


def _encode_tool(tool: Tool, dropped: dict[str, None]) -> Json:
    if tool.strict:
        dropped["tools.strict"] = None
    out: Json = {"name": tool.name}
    if tool.description is not None:
        out["description"] = tool.description
    out["parametersJsonSchema"] = tool.schema
    return out
