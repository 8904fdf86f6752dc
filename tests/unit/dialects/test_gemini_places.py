"""Where text stands in a Gemini request."""

import json
from pathlib import Path

from sluicegate.core.dialect import Place
from sluicegate.dialects.gemini_places import read_spans

RICH = Path(__file__).parents[2] / "golden" / "dialects" / "gemini.json"


def test_places_of_a_document_that_uses_all() -> None:
    reading = read_spans(json.loads(RICH.read_bytes()))
    by_place: dict[Place, list[str]] = {}
    for span in reading.spans:
        by_place.setdefault(span.place, []).append(span.text)
    assert by_place[Place.SYSTEM] == ["You help.", "Be short."]
    assert {"Hello", "What is this?", "picture", "1s", "9.5s", "column,value\nname,Anna\n"} <= set(by_place[Place.USER])
    assert {"Hm.", "I look.", "words", "odd", "futurePart"} <= set(by_place[Place.ASSISTANT])
    assert {"Paris", "type", "x", "id", "y", "4111111111111111", "print(1)", "q"} <= set(by_place[Place.TOOL_ARGUMENTS])
    assert {"sunny", "output", "20", "no such city", "1", "page"} <= set(by_place[Place.TOOL_RESULT])
    assert {"Looks.", "Where", "see", "example.org", "author=x", "48.2"} <= set(by_place[Place.TOOL_DEFINITION])
    assert {"END", "t", "Paris", "Kore", "claims", "team", "text", "unknownField"} <= set(by_place[Place.OTHER])
    assert {span.text for span in reading.spans if span.sealed} == {"Hm."}
    assert reading.unread == ["image", "pdf", "remote", "remote", "image", "remote", "remote"]


def test_a_signature_that_is_none_is_looked_at_and_never_replaced() -> None:
    part = {"text": "a", "thought_signature": "not base64!"}
    spans = read_spans({"contents": {"role": "model", "parts": part}}).spans
    assert [(span.text, span.sealed) for span in spans] == [("a", ""), ("not base64!", "thinking")]


def test_a_role_of_no_api_is_at_no_place() -> None:
    for role in ("", "system", 5, None):
        document = {"contents": [{"role": role, "parts": [{"text": "a"}]}]}
        found = {span.place for span in read_spans(document).spans if span.text == "a"}
        assert found == {Place.USER if role is None else Place.OTHER}
