"""How each surface is asked something, and what its provider answers: for tests that walk over all of them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.support import small
from tests.support.gateway import CHAT_MODEL, MESSAGES_MODEL, RESPONSES_MODEL
from tests.support.small import GOOGLE_MODEL, SMALL_MODEL
from tests.support.upstream import (
    Reply,
    chat_answer,
    chat_stream,
    json_reply,
    messages_answer,
    messages_stream,
    responses_answer,
    responses_stream,
)

Document = dict[str, Any]
KINDS = {"content-type": "application/json"}


@dataclass(frozen=True)
class Recipe:
    """One way to use one surface."""

    ask: Callable[[str], Document]
    """The request that says a text."""
    reply: Callable[[str], Reply]
    """The provider's answer that says a text, as far as the answer has words."""
    stream: bool = False
    path: str = ""
    """The path, where it is not the surface's own."""
    method: str = "POST"
    form: bool = False
    words: bool = True
    """Whether the answer has words that can be inspected."""
    free: bool = False
    """Whether nobody charges for it."""
    own: bool = False
    """Whether the gateway answers by itself."""

    def body(self, text: str) -> tuple[bytes, Mapping[str, str]]:
        """The body, and the headers that say what it is."""
        document = self.ask(text)
        if not self.form:
            return (json.dumps(document).encode(), KINDS) if self.method == "POST" else (b"", {})
        parts = [_part(name, value) for name, value in document.items()]
        return b"".join(parts) + b"--x--\r\n", {"content-type": "multipart/form-data; boundary=x"}


def _part(name: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return b'--x\r\nContent-Disposition: form-data; name="%b"; filename="a.wav"\r\n\r\n%b\r\n' % (name.encode(), value)
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _messages(model: str, **more: Any) -> Callable[[str], Document]:
    return lambda text: {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 50, **more}


def _small(field: str, **more: Any) -> Callable[[str], Document]:
    return lambda text: {"model": SMALL_MODEL, field: text, **more}


def _gemini(text: str) -> Document:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {"maxOutputTokens": 50}}


def _sound(**more: Any) -> Callable[[str], Document]:
    return lambda text: {"model": SMALL_MODEL, "prompt": text, **more, "file": b"RIFF" + bytes(99)}


def _models(path: str) -> tuple[Recipe, ...]:
    return (Recipe(lambda _: {}, lambda _: Reply(), path=path, method="GET", words=False, free=True, own=True),)


def _generated(path: str) -> Mapping[str, tuple[Recipe, ...]]:
    """Google's API, translated for a target of another."""
    found = {}
    for verb, stream, reply in (
        ("generateContent", False, lambda text: chat_answer(text)),
        ("streamGenerateContent", True, lambda text: chat_stream([text])),
    ):
        at = f"{path}/{CHAT_MODEL}:{verb}"
        found[f"{path}/{{model:path}}:{verb}"] = (Recipe(_gemini, reply, stream, at),)
    values = {"values": small.VECTOR}
    for verb, ask, answer in (
        ("embedContent", _embedded, lambda text: {"embedding": values, "note": text}),
        ("batchEmbedContents", _batch, lambda text: {"embeddings": [values], "note": text}),
        ("countTokens", _counted, lambda _: {"totalTokens": 7}),
    ):
        free, at = verb == "countTokens", f"{path}/{GOOGLE_MODEL}:{verb}"
        reply = partial(_said, answer)
        found[f"{path}/{{model:path}}:{verb}"] = (Recipe(ask, reply, path=at, words=not free, free=free),)
    return found


def _said(answer: Callable[[str], Document], text: str) -> Reply:
    return json_reply(answer(text))


def _embedded(text: str) -> Document:
    return {"content": {"parts": [{"text": text}]}}


def _batch(text: str) -> Document:
    return {"requests": [{"model": f"models/{GOOGLE_MODEL}", **_embedded(text)}]}


def _counted(text: str) -> Document:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


RECIPES: Mapping[str, tuple[Recipe, ...]] = {
    "/v1/chat/completions": (
        Recipe(_messages(CHAT_MODEL), lambda text: chat_answer(text)),
        Recipe(_messages(CHAT_MODEL, stream=True), lambda text: chat_stream([text]), stream=True),
    ),
    "/v1/messages": (
        Recipe(_messages(MESSAGES_MODEL), lambda text: messages_answer(text)),
        Recipe(_messages(MESSAGES_MODEL, stream=True), lambda text: messages_stream([text]), stream=True),
    ),
    "/v1/messages/count_tokens": (
        Recipe(_messages(MESSAGES_MODEL), lambda _: json_reply({"input_tokens": 7}), words=False, free=True),
    ),
    "/v1/responses": (
        Recipe(
            lambda text: {"model": RESPONSES_MODEL, "input": text, "max_output_tokens": 50, "store": False},
            lambda text: responses_answer(text),
        ),
        Recipe(
            lambda text: {
                "model": RESPONSES_MODEL,
                "input": text,
                "max_output_tokens": 50,
                "store": False,
                "stream": True,
            },
            lambda text: responses_stream([text]),
            stream=True,
        ),
    ),
    **_generated("/v1beta/models"),
    **_generated("/v1/models"),
    "/v1/completions": (
        Recipe(_small("prompt", max_tokens=50), lambda text: small.completion(text)),
        Recipe(_small("prompt", max_tokens=50, stream=True), lambda text: small.completion_stream([text]), stream=True),
    ),
    "/v1/embeddings": (Recipe(_small("input"), lambda text: small.embeddings(note=text)),),
    "/v1/moderations": (Recipe(_small("input"), lambda text: small.moderation(note=text)),),
    "/v1/images/generations": (
        Recipe(_small("prompt"), lambda text: small.image(text)),
        Recipe(_small("prompt", stream=True), lambda text: small.image_stream(text), stream=True),
    ),
    "/v1/audio/speech": (
        Recipe(_small("input", voice="alloy"), lambda _: small.speech(), words=False),
        Recipe(_small("input", voice="alloy", stream_format="sse"), lambda text: small.speech_stream(text), stream=True),
    ),
    "/v1/audio/transcriptions": (
        Recipe(_sound(), lambda text: small.transcription(text), form=True),
        Recipe(_sound(stream="true"), lambda text: small.transcription_stream([text]), stream=True, form=True),
    ),
    "/v1/models": _models("/v1/models"),
    "/v1/models/{model:path}": _models(f"/v1/models/{CHAT_MODEL}"),
    "/v1beta/models": _models("/v1beta/models"),
    "/v1beta/models/{model:path}": _models(f"/v1beta/models/{CHAT_MODEL}"),
}
"""By the surface's path without a vendor's prefix."""

_STORED = "there must be an answer that a provider keeps: tests/conformance/test_openai_responses.py"
ELSEWHERE = {f"/v1/responses/{{id}}{rest}": _STORED for rest in ("", "/input_items", "/cancel")}
"""Surfaces that are walked over in another place, and why."""
