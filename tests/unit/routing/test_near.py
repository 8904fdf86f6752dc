"""Which texts are compared, which mean the same, and that bounds hold."""

import asyncio
import logging
from collections.abc import Sequence
from math import inf, nan
from typing import Any

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import BOUNDS, Bounds, DialectName, Json, Reading
from sluicegate.core.errors import InvalidRequest, UpstreamError
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.routing.near import MAX_DIMENSIONS, Embed, Meaning, Near, Point, asked_text, unit
from sluicegate.settings import Cache as Cached
from tests.support.keeping import exchange

SAID = {"role": "user", "content": "what is it?"}
ANSWERED = {"role": "assistant", "content": "a thing"}


def point(*numbers: float, place: bytes = b"p") -> Point:
    vector = unit(numbers)
    assert vector is not None
    return Point(place, vector, "e")


def near(embed: Embed | None = None, **bounds: Any) -> Near:
    async def plain(text: str, _: Sequence[str]) -> Meaning:
        return Meaning("e", "m", (float(len(text)), 1.0))

    return Near(Cached(**bounds), embed or plain, lambda: 0.0)


def place(*messages: dict[str, Any], **fields: Any) -> bytes | None:
    found = asked_text(exchange(messages=[dict(message) for message in messages], **fields))
    return None if found is None else found[1]


def test_only_the_last_text_may_differ() -> None:
    other = {**SAID, "content": "what may it be?"}
    assert place(SAID) == place(other) is not None
    assert place(SAID, ANSWERED, SAID) == place(SAID, ANSWERED, other) is not None
    assert place(SAID, ANSWERED, SAID) != place(other, ANSWERED, SAID)
    assert place(SAID) != place(SAID, temperature=1)
    assert place({"role": "system", "content": "Be kind."}, SAID) != place(SAID)


def test_numbers_must_be_the_same() -> None:
    one, same, two = ({**SAID, "content": text} for text in ("add 2 and 2", "2 plus 2 is", "add 2 and 3"))
    assert place(one) == place(same) != place(two)


def test_the_document_stays_as_it_was() -> None:
    asked = exchange("what is it?")
    before = repr(asked.document)
    found = asked_text(asked)
    assert found is not None
    assert found[0] == "what is it?"
    assert repr(asked.document) == before


def test_what_is_not_the_user_s_own_words_is_not_compared() -> None:
    tool = {"type": "function", "function": {"name": "look"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert place(SAID, ANSWERED) is None
    assert place({**SAID, "content": " "}) is None
    assert place({**SAID, "content": [{"type": "text", "text": "what is it?"}, image]}) is None
    assert place(SAID, tools=[tool]) is None
    assert place({"role": "system", "content": "Be kind."}) is None


def test_no_vector_is_given_for_the_text_of_another() -> None:
    class Vectors(OpenAIChat):
        name = DialectName.OPENAI_EMBEDDINGS

    assert asked_text(exchange("what is it?", dialect=Vectors())) is None


def test_what_is_too_deep_to_read_is_not_compared() -> None:
    class Deep(OpenAIChat):
        def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
            raise InvalidRequest(Reason.TOO_DEEP, "x")

    assert asked_text(exchange("what is it?", dialect=Deep())) is None


def test_the_most_alike_comes_first_and_what_is_unlike_not_at_all() -> None:
    texts = near()
    for key, numbers in ((b"far", (0.0, 1.0)), (b"close", (1.0, 0.2)), (b"same", (2.0, 0.0)), (b"longer", (1.0, 0.0, 0.0))):
        texts.keep(point(*numbers), key)
    texts.keep(point(1.0, 0.0, place=b"elsewhere"), b"elsewhere")
    found = texts.around(point(1.0, 0.0), 0.9)
    assert [key for key, _ in found] == [b"same", b"close"]
    assert found[0][1] == pytest.approx(1)
    assert texts.around(point(1.0, 0.0, place=b"nowhere"), 0.5) == []


def test_bounds_hold_in_each_place_and_in_all() -> None:
    texts = near(max_near=2, max_vectors=3)
    for key in (b"1", b"2", b"3", b"3"):
        texts.keep(point(1.0), key)
    assert [key for key, _ in texts.around(point(1.0), 0.5)] == [b"2", b"3"]
    for key in (b"4", b"5"):
        texts.keep(point(1.0, place=b"q"), key)
    assert texts.around(point(1.0), 0.5) == []
    assert len(texts.around(point(1.0, place=b"q"), 0.5)) == 2


def test_a_sweep_leaves_what_is_kept() -> None:
    texts = near(max_vectors=2)
    texts.keep(point(1.0), b"1")
    texts.keep(point(1.0, place=b"q"), b"2")
    texts.sweep({b"1"})
    texts.keep(point(1.0), b"3")
    assert [key for key, _ in texts.around(point(1.0), 0.5)] == [b"1", b"3"]
    assert texts.around(point(1.0, place=b"q"), 0.5) == []


@pytest.mark.parametrize("vector", [(), (0.0, 0.0), (nan, 1.0), (inf, 1.0), (1e300, 1e300), (1.0,) * (MAX_DIMENSIONS + 1)])
async def test_what_points_nowhere_is_a_miss(vector: tuple[float, ...]) -> None:
    async def embed(_: str, __: Sequence[str]) -> Meaning:
        return Meaning("e", "m", vector)

    assert await near(embed).locate(exchange("what is it?")) is None


async def test_a_text_that_is_too_long_is_not_sent() -> None:
    assert await near(max_text_characters=3).locate(exchange("what")) is None
    assert await near(max_text_characters=4).locate(exchange("what")) is not None


async def test_vectors_of_two_models_are_not_compared() -> None:
    model = ["one"]

    async def embed(_: str, __: Sequence[str]) -> Meaning:
        return Meaning("e", model[0], (1.0, 0.0))

    texts = near(embed)
    before = await texts.locate(exchange("what is it?"))
    model[0] = "other"
    after = await texts.locate(exchange("what is it?"))
    assert before is not None
    assert after is not None
    assert before.place != after.place


@pytest.mark.parametrize("slow", [True, False])
async def test_who_fails_is_left_alone_for_a_while(slow: bool, caplog: pytest.LogCaptureFixture) -> None:
    now, calls = [0.0], []

    async def embed(text: str, _: Sequence[str]) -> Meaning:
        calls.append(text)
        if slow:
            await asyncio.Event().wait()
        raise UpstreamError(Reason.UPSTREAM_UNREACHABLE, "x")

    texts = Near(Cached(embedding_timeout=0.001, embedding_pause=30), embed, lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for moment in (0.0, 29.0, 30.0):
            now[0] = moment
            assert await texts.locate(exchange("what is it?")) is None
    assert len(calls) == 2
    assert "what is it" not in caplog.text
