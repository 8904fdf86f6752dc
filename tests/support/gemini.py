"""What a provider that speaks Gemini answers, for tests."""

import json
from collections.abc import Sequence
from typing import Any

USAGE = {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12}
SIGNATURE = "EqQBCgIYAhIkYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY3ODkw"
"""A thought signature."""

Json = dict[str, Any]


def response(*parts: Json, finish: str | None = None, usage: Json | None = None) -> Json:
    """One `GenerateContentResponse`."""
    candidate: Json = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        **({} if usage is None else {"usageMetadata": usage}),
        "modelVersion": "gemini-upstream",
        "responseId": "r1",
    }


def answer(*parts: Json | str, usage: Json | None = None) -> Json:
    """A whole answer."""
    return response(*map(part, parts), finish="STOP", usage=USAGE if usage is None else usage)


def stream(*parts: Json | str, usage: Json | None = None) -> list[Json]:
    """The events of a streamed answer: one for each part, the last with finish reason and usage."""
    *first, last = parts
    prompt = {"promptTokenCount": 7, "totalTokenCount": 7}
    return [*(response(part(one), usage=prompt) for one in first), answer(last, usage=usage)]


def part(said: Json | str) -> Json:
    """A text as the part that says it."""
    return {"text": said} if isinstance(said, str) else said


def call(name: str, arguments: Json, **more: Any) -> Json:
    """The part that calls a function."""
    return {"functionCall": {"name": name, "args": arguments}, **more}


def framed(events: Sequence[Json]) -> list[bytes]:
    """The events as the API frames them."""
    return [b"data: %b\r\n\r\n" % json.dumps(event).encode() for event in events]


def error(status: int, message: str, name: str) -> Json:
    """An error as the API tells it."""
    return {"error": {"code": status, "message": message, "status": name}}
