"""Where text stands in a Messages request, and which places are structural.

Source: the types of anthropic-python (`anthropic.types.message_create_params`, its beta twin, and what they refer to).
"""

from typing import Any

from sluicegate.core.dialect import BOUNDS, Bounds, Json, Place, Reading, Span
from sluicegate.dialects.walk import (
    Rule,
    address,
    blob,
    by,
    each,
    fields,
    free,
    identifier,
    knob,
    opaque,
    reference,
    sealed,
    structural,
    text,
    within,
    words,
)

_CACHE = fields({"type": words("ephemeral"), "ttl": words("5m", "1h")})
_CITATION = fields(
    {
        "type": words(
            "char_location",
            "page_location",
            "content_block_location",
            "search_result_location",
            "web_search_result_location",
        ),
        "cited_text": text,
        "document_title": text,
        "title": text,
        "source": text,
        "url": text,
        "encrypted_index": opaque,
        "document_index": knob,
        "search_result_index": knob,
        "start_char_index": knob,
        "end_char_index": knob,
        "start_page_number": knob,
        "end_page_number": knob,
        "start_block_index": knob,
        "end_block_index": knob,
    }
)
_TEXT_BLOCK: dict[str, Rule] = {
    "type": words("text"),
    "text": text,
    "cache_control": _CACHE,
    "citations": each(_CITATION),
}
_MEDIA = words("image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf", "text/plain")


def _source(kind: str) -> Rule:
    """Where an image or document comes from: data, an address, a file at the provider, or text in the request."""
    plain = fields({"type": words("text"), "media_type": _MEDIA, "data": text})
    return by(
        "type",
        {
            "base64": fields({"type": words("base64"), "media_type": _MEDIA, "data": blob(kind)}),
            "url": fields({"type": words("url"), "url": address(kind)}),
            "file": fields({"type": words("file"), "file_id": reference}),
            "content": fields({"type": words("content"), "content": each(_simple)}),
        },
        plain,
    )


def _simple(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """A block that may stand inside another one."""
    _block(value, holder, key, place, out)


_CALLER = fields({"type": words("direct"), "tool_id": identifier})
_USE: dict[str, Rule] = {
    "type": words("tool_use", "server_tool_use", "mcp_tool_use"),
    "id": identifier,
    "name": text,
    "input": free,
    "caller": _CALLER,
    "cache_control": _CACHE,
}
_RESULT: dict[str, Rule] = {
    "type": words("tool_result", "mcp_tool_result"),
    "tool_use_id": identifier,
    "content": each(_simple),
    "is_error": knob,
    "cache_control": _CACHE,
}
_SEARCH: dict[str, Rule] = {
    "type": words("search_result"),
    "source": text,
    "title": text,
    "content": each(_simple),
    "citations": fields({"enabled": knob}),
    "cache_control": _CACHE,
}
_HOSTED_RESULT = fields(
    {
        "type": words(
            "web_search_tool_result",
            "web_fetch_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
        ),
        "tool_use_id": identifier,
        "content": each(
            fields(
                {
                    "type": words("web_search_result", "web_fetch_result"),
                    "url": text,
                    "title": text,
                    "page_age": text,
                    "retrieved_at": text,
                    "encrypted_content": opaque,
                    "content": each(_simple),
                }
            )
        ),
        "caller": _CALLER,
        "cache_control": _CACHE,
    },
    at=Place.TOOL_RESULT,
)
_unknown_block = fields({})
_block = by(
    "type",
    {
        "text": fields(_TEXT_BLOCK),
        "image": fields(
            {
                "type": words("image"),
                "source": _source("image"),
                "cache_control": _CACHE,
                "transformations": fields({"oversized_image": words("downsize", "error")}),
            }
        ),
        "document": fields(
            {
                "type": words("document"),
                "source": _source("file"),
                "title": text,
                "context": text,
                "citations": fields({"enabled": knob}),
                "cache_control": _CACHE,
            }
        ),
        "search_result": fields(_SEARCH),
        "thinking": sealed(fields({"type": words("thinking"), "thinking": text, "signature": opaque})),
        "redacted_thinking": sealed(fields({"type": words("redacted_thinking"), "data": opaque})),
        "tool_use": fields(_USE, at=Place.TOOL_ARGUMENTS),
        "server_tool_use": fields(_USE, at=Place.TOOL_ARGUMENTS),
        "mcp_tool_use": fields({**_USE, "server_name": text}, at=Place.TOOL_ARGUMENTS),
        "tool_result": fields(_RESULT, at=Place.TOOL_RESULT),
        "mcp_tool_result": fields(_RESULT, at=Place.TOOL_RESULT),
        "web_search_tool_result": _HOSTED_RESULT,
        "web_fetch_tool_result": _HOSTED_RESULT,
        "code_execution_tool_result": _HOSTED_RESULT,
        "bash_code_execution_tool_result": _HOSTED_RESULT,
        "text_editor_code_execution_tool_result": _HOSTED_RESULT,
        "tool_search_tool_result": _HOSTED_RESULT,
        "container_upload": fields({"type": words("container_upload"), "file_id": reference, "cache_control": _CACHE}),
    },
    _unknown_block,
)
_content = each(_block)
_message = fields({"role": words("user", "assistant", "system"), "content": _content})
_PLACES = {"system": Place.SYSTEM, "user": Place.USER, "assistant": Place.ASSISTANT}


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


_TOOL = fields(
    {
        "type": words("custom"),
        "name": text,
        "description": text,
        "input_schema": free,
        "input_examples": free,
        "strict": knob,
        "defer_loading": knob,
        "eager_input_streaming": knob,
        "cache_control": _CACHE,
        "max_uses": knob,
    },
    at=Place.TOOL_DEFINITION,
)
_TOOL_CHOICE = fields(
    {"type": words("auto", "any", "tool", "none"), "name": text, "disable_parallel_tool_use": knob},
    at=Place.TOOL_DEFINITION,
)
_THINKING = fields(
    {
        "type": words("enabled", "disabled", "adaptive", "between_tools"),
        "budget_tokens": knob,
        "display": words("summarized", "omitted"),
    }
)
_request = fields(
    {
        "model": structural,
        "messages": _messages,
        "system": within(Place.SYSTEM, _content),
        "max_tokens": knob,
        "stream": knob,
        "temperature": knob,
        "top_p": knob,
        "top_k": knob,
        "stop_sequences": each(text),
        "tools": each(_TOOL),
        "tool_choice": _TOOL_CHOICE,
        "thinking": _THINKING,
        "cache_control": _CACHE,
        "output_config": fields(
            {
                "effort": words("low", "medium", "high", "xhigh", "max"),
                "format": fields({"type": words("json_schema"), "schema": free}),
            }
        ),
        "service_tier": words("auto", "standard_only"),
        "speed": words("standard", "fast"),
        "metadata": free,
    }
)


def read_spans(document: Json, bounds: Bounds = BOUNDS) -> Reading:
    """Every governed string of a request, in one pass."""
    out = Reading([], [], bounds.depth, bounds.values)
    _request(document, None, None, Place.OTHER, out)
    return out
