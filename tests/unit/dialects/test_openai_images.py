from typing import Any

import pytest

from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import sse, whole
from sluicegate.core.usage import Unit, Usage
from sluicegate.dialects.openai_images import OpenAIImages

DIALECT = OpenAIImages()
PNG = "iVBORw0KGgo="


def test_what_is_asked() -> None:
    ask = DIALECT.read({"model": "m", "prompt": "a cat", "n": 3})
    assert (ask.model, ask.unit, ask.units, ask.media, ask.stream) == ("m", Unit.IMAGE, 3, True, False)
    document = {"model": "m", "prompt": "a cat", "size": "1024x1024", "quality": "my secret", "new": "text"}
    assert [span.text for span in DIALECT.spans(document).spans] == ["a cat", "my secret", "text", "new"]


@pytest.mark.parametrize(
    "wrong", [{"prompt": None}, {"model": None}, {"n": 2, "stream": True}, {"svg": {"model": "n"}}, {"n": 0}]
)
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        DIALECT.read({"model": "m", "prompt": "a", **wrong})


def test_images_are_unread_and_their_words_governed() -> None:
    body = {
        "created": 1,
        "size": "1024x1024",
        "data": [{"b64_json": PNG, "revised_prompt": "a red cat"}, {"url": "https://example.org/a"}, "odd"],
        "usage": {"input_tokens": 4, "output_tokens": 5},
    }
    event = whole(body)
    told = [(piece.channel, piece.text) for piece in DIALECT.pieces(event)]
    assert told == [("data.0.revised_prompt", "a red cat"), ("data.1.url", "https://example.org/a"), ("data.2", "odd")]
    assert tuple(DIALECT.unread(event)) == ("image", "remote")
    assert DIALECT.usage(event, Usage()) == Usage(4, 5)


def test_a_stream_ends_with_the_image() -> None:
    part = sse({"type": "image_generation.partial_image", "b64_json": PNG, "partial_image_index": 0, "size": "auto"})
    last = sse({"type": "image_generation.completed", "b64_json": PNG, "usage": {"input_tokens": 4, "output_tokens": 5}})
    assert (DIALECT.ended(part), DIALECT.ended(last)) == (False, True)
    assert DIALECT.pieces(part) == DIALECT.pieces(last) == []
    assert tuple(DIALECT.unread(part)) == ("image",)
    odd = sse({"type": "image_generation.other", "b64_json": "not base64!"})
    assert [piece.channel for piece in DIALECT.pieces(odd)] == ["image.type", "image.b64_json"]
