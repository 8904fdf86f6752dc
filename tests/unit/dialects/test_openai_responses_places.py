"""Where text stands in a Responses request."""

import json
from pathlib import Path

import pytest

from sluicegate.core.dialect import Json, Place
from sluicegate.dialects.openai_responses_places import read_spans

RICH = Path(__file__).parents[2] / "golden" / "dialects" / "openai_responses.json"
SEALED = "gAAAAABjZWxsYXIgZG9vciBpcyBvcGVuIGFuZCBub2JvZHkga25vd3Mgd2h5IGl0IGlz"


def test_places_of_a_document_that_uses_all() -> None:
    reading = read_spans(json.loads(RICH.read_bytes()))
    by_place: dict[Place, list[str]] = {}
    for span in reading.spans:
        by_place.setdefault(span.place, []).append(span.text)
    assert by_place[Place.SYSTEM] == ["You help.", "Be kind.", "Be short."]
    assert {"What is this?", "https://example.org/a.png", "plan.pdf", "column,value\nname,Anna\n"} <= set(
        by_place[Place.USER]
    )
    assert {"Hm.", "Hm, hm.", "Let me look.", "A page", "No.", "a cat"} <= set(by_place[Place.ASSISTANT])
    assert {"sunny", "files", "noted", "Careful."} <= set(by_place[Place.TOOL_RESULT])
    assert {"Paris", "4111111111111111", "deep", "ls -l", "notes.txt", "weather", "a"} <= set(by_place[Place.TOOL_ARGUMENTS])
    assert {"Looks.", "Where", "Patches.", "start: WORD", "Customers.", "Bonn", "hello", "More."} <= set(
        by_place[Place.TOOL_DEFINITION]
    )
    assert {"Graz", "42", "u-1", "person-1", "cache-1", "An answer.", "to", "come", "41111111111111", "value"} <= set(
        by_place[Place.OTHER]
    )
    kinds = ["image", "remote", "pdf", "remote", "remote", "audio", "image", "image", "image", "remote"]
    assert sorted(reading.unread) == sorted(kinds)
    assert SEALED not in {span.text for span in reading.spans}


def test_a_string_is_the_users_and_a_plain_message_has_one_span() -> None:
    reading = read_spans({"model": "m", "input": "Hi", "temperature": 0.5, "stream": True})
    assert [(span.text, span.place, span.key) for span in reading.spans] == [("Hi", Place.USER, "input")]
    reading = read_spans({"model": "m", "input": [{"role": "assistant", "content": "Hi"}]})
    assert [(span.text, span.place, span.key) for span in reading.spans] == [("Hi", Place.ASSISTANT, "content")]


@pytest.mark.parametrize(("more", "kinds"), [({"encrypted_content": SEALED}, {"thinking"}), ({}, {""})])
def test_reasoning_with_encrypted_content_cannot_be_replaced(more: Json, kinds: set[str]) -> None:
    item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], **more}
    spans = read_spans({"model": "m", "input": [item]}).spans
    assert [span.text for span in spans] == ["Hm."]
    assert {span.sealed for span in spans} == kinds
