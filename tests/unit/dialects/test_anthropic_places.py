"""Where text stands in a Messages request."""

import json
from pathlib import Path

from sluicegate.core.dialect import Place
from sluicegate.dialects.anthropic_places import read_spans

RICH = Path(__file__).parents[2] / "golden" / "dialects" / "anthropic_messages.json"


def test_places_of_a_document_that_uses_all() -> None:
    reading = read_spans(json.loads(RICH.read_bytes()))
    by_place: dict[Place, list[str]] = {}
    for span in reading.spans:
        by_place.setdefault(span.place, []).append(span.text)
    assert by_place[Place.SYSTEM] == ["You help.", "Be short.", "Between."]
    assert {"Hello", "What is this?", "Plan", "draft", "plain words", "inner", "hit"} <= set(by_place[Place.USER])
    assert {"Hm.", "I look.", "cited", "words", "odd", "future_block"} <= set(by_place[Place.ASSISTANT])
    assert {"Paris", "type", "x", "id", "y", "4111111111111111", "q", "files"} <= set(by_place[Place.TOOL_ARGUMENTS])
    assert {"sunny", "plain", "t"} <= set(by_place[Place.TOOL_RESULT])
    assert {"Looks.", "Where", "example.org", "web_search_20250305"} <= set(by_place[Place.TOOL_DEFINITION])
    assert {"u-1", "user_id", "END", "title"} <= set(by_place[Place.OTHER])
    assert reading.unread == ["image", "remote", "pdf", "remote", "remote", "image"]


def test_thoughts_are_sealed() -> None:
    reading = read_spans(json.loads(RICH.read_bytes()))
    assert [span.text for span in reading.spans if span.sealed] == ["Hm."]
