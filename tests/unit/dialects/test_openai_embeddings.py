import json
from base64 import b64encode
from struct import pack
from typing import Any

import pytest

from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.openai_embeddings import OpenAIEmbeddings, is_vector

DIALECT = OpenAIEmbeddings()
VECTOR = [0.0, -0.125, 0.25, 1.0, -0.5, 0.001, 0.75, 0.0625]


def answer(embedding: Any, **more: Any) -> dict[str, Any]:
    entry = {"object": "embedding", "index": 0, "embedding": embedding}
    return {"object": "list", "data": [entry], "model": "m", "usage": {"prompt_tokens": 2, "total_tokens": 2}, **more}


@pytest.mark.parametrize(
    ("value", "texts", "unread"),
    [
        ("one", ["one"], []),
        (["one", "two"], ["one", "two"], []),
        ([1, 2, 3], [], ["data"]),
        ([[1, 2], [3]], [], ["data"]),
    ],
)
def test_what_is_asked(value: Any, texts: list[str], unread: list[str]) -> None:
    document = {"model": "m", "input": value, "user": "u", "dimensions": 8, "encoding_format": "float"}
    ask = DIALECT.read(document)
    assert (ask.model, ask.stream, ask.max_tokens) == ("m", False, 0)
    reading = DIALECT.spans(document)
    assert ([span.text for span in reading.spans], reading.unread) == ([*texts, "u"], unread)


@pytest.mark.parametrize("value", [None, "", [], [1, "a"], [[1], "a"], {"a": 1}, 7, [[]]])
def test_an_input_that_is_none(value: Any) -> None:
    if value == "":
        assert DIALECT.read({"model": "m", "input": value}).model == "m"
    else:
        with pytest.raises(InvalidRequest, match="input"):
            DIALECT.read({"model": "m", "input": value})


def test_vectors_pass_and_everything_else_is_governed() -> None:
    packed = b64encode(pack("<8f", *VECTOR)).decode()
    for vector in (VECTOR, [1, 2], packed):
        assert DIALECT.pieces(whole(answer(vector))) == []
    for other in ("a secret", b64encode(b"somebody's secret, in base64 so").decode(), [1.0, "a"], {"a": "b"}):
        assert [piece.channel for piece in DIALECT.pieces(whole(answer(other)))] == ["data.0.embedding"]
    pieces = DIALECT.pieces(whole(answer(VECTOR, note="hello")))
    assert [piece.text for piece in pieces] == ["hello"]


def test_text_in_base64_is_no_vector() -> None:
    for text in ("AKIA" + "IOSFODNN7EXAMPLE" * 3, b64encode(b"the quick brown fox jumps over the lazy dog.").decode()):
        assert not is_vector(text)


def test_usage() -> None:
    assert DIALECT.usage(whole(answer(VECTOR)), Usage(estimated=True)) == Usage(2)
    assert json.loads(whole(answer(VECTOR)).raw)["data"][0]["embedding"] == VECTOR
