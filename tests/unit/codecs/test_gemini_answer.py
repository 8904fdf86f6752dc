"""Gemini answers that are none, or that the other side cannot hear."""

from typing import Any

import pytest

from sluicegate.codecs.conversation import (
    Answer,
    Argued,
    Broken,
    Called,
    Counted,
    Delta,
    Ended,
    Finished,
    Said,
    Start,
    Stop,
    Text,
    ToolCall,
)
from sluicegate.codecs.gemini_answer import Decoder, StreamEncoder, WholeEncoder, encode
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.usage import Usage

START = Start("r1", "m")


def body(*parts: Any, **candidate: Any) -> Event:
    content = {"content": {"parts": list(parts), "role": "model"}, "finishReason": "STOP", **candidate}
    return whole({"candidates": [content], "responseId": "r1", "modelVersion": "m"})


@pytest.mark.parametrize(
    "part",
    [
        "text",
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"executableCode": {"code": "1"}},
        {"functionCall": {"name": "f", "args": ["a"]}},
        {"functionCall": {"name": "f", "partialArgs": [{}]}},
        {"functionCall": {"name": "f", "willContinue": True}},
        {"futurePart": {}},
    ],
)
def test_what_cannot_be_said_elsewhere_refuses_the_answer(part: Any) -> None:
    with pytest.raises(UpstreamError):
        Decoder().feed(body(part))


@pytest.mark.parametrize("document", [{"candidates": [{}, {}]}, {"candidates": ["a"]}, {"candidates": []}, {}])
def test_what_is_no_answer(document: Any) -> None:
    with pytest.raises(UpstreamError):
        Decoder().feed(whole(document))


def test_a_part_with_nothing_but_a_signature_says_nothing() -> None:
    assert Decoder().feed(body({"thoughtSignature": "c2ln"}, {"text": ""})) == [START, Finished(Stop.END), Ended()]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [("STOP", Stop.END), ("MAX_TOKENS", Stop.LENGTH), ("RECITATION", Stop.REFUSED), ("OTHER", Stop.END), ("NEW", Stop.END)],
)
def test_reasons_to_finish(reason: str, stop: Stop) -> None:
    assert Finished(stop) in Decoder().feed(body({"text": "a"}, finishReason=reason))


def test_a_model_that_failed_breaks_the_answer() -> None:
    assert Decoder().feed(body(finishReason="MALFORMED_RESPONSE"))[1:] == [
        Broken("The model ended with MALFORMED_RESPONSE.")
    ]
    with pytest.raises(UpstreamError):
        WholeEncoder().feed([START, Broken("x")])


def test_an_event_without_data_says_nothing() -> None:
    assert Decoder().feed(Event(b"\n", b"")) == []


def test_ids_are_made_of_the_answer_and_the_place() -> None:
    def ids(answer: str) -> list[str]:
        call = {"functionCall": {"name": "f"}}
        event = whole({"candidates": [{"content": {"parts": [call, call]}, "finishReason": "STOP"}], "responseId": answer})
        return [delta.id for delta in Decoder().feed(event) if isinstance(delta, Called)]

    assert ids("r1") == ids("r1")
    assert len({*ids("r1"), *ids("r2")}) == 4


def test_calls_wait_for_their_arguments_and_leave_before_a_later_text() -> None:
    encoder = StreamEncoder()
    assert encoder.feed([START, Called(0, "c", "f"), Argued(0, '{"a":')]) == []
    (text,) = encoder.feed([Said("x")])
    assert text.document["candidates"][0]["content"]["parts"] == [{"text": "x"}]
    call, text = encoder.feed([Argued(0, "1}"), Said("y")])
    assert call.document["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == {"a": 1}
    with pytest.raises(UpstreamError):
        encoder.feed([Argued(0, "}")])


def test_arguments_that_were_cut_off_are_none() -> None:
    answer = Answer(parts=(ToolCall("c", "f", '{"a":'),), stop=Stop.LENGTH)
    assert encode(answer)["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == {}
    with pytest.raises(UpstreamError):
        encode(Answer(parts=(ToolCall("c", "f", '{"a":'),), stop=Stop.TOOLS))
    deltas: list[Delta] = [START, Called(0, "c", "f"), Argued(0, "{"), Finished(Stop.LENGTH), Counted(Usage(1, 2)), Ended()]
    (last,) = StreamEncoder().feed(deltas)
    assert last.last
    assert last.document["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_an_answer_that_says_nothing_has_an_empty_text() -> None:
    for document in (encode(Answer(parts=(Text(""),))), encode(Answer())):
        assert document["candidates"][0]["content"]["parts"] == [{"text": ""}]


def test_an_error_in_place_of_the_rest() -> None:
    assert Decoder().feed(sse({"error": {"code": 500, "message": "broke"}})) == [Broken("broke")]
