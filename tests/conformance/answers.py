"""Answers with tool calls, as both vendors stream them and not."""

import json
from typing import Any

from tests.support.upstream import Reply, chat_answer, json_reply, sse_reply

CALLS = (("call_1", "get_weather", {"city": "Vienna"}), ("call_2", "get_time", {"zone": "CET", "h24": True}))


def chat_calls(*, stream: bool) -> Reply:
    """Two parallel tool calls from an OpenAI-like provider; streamed, their arguments come in pieces."""
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for id, name, arguments in CALLS
    ]
    if not stream:
        return chat_answer("", tool_calls=calls)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    for index, call in enumerate(calls):
        function: Any = call["function"]
        head = {
            "index": index,
            "id": call["id"],
            "type": "function",
            "function": {"name": function["name"], "arguments": ""},
        }
        deltas.append({"tool_calls": [head]})
        text = function["arguments"]
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": text[i : i + 3]}}]} for i in range(0, len(text), 3)
        ]
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    events = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    events.append({**base, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17}})
    return sse_reply([*(b"data: %b\n\n" % json.dumps(event).encode() for event in events), b"data: [DONE]\n\n"])


def messages_calls(*, stream: bool) -> Reply:
    """The same from an Anthropic-like provider."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    if not stream:
        content = [{"type": "tool_use", "id": id, "name": name, "input": arguments} for id, name, arguments in CALLS]
        usage = {"input_tokens": 9, "output_tokens": 8}
        return json_reply({**message, "content": content, "stop_reason": "tool_use", "usage": usage})
    start: dict[str, Any] = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, (id, name, arguments) in enumerate(CALLS):
        text = json.dumps(arguments)
        block = {"type": "tool_use", "id": id, "name": name, "input": {}}
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        for i in range(0, len(text), 3):
            delta = {"type": "input_json_delta", "partial_json": text[i : i + 3]}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 8}})
    events.append({"type": "message_stop"})
    return sse_reply([b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events])
