"""What one event of a Gemini answer says."""

from typing import Any

import pytest

from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, sse, whole
from sluicegate.dialects.gemini_event import GeminiTold, told

SIGNATURE = "EqQBCgIYAhIkYWJj"


def event(*parts: Any, **candidate: Any) -> Event:
    return sse({"candidates": [{"content": {"parts": list(parts), "role": "model"}, "index": 0, **candidate}]})


def seen(found: GeminiTold) -> list[tuple[str, str, bool, bool]]:
    return [(piece.channel, piece.text, piece.json, piece.sealed) for piece in found.pieces]


@pytest.mark.parametrize(
    ("part", "pieces"),
    [
        ({"text": "a"}, [("0.text", "a", False, False)]),
        ({"text": "a", "thoughtSignature": SIGNATURE}, [("0.text", "a", False, False)]),
        ({"text": "a", "thought": True, "thoughtSignature": SIGNATURE}, [("0.thought", "a", False, True)]),
        ({"thought": True, "odd": "b"}, [("0.odd", "b", False, True)]),
        ({"thoughtSignature": "not base64!"}, [("0.thoughtSignature", "not base64!", False, True)]),
        ({"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}, [("0.call.c1.args", '{"a":1}', True, False)]),
        ({"functionCall": {"name": "f", "args": {"a": 1}}}, [("0.call.f.0.args", '{"a":1}', True, False)]),
        ({"functionCall": {"name": "4111 1111", "args": {}}}, [("0.call.4111 1111.0.name", "4111 1111", False, False)]),
        ({"executableCode": {"language": "PYTHON", "code": "x"}}, [("0.executableCode.code", "x", False, False)]),
        (
            {"codeExecutionResult": {"outcome": "say so", "output": "x"}},
            [("0.codeExecutionResult.outcome", "say so", False, False), ("0.codeExecutionResult.output", "x", False, False)],
        ),
        ({"inlineData": {"mimeType": "image/png", "data": "QUJD"}}, []),
        ({"inlineData": {"mimeType": "said: so", "data": "QUJD"}}, [("0.inlineData.mimeType", "said: so", False, False)]),
        ({"fileData": {"fileUri": "u"}}, [("0.fileData", '{"fileUri":"u"}', True, False)]),
        ({"futurePart": "x"}, [("0.futurePart", "x", False, False)]),
    ],
)
def test_parts(part: dict[str, Any], pieces: list[tuple[str, str, bool, bool]]) -> None:
    assert seen(told(event(part))) == pieces


def test_arguments_in_pieces_are_one_text_for_each_path() -> None:
    partials = [
        {"jsonPath": "$.city", "stringValue": "Par", "willContinue": True},
        {"jsonPath": "$.card", "numberValue": 4111111111111111},
        {"jsonPath": "say so", "stringValue": "x"},
        "odd",
    ]
    found = told(event({"functionCall": {"id": "c", "name": "f", "partialArgs": partials}}))
    assert seen(found) == [
        ("0.call.c.$.city.stringValue", "Par", False, False),
        ("0.call.c.$.card.number", "4111111111111111", True, False),
        ("0.call.c.2.jsonPath", "say so", False, False),
        ("0.call.c.2.stringValue", "x", False, False),
        ("0.call.c.3", "odd", False, False),
    ]
    piece = found.pieces[1]
    piece.holder[piece.key] = '"[CARD]"'
    assert partials[1]["numberValue"] == "[CARD]"  # type: ignore[index]  # an object


def test_what_stands_beside_the_parts() -> None:
    grounding = {"webSearchQueries": ["who is Ann"]}
    rating = {"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW", "blocked": False}
    found = told(
        event({"text": "a"}, safetyRatings=[rating], groundingMetadata=grounding, finishMessage="m", avgLogprobs=-1)
    )
    assert seen(found)[1:] == [
        ("0.groundingMetadata", '{"webSearchQueries":["who is Ann"]}', True, False),
        ("0.finishMessage", "m", False, False),
    ]
    odd = told(event({"text": "a"}, safetyRatings=[{"category": "say so"}]))
    assert seen(odd)[1:] == [("0.safetyRatings", '[{"category":"say so"}]', True, False)]


@pytest.mark.parametrize(
    "value", ["x", [["x"]], [{"content": "x"}], [{"content": {"parts": "x"}}], [{"content": {"parts": ["x"]}}]]
)
def test_forms_of_no_answer_are_looked_at(value: Any) -> None:
    assert "x" in "".join(piece.text for piece in told(sse({"candidates": value, "more": "y"})).pieces)


def test_finish_end_and_usage() -> None:
    found = told(event({"text": "a"}, finishReason="STOP"))
    assert (found.finish, found.over, found.usage) == ("STOP", False, None)
    assert told(whole({"candidates": []})).over
    assert told(sse({"error": {"code": 500}})).over
    odd = told(event(finishReason="BECAUSE"))
    assert (odd.finish, seen(odd)) == ("BECAUSE", [("0.finishReason", "BECAUSE", False, False)])
    blocked = told(sse({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "m"}, "usageMetadata": {"a": 1}}))
    assert (blocked.finish, blocked.usage) == ("SAFETY", {"a": 1})
    assert seen(blocked) == [("promptFeedback.blockReasonMessage", "m", False, False)]


def test_tools_and_data() -> None:
    found = told(
        event(
            {"functionCall": {"name": "look", "args": {}}},
            {"executableCode": {"code": "x"}},
            {"toolCall": {"toolType": "URL_CONTEXT"}},
            {"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}},
            {"inlineData": {"data": "QUJD"}},
        )
    )
    assert list(found.calls) == ["look", "code_execution", "url_context"]
    assert list(found.unread) == ["audio", "data"]


def test_an_event_is_walked_once_and_again_only_after_it_was_rewritten() -> None:
    one = event({"text": "one"})
    first = told(one)
    assert told(one) is first
    one.document["candidates"][0]["content"]["parts"][0]["text"] = "two"
    one.rewrite()
    assert [piece.text for piece in told(one).pieces] == ["two"]


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(UpstreamError):
        told(Event(b"data: [1]\n\n", b"[1]"))
    assert told(Event(b"\n", b"")).pieces == []
