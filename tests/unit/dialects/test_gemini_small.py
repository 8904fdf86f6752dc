"""Counting tokens and making vectors, in Google's way."""

from typing import Any

import pytest

from sluicegate.core.arguments import Arguments
from sluicegate.core.dialect import Feature, Json, NamesAgain, SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import whole
from sluicegate.core.usage import Unit, Usage
from sluicegate.dialects.gemini_small import GeminiBatchEmbed, GeminiCountTokens, GeminiEmbed

COUNT, EMBED, BATCH = GeminiCountTokens("m"), GeminiEmbed("m"), GeminiBatchEmbed("m")
SAID: Json = {"parts": [{"text": "Hello"}]}


def texts(dialect: Any, document: Json) -> list[str]:
    return [span.text for span in dialect.spans(document).spans]


def test_a_count_is_asked_of_contents_or_of_a_whole_request() -> None:
    plain: Json = {"contents": [SAID]}
    whole_request = {"generateContentRequest": {"model": "models/m", "contents": [SAID], "tools": [{"googleSearch": {}}]}}
    assert COUNT.read(plain).unit is Unit.NOTHING
    assert (COUNT.read(plain).model, COUNT.read(plain).max_tokens) == ("m", 0)
    assert COUNT.read(whole_request).features == {Feature.HOSTED_TOOLS}
    assert texts(COUNT, plain) == ["Hello"]
    assert "Hello" in texts(COUNT, whole_request)
    for wrong in ({}, {**plain, **whole_request}, {"generateContentRequest": {"model": "other", "contents": [SAID]}}):
        with pytest.raises(InvalidRequest):
            COUNT.read(wrong)


def test_the_prompt_is_counted_where_there_is_a_place_for_it() -> None:
    plain: Json = {"contents": [SAID]}
    assert not COUNT.bind_system(plain, "ours", SystemMode.DROP).changed
    inner: Json = {"generate_content_request": {"contents": [SAID]}}
    assert COUNT.bind_system(inner, "ours", SystemMode.APPEND).injected
    assert inner["generate_content_request"]["systemInstruction"] == {"parts": [{"text": "ours"}]}
    top: Json = {"contents": [SAID], "systemInstruction": {"parts": [{"text": "own"}]}}
    assert COUNT.bind_system(top, None, SystemMode.DROP).dropped == 1


def test_a_count_says_nothing_else() -> None:
    event = whole({"totalTokens": 4, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4}], "more": "words"})
    assert [(piece.channel, piece.text) for piece in COUNT.pieces(event)] == [("more", "words")]
    assert COUNT.ended(event)


def test_the_model_is_renamed_wherever_it_is_said() -> None:
    assert isinstance(COUNT, NamesAgain)
    assert COUNT.for_model({"contents": []}, "x") == {"contents": []}
    counted = COUNT.for_model({"generateContentRequest": {"model": "models/m", "contents": []}}, "x")
    assert counted == {"generateContentRequest": {"model": "models/x", "contents": []}}
    assert EMBED.for_model({"content": SAID}, "x") == {"content": SAID}
    assert EMBED.for_model({"model": "models/m", "content": SAID}, "x")["model"] == "models/x"
    batch = BATCH.for_model({"requests": [{"model": "models/m", "content": SAID}, {"content": SAID}]}, "x")
    assert [one.get("model") for one in batch["requests"]] == ["models/x", None]


def test_what_becomes_a_vector_is_read() -> None:
    data = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    document = {
        "content": {"parts": [{"text": "a"}, data]},
        "taskType": "CLUSTERING",
        "title": "t",
        "embed_content_config": {"title": "u"},
    }
    ask = EMBED.read(document)
    assert (ask.model, ask.max_tokens, ask.blobs) == ("m", 0, 1)
    assert texts(EMBED, document) == ["a", "t", "u"]
    batch = {"requests": [{"model": "models/m", "content": SAID}, {"content": {"parts": {"text": "b"}}}]}
    assert BATCH.read(batch).model == "m"
    assert texts(BATCH, batch) == ["Hello", "b"]
    assert not EMBED.bind_system(document, "ours", SystemMode.DROP).changed
    assert EMBED.bounded(document, 5) is document


@pytest.mark.parametrize(
    ("dialect", "document", "field"),
    [
        (EMBED, {}, "content"),
        (EMBED, {"content": "a"}, "content"),
        (EMBED, {"content": SAID, "model": "other"}, "model"),
        (BATCH, {}, "requests"),
        (BATCH, {"requests": [{"content": SAID, "model": "other"}]}, "requests[0].model"),
        (BATCH, {"requests": [{"Content": SAID}]}, "requests[0].content"),
    ],
)
def test_what_is_wrong_is_named(dialect: GeminiEmbed, document: Json, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        dialect.read(document)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"embedding": {"values": [0.5, 1]}}, []),
        ({"embeddings": [{"values": [0.5]}, {"values": [], "statistics": {"tokenCount": 2}}]}, []),
        ({"embeddings": [{"values": ["x"]}]}, ['[{"values":["x"]}]']),
        ({"embedding": {"values": [0.5], "note": "x"}}, ['{"values":[0.5],"note":"x"}']),
        ({"embedding": "x", "usageMetadata": {"promptTokenCount": 3}}, ["x"]),
    ],
)
def test_vectors_pass_and_nothing_else(document: Json, found: list[str]) -> None:
    assert [piece.text for piece in EMBED.pieces(whole(document))] == found


def test_usage() -> None:
    known = Usage(estimated=True)
    assert EMBED.usage(whole({"usageMetadata": {"promptTokenCount": 3}}), known) == Usage(3, 0)
    assert EMBED.usage(whole({}), known) is known


def test_the_path_makes_the_dialect() -> None:
    made = GeminiBatchEmbed.asked(Arguments({"model": "x"}, b"", {}))
    assert (type(made), made.model) == (GeminiBatchEmbed, "x")
