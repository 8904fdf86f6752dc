from typing import Any

import pytest

from sluicegate.core.dialect import Feature
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import whole
from sluicegate.dialects.openai_moderations import USUAL_MODEL, OpenAIModerations

DIALECT = OpenAIModerations()
IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def test_what_is_asked() -> None:
    assert DIALECT.read({"input": "a"}).model == USUAL_MODEL
    assert DIALECT.read({"input": ["a", "b"], "model": "m"}).model == "m"
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    ask = DIALECT.read({"input": parts})
    assert (ask.blobs, ask.blob_bytes, ask.features) == (1, len(IMAGE), frozenset())
    reading = DIALECT.spans({"input": parts})
    assert ([span.text for span in reading.spans], reading.unread) == (["a"], ["image"])
    far = [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
    assert DIALECT.read({"input": far}).features == {Feature.REMOTE_URLS}
    assert DIALECT.spans({"input": far}).unread == ["remote"]


@pytest.mark.parametrize("value", [None, 7, [{"type": "text"}], [{"image_url": "a"}], [{"Text": "a"}], ["a", 1]])
def test_an_input_that_is_none(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="input"):
        DIALECT.read({"input": value})


def test_judgements_pass_and_everything_else_is_governed() -> None:
    result = {
        "flagged": False,
        "categories": {"hate": False, "self-harm/intent": True},
        "category_scores": {"hate": 0.1, "violence": 0},
        "category_applied_input_types": {"hate": ["text", "image"]},
    }
    assert DIALECT.pieces(whole({"id": "modr-1", "model": "m", "results": [result]})) == []
    for field, value in (
        ("note", "hello"),
        ("categories", {"Hello there": True}),
        ("categories", {"hate": "hello"}),
        ("category_applied_input_types", {"hate": ["hello"]}),
        ("category_applied_input_types", {"hate": [{"a": "hello"}]}),
        ("flagged", "hello"),
    ):
        told = DIALECT.pieces(whole({"results": [{**result, field: value}]}))
        assert [piece.channel for piece in told] == [f"results.0.{field}"]
    assert [piece.channel for piece in DIALECT.pieces(whole({"results": ["hello"]}))] == ["results.0"]
