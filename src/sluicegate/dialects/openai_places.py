"""Where text stands in a Chat Completions request, and which places are structural.

Source: the types of openai-python (`openai.types.chat.completion_create_params` and what it refers to), and the extensions
that OpenAI-compatible servers share (`reasoning_content`, `video_url`, `top_k`).
"""

from typing import Any

from sluicegate.core.dialect import BOUNDS, Bounds, Json, Place, Reading, Span
from sluicegate.dialects.walk import (
    Rule,
    address,
    blob,
    each,
    fields,
    free,
    identifier,
    knob,
    nested,
    opaque,
    reference,
    sealed,
    structural,
    text,
    within,
    words,
)

_CACHE = fields({"mode": words("explicit"), "ttl": words("30m", "12h")})
_PART = fields(
    {
        "type": words("text", "image_url", "input_audio", "file", "refusal", "video_url", "audio_url", "document_url"),
        "text": text,
        "refusal": text,
        "image_url": fields({"url": address("image"), "detail": words("auto", "low", "high", "original")}),
        "video_url": fields({"url": address("video")}),
        "audio_url": fields({"url": address("audio")}),
        "document_url": address("file"),
        "input_audio": fields({"data": blob("audio"), "format": words("wav", "mp3")}),
        "file": fields({"file_data": blob("file"), "file_id": reference, "filename": text}),
        "prompt_cache_breakpoint": _CACHE,
    }
)
_CONTENT = each(_PART)
_CALL = fields(
    {
        "id": identifier,
        "index": knob,
        "type": words("function", "custom"),
        "function": fields({"name": text, "arguments": nested}),
        "custom": fields({"name": text, "input": text}),
        "extra_content": fields({"google": fields({"thought_signature": sealed(opaque)})}),
    },
    at=Place.TOOL_ARGUMENTS,
)
_ROLE = words("system", "developer", "user", "assistant", "tool", "function")
_MESSAGE: dict[str, Rule] = {
    "role": _ROLE,
    "content": _CONTENT,
    "name": text,
    "refusal": text,
    "reasoning_content": text,
    "reasoning": text,
    "tool_calls": each(_CALL),
    "tool_call_id": identifier,
    "function_call": fields({"name": text, "arguments": nested}, at=Place.TOOL_ARGUMENTS),
    "audio": fields({"id": reference}),
}
_PLACES = {
    "system": Place.SYSTEM,
    "developer": Place.SYSTEM,
    "user": Place.USER,
    "assistant": Place.ASSISTANT,
    "tool": Place.TOOL_RESULT,
    "function": Place.TOOL_RESULT,
}
_message = fields(_MESSAGE)


def _messages(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """Each message at the place its role says."""
    if type(value) is not list:
        free(value, holder, key, place, out)
        return
    for index, message in enumerate(value):
        at = Place.OTHER
        if type(message) is dict:
            role = message.get("role")
            if type(role) is str:
                at = _PLACES.get(role) or _PLACES.get(role.strip().casefold(), at)
            content = message.get("content")
            if type(content) is str and len(message) == 2 and role in _PLACES:
                # most messages: a known role and a text, and nothing else
                out.spans.append(Span(message, "content", content, at))
                continue
        _message(message, value, index, at, out)


_TOOL_TYPES = words("function", "custom", "allowed_tools", "auto", "none", "required")
_FUNCTION = fields({"name": text, "description": text, "parameters": free, "strict": knob})
_TOOL = fields({"type": _TOOL_TYPES, "function": _FUNCTION}, at=Place.TOOL_DEFINITION)
_REQUEST: dict[str, Rule] = {
    "model": structural,
    "messages": _messages,
    "stream": knob,
    "stream_options": fields({"include_usage": knob, "include_obfuscation": knob}),
    "max_tokens": knob,
    "max_completion_tokens": knob,
    "n": knob,
    "temperature": knob,
    "top_p": knob,
    "top_k": knob,
    "min_p": knob,
    "seed": knob,
    "frequency_penalty": knob,
    "presence_penalty": knob,
    "repetition_penalty": knob,
    "logprobs": knob,
    "top_logprobs": knob,
    "parallel_tool_calls": knob,
    "store": knob,
    "tools": each(_TOOL),
    "functions": within(Place.TOOL_DEFINITION, each(_FUNCTION)),
    "tool_choice": within(Place.TOOL_DEFINITION, each(_TOOL_TYPES)),
    "function_call": within(Place.TOOL_DEFINITION, each(words("none", "auto"))),
    "reasoning_effort": words("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "verbosity": words("low", "medium", "high"),
    "service_tier": words("auto", "default", "flex", "scale", "priority", "fast"),
    "prompt_cache_retention": words("in_memory", "24h"),
    "prompt_cache_options": fields({"mode": words("implicit", "explicit"), "ttl": words("30m")}),
    "modalities": each(words("text", "audio")),
    "response_format": fields({"type": words("text", "json_object", "json_schema"), "json_schema": free}),
    "prediction": fields({"type": words("content"), "content": _CONTENT}),
}
_request = fields(_REQUEST)


def read_spans(document: Json, bounds: Bounds = BOUNDS) -> Reading:
    """Every governed string of a request, in one pass."""
    out = Reading([], [], bounds.depth, bounds.values)
    _request(document, None, None, Place.OTHER, out)
    return out
