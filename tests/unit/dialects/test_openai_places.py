"""Where text stands in a Chat Completions request."""

import json
from pathlib import Path

from sluicegate.core.dialect import Place
from sluicegate.dialects.openai_places import read_spans

RICH = Path(__file__).parents[2] / "golden" / "dialects" / "openai_chat.json"


def test_places_of_a_document_that_uses_all() -> None:
    reading = read_spans(json.loads(RICH.read_bytes()))
    by_place: dict[Place, list[str]] = {}
    for span in reading.spans:
        by_place.setdefault(span.place, []).append(span.text)
    assert by_place[Place.SYSTEM] == ["You help.", "Be short."]
    assert {"anna", "What is this?", "https://example.org/a.png", "plan.pdf"} <= set(by_place[Place.USER])
    assert by_place[Place.ASSISTANT] == ["No.", "Hm.", "Sorry."]
    assert by_place[Place.TOOL_RESULT] == ["sunny", "files", "old", "done"]
    assert {"Paris", "place", "4111111111111111", "x", "deep", "ls"} <= set(by_place[Place.TOOL_ARGUMENTS])
    assert {"Looks.", "Where", "Paris", "Runs."} <= set(by_place[Place.TOOL_DEFINITION])
    assert {"guess", "42", "case", "1234", "END", "u-1", "41111111111111", "text", "key", "value"} <= set(
        by_place[Place.OTHER]
    )
    assert reading.unread == ["image", "remote", "audio", "pdf", "remote", "remote", "remote"]


def test_a_plain_message_has_one_span_and_a_model_none() -> None:
    reading = read_spans({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5, "stream": True})
    assert [(span.text, span.place, span.key) for span in reading.spans] == [("Hi", Place.USER, "content")]
