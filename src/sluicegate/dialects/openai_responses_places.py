"""Where text stands in a Responses request, and which places are structural.

Source: the types of openai-python (`openai.types.responses.response_create_params` and what it refers to).
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
    nested,
    opaque,
    reference,
    sealed,
    structural,
    text,
    within,
    words,
)

_STATUS = words("in_progress", "completed", "incomplete", "calling", "failed", "searching", "generating", "interpreting")
_CACHE = fields({"mode": words("explicit", "implicit"), "ttl": words("30m", "12h")})
_CALLER = fields({"type": words("direct", "program"), "caller_id": identifier})
_ANNOTATION = fields(
    {
        "type": words("url_citation", "file_citation", "container_file_citation", "file_path"),
        "url": text,
        "title": text,
        "filename": text,
        "file_id": identifier,
        "container_id": identifier,
        "index": knob,
        "start_index": knob,
        "end_index": knob,
    }
)
_PART = fields(
    {
        "type": words(
            "input_text",
            "output_text",
            "text",
            "refusal",
            "input_image",
            "input_file",
            "input_audio",
            "summary_text",
            "reasoning_text",
            "computer_screenshot",
        ),
        "text": text,
        "refusal": text,
        "image_url": address("image"),
        "file_url": address("file"),
        "file_data": blob("file"),
        "file_id": reference,
        "filename": text,
        "detail": words("auto", "low", "high", "original"),
        "input_audio": fields({"data": blob("audio"), "format": words("wav", "mp3")}),
        "annotations": each(_ANNOTATION),
        "prompt_cache_breakpoint": _CACHE,
    }
)
_CONTENT = each(_PART)
_HEAD: dict[str, Rule] = {"id": identifier, "status": _STATUS, "call_id": identifier, "caller": _CALLER}
_message = fields(
    {
        **_HEAD,
        "type": words("message"),
        "role": words("system", "developer", "user", "assistant"),
        "content": _CONTENT,
        "name": text,
        "phase": words("commentary", "final_answer"),
    }
)
_PLACES = {"system": Place.SYSTEM, "developer": Place.SYSTEM, "user": Place.USER, "assistant": Place.ASSISTANT}
_CALLS = words(
    "function_call",
    "custom_tool_call",
    "mcp_call",
    "mcp_approval_request",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
    "computer_call",
    "tool_search_call",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
)
_call = fields(
    {
        **_HEAD,
        "type": _CALLS,
        "name": text,
        "namespace": text,
        "server_label": text,
        "arguments": nested,
        "input": text,
        "approval_request_id": identifier,
        "container_id": identifier,
        "execution": words("server", "client"),
    },
    at=Place.TOOL_ARGUMENTS,
)
_RESULTS = words(
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "shell_call_output",
    "apply_patch_call_output",
    "computer_call_output",
    "mcp_approval_response",
)
_result = fields(
    {
        **_HEAD,
        "type": _RESULTS,
        "output": _CONTENT,
        "name": text,
        "namespace": text,
        "approval_request_id": identifier,
        "approve": knob,
        "reason": text,
        "max_output_length": knob,
    },
    at=Place.TOOL_RESULT,
)
_THOUGHTS = each(_PART)
_reasoned = fields(
    {**_HEAD, "type": words("reasoning"), "summary": _THOUGHTS, "content": _THOUGHTS, "encrypted_content": opaque},
    at=Place.ASSISTANT,
)
_bound_reasoned = sealed(_reasoned)


def _reasoning(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """What is readable of a thought stays as it was where the encrypted thought goes back with it."""
    follow = _bound_reasoned if type(value) is dict and value.get("encrypted_content") else _reasoned
    follow(value, holder, key, place, out)


_compaction = fields({**_HEAD, "type": words("compaction", "compaction_trigger"), "encrypted_content": opaque})
_image = fields(
    {
        **_HEAD,
        "type": words("image_generation_call"),
        "result": blob("image"),
        "action": words("generate", "edit", "auto"),
        "background": words("transparent", "opaque", "auto"),
        "output_format": words("png", "webp", "jpeg", "gif", "svg"),
        "quality": words("low", "medium", "high", "xhigh", "max", "auto"),
        "size": words("1024x1024", "1024x1536", "1536x1024", "auto"),
        "revised_prompt": text,
    },
    at=Place.ASSISTANT,
)
_reference = fields({"type": words("item_reference"), "id": reference})
_TOOL_TYPES = words(
    *("function", "custom", "namespace", "local_shell", "shell", "apply_patch", "tool_search", "allowed_tools"),
    *("web_search", "web_search_preview", "file_search", "computer", "computer_use_preview", "code_interpreter"),
    *("image_generation", "mcp", "auto", "none", "required", "programmatic_tool_calling"),
)
_TOOL = fields(
    {
        "type": _TOOL_TYPES,
        "name": text,
        "description": text,
        "parameters": free,
        "strict": knob,
        "defer_loading": knob,
        "search_context_size": words("low", "medium", "high"),
        "environment": fields({"type": words("local", "container_auto", "container_reference")}),
    },
    at=Place.TOOL_DEFINITION,
)
_tools = fields(
    {**_HEAD, "type": words("additional_tools", "tool_search_output"), "role": words("developer"), "tools": each(_TOOL)}
)
_item = by(
    "type",
    {
        **dict.fromkeys(("reasoning",), _reasoning),
        **dict.fromkeys(("compaction", "compaction_trigger"), _compaction),
        **dict.fromkeys(("additional_tools", "tool_search_output"), _tools),
        "image_generation_call": _image,
        "item_reference": _reference,
        **dict.fromkeys(
            (
                *("function_call", "custom_tool_call", "mcp_call", "mcp_approval_request", "local_shell_call"),
                *("shell_call", "apply_patch_call", "computer_call", "tool_search_call", "web_search_call"),
                *("file_search_call", "code_interpreter_call"),
            ),
            _call,
        ),
        **dict.fromkeys(
            (
                *("function_call_output", "custom_tool_call_output", "local_shell_call_output", "shell_call_output"),
                *("apply_patch_call_output", "computer_call_output", "mcp_approval_response"),
            ),
            _result,
        ),
    },
    _message,
)


def _input(value: Any, holder: Any, key: Any, _: Place, out: Reading) -> None:
    """A string of the user's, or items: messages at the place their role says, the others at that of their type."""
    if type(value) is not list:
        text(value, holder, key, Place.USER, out)
        return
    for index, item in enumerate(value):
        at = Place.OTHER
        if type(item) is dict:
            role = item.get("role")
            if type(role) is str:
                at = _PLACES.get(role) or _PLACES.get(role.strip().casefold(), at)
                content = item.get("content")
                if type(content) is str and len(item) == 2 and role in _PLACES:
                    # most messages: a known role and a text, and nothing else
                    out.spans.append(Span(item, "content", content, at))
                    continue
        _item(item, value, index, at, out)


_EFFORT = words("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SUMMARY = words("auto", "concise", "detailed")
_REQUEST: dict[str, Rule] = {
    "model": structural,
    "input": _input,
    "instructions": within(Place.SYSTEM, text),
    "stream": knob,
    "stream_options": fields({"include_obfuscation": knob}),
    "background": knob,
    "store": knob,
    "max_output_tokens": knob,
    "max_tool_calls": knob,
    "temperature": knob,
    "top_p": knob,
    "top_logprobs": knob,
    "parallel_tool_calls": knob,
    "previous_response_id": identifier,
    "prompt": fields({"id": reference, "version": text, "variables": free}),
    "include": each(
        words(
            "file_search_call.results",
            "web_search_call.results",
            "web_search_call.action.sources",
            "message.input_image.image_url",
            "computer_call_output.output.image_url",
            "code_interpreter_call.outputs",
            "reasoning.encrypted_content",
            "message.output_text.logprobs",
        )
    ),
    "tools": each(_TOOL),
    "tool_choice": within(Place.TOOL_DEFINITION, _TOOL),
    "reasoning": fields(
        {
            "effort": _EFFORT,
            "summary": _SUMMARY,
            "generate_summary": _SUMMARY,
            "context": words("auto", "current_turn", "all_turns"),
        }
    ),
    "text": fields(
        {
            "verbosity": words("low", "medium", "high"),
            "format": fields(
                {"type": words("text", "json_object", "json_schema"), "name": text, "schema": free, "strict": knob}
            ),
        }
    ),
    "truncation": words("auto", "disabled"),
    "service_tier": words("auto", "default", "flex", "scale", "priority", "fast"),
    "prompt_cache_retention": words("in_memory", "24h"),
    "prompt_cache_options": _CACHE,
}
_request = fields(_REQUEST)


def read_spans(document: Json, bounds: Bounds = BOUNDS) -> Reading:
    """Every governed string of a request, in one pass."""
    out = Reading([], [], bounds.depth, bounds.values)
    _request(document, None, None, Place.OTHER, out)
    return out
