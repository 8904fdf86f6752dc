"""A gateway with a provider of OpenAI's smaller APIs, and with models that have names; and that provider's answers."""

import json
from collections.abc import Sequence
from typing import Any

from tests.support.gateway import governed
from tests.support.upstream import Reply, json_reply, sse_reply

SMALL = (
    "openai_completions",
    "openai_embeddings",
    "openai_moderations",
    "openai_images",
    "openai_speech",
    "openai_transcriptions",
)
SMALL_MODEL = "small-model"
"""A model at a provider that speaks all of SMALL; any `small-…` is."""
GOOGLE_MODEL = "test-google"
"""A model at a provider of Google's smaller APIs."""
NAMED = ("alpha/one", "test-named")
"""Models that have names of their own, and no patterns."""


def small(upstream: str, *, key: dict[str, Any] | None = None, **use_case: Any) -> dict[str, Any]:
    """The settings of `governed`, and those."""
    allowed = ["test-*", "claude-*", "small-*", "alpha/*"]
    found = governed(upstream, key=key, **{"models": allowed, **use_case})
    price = {"input": "1", "output": "2", "image": "0.04", "characters": "15", "minute": "0.006"}
    found["providers"] += [{"name": "small", "dialects": list(SMALL), "base_url": f"{upstream}/v1", "place": "on_prem"}]
    google = ["gemini_count_tokens", "gemini_embed", "gemini_batch_embed"]
    found["providers"] += [{"name": "google", "dialects": google, "base_url": upstream, "place": "on_prem"}]
    found["deployments"] += [
        {"name": "google", "model": GOOGLE_MODEL, "provider": "google", "price": {"input": "1", "output": "2"}},
        {"name": "small", "model": "small-*", "provider": "small", "upstream_model": "*", "price": price},
        *({"name": name, "model": name, "provider": "chat", "price": {"input": "1", "output": "2"}} for name in NAMED),
        {"name": "hidden", "model": "hidden", "provider": "chat", "price": {"input": "1", "output": "2"}},
    ]
    return found


VECTOR = [0.0, -0.125, 0.25, 1.0, -0.5, 0.001, 0.75, 0.0625]
PNG = "iVBORw0KGgo="
SOUND = b"ID3" + bytes(range(256)) * 40


def embeddings(*, many: int = 1, **more: Any) -> Reply:
    data = [{"object": "embedding", "index": index, "embedding": VECTOR} for index in range(many)]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return json_reply({"object": "list", "data": data, "model": "m", "usage": usage, **more})


def moderation(**more: Any) -> Reply:
    judged = {"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9}, **more}
    return json_reply({"id": "modr-1", "model": "m", "results": [judged]})


def completion(text: str = "hello") -> Reply:
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return json_reply({"id": "cmpl-1", "object": "text_completion", "created": 1, "choices": [choice], "usage": usage})


def completion_stream(texts: Sequence[str]) -> Reply:
    base = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}
    events: list[dict[str, Any]] = [
        {**base, "choices": [{"text": text, "index": 0, "logprobs": None, "finish_reason": None}]} for text in texts
    ]
    events[-1]["choices"][0]["finish_reason"] = "stop"
    events.append({**base, "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}})
    return events_reply(*events, done=True)


def image(words: str = "a cat") -> Reply:
    return json_reply({"created": 1, "data": [{"b64_json": PNG, "revised_prompt": words}]})


def image_stream(words: str = "") -> Reply:
    shape = {"b64_json": PNG, "size": "1024x1024", "quality": "high", "background": "auto", "output_format": "png"}
    base = {**shape, "created_at": 1, **({"note": words} if words else {})}
    usage = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
    partial = {"type": "image_generation.partial_image", "partial_image_index": 0, **base}
    return events_reply(partial, {"type": "image_generation.completed", "usage": usage, **base})


def speech() -> Reply:
    pieces = [SOUND[at : at + 1_000] for at in range(0, len(SOUND), 1_000)]
    return Reply(content_type="audio/mpeg", pieces=pieces)


def speech_stream(words: str = "") -> Reply:
    usage = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
    delta = {"type": "speech.audio.delta", "audio": "UklGRg==", **({"note": words} if words else {})}
    return events_reply(delta, {"type": "speech.audio.done", "usage": usage})


def transcription(text: str = "hello") -> Reply:
    return json_reply({"text": text, "usage": {"type": "duration", "seconds": 30}})


def transcription_stream(texts: Sequence[str]) -> Reply:
    usage = {"type": "tokens", "input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
    deltas = [{"type": "transcript.text.delta", "delta": text} for text in texts]
    return events_reply(*deltas, {"type": "transcript.text.done", "text": "".join(texts), "usage": usage})


def events_reply(*events: dict[str, Any], done: bool = False) -> Reply:
    """The events of a stream, and `[DONE]` if that ends it."""
    framed = [b"data: %b\n\n" % json.dumps(event).encode() for event in events]
    return sse_reply([*framed, b"data: [DONE]\n\n"] if done else framed)
