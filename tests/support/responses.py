"""Answers of the Responses API as the provider sends them, for tests: streamed event by event, or whole."""

import json
from collections.abc import Sequence
from typing import Any

USAGE = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}
"""What an answer reports unless told otherwise."""

Item = dict[str, Any]


def message(text: str, **more: Any) -> Item:
    """An assistant's message."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": [], **more}
    return {"id": "msg_1abc2def", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def call(id: str, name: str, arguments: Any) -> Item:
    """A function call; `arguments` are written as JSON unless they are text already."""
    said = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": f"fc_{id}", "type": "function_call", "status": "completed", "call_id": id, "name": name, "arguments": said}


def custom_call(id: str, name: str, said: str) -> Item:
    """A call of a custom tool."""
    return {"id": f"ctc_{id}", "type": "custom_tool_call", "status": "completed", "call_id": id, "name": name, "input": said}


def reasoning(*summary: str, **more: Any) -> Item:
    """Reasoning with a summary."""
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"id": "rs_1abc2def", "type": "reasoning", "summary": parts, **more}


def response(items: Sequence[Item], *, status: str = "completed", **more: Any) -> Item:
    """A whole answer."""
    base: Item = {
        "id": "resp_1abc2def",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "output": list(items),
        "parallel_tool_calls": True,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": USAGE,
    }
    return base | more


def events(items: Sequence[Item], *, width: int = 3, last: str = "completed", **more: Any) -> list[Item]:
    """The events of a stream of these items, each text in pieces of `width` characters; `more` is of the response."""
    begun = response((), status="in_progress", **{**more, "usage": None, "incomplete_details": None, "error": None})
    out: list[Item] = [{"type": f"response.{kind}", "response": begun} for kind in ("created", "in_progress")]
    for index, item in enumerate(items):
        where = {"output_index": index}
        out.append({"type": "response.output_item.added", **where, "item": _empty(item)})
        out += [{**event, **where, "item_id": item["id"]} for event in _said(item, width)]
        out.append({"type": "response.output_item.done", **where, "item": item})
    status = last if last in ("incomplete", "failed") else "completed"
    out.append({"type": f"response.{last}", "response": response(items, status=status, **more)})
    return [json.loads(json.dumps({**event, "sequence_number": number})) for number, event in enumerate(out)]


def framed(said: Sequence[Item]) -> list[bytes]:
    """Events as bytes."""
    return [f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode() for event in said]


def _empty(item: Item) -> Item:
    """An item as it begins."""
    emptied = {"content": [], "summary": [], "arguments": "", "input": ""}
    return {**item, **{field: value for field, value in emptied.items() if field in item}, "status": "in_progress"}


def _said(item: Item, width: int) -> list[Item]:
    if "arguments" in item:
        return _cut("response.function_call_arguments", "arguments", item["arguments"], width, {})
    if "input" in item:
        return _cut("response.custom_tool_call_input", "input", item["input"], width, {})
    out: list[Item] = []
    for field, index, kind in (("summary", "summary_index", "reasoning_summary"), ("content", "content_index", "content")):
        for number, part in enumerate(item.get(field) or ()):
            where = {index: number}
            member = "refusal" if part["type"] == "refusal" else "text"
            name = {"output_text": "output_text", "summary_text": "reasoning_summary_text"}.get(part["type"], part["type"])
            out.append({"type": f"response.{kind}_part.added", **where, "part": {**part, member: ""}})
            out += _cut(f"response.{name}", member, part[member], width, where)
            out.append({"type": f"response.{kind}_part.done", **where, "part": part})
    return out


def _cut(kind: str, member: str, text: str, width: int, where: Item) -> list[Item]:
    spelled: Item = {"logprobs": []} if kind == "response.output_text" else {}
    pieces = [text[at : at + width] for at in range(0, len(text), width)]
    deltas = [{"type": f"{kind}.delta", **where, "delta": piece, **spelled} for piece in pieces]
    return [*deltas, {"type": f"{kind}.done", **where, member: text, **spelled}]
