"""Each rule exempts only what its place is for."""

from typing import Any

import pytest

from sluicegate.core.dialect import Form, Place, Reading
from sluicegate.dialects import walk
from sluicegate.dialects.walk import Rule


def found(rule: Rule, value: Any) -> list[str]:
    out = Reading([], [])
    rule(value, {"k": value}, "k", Place.USER, out)
    return [span.text for span in out.spans]


LONG = "QUJD" * 20
PNG = "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("rule", "exempt", "governed"),
    [
        (walk.text, [None, True], ["a", 5, ["a"], {"a": 1}]),
        (walk.structural, ["gpt-4o"], [["a"], {"a": "b"}]),
        (walk.knob, [None, True, 5, 0.25], ["x", 4111111111111111, 0.4111111111111111]),
        (walk.opaque, [LONG], ["AKIA", "some words " + LONG, LONG + "4111111111111111"]),
        (
            walk.identifier,
            [
                "call_abc123",
                "toolu_01AbCd",
                "toolu_bdrk_01AbCd",
                "0b9d1c1e-9b7e-4c43-a5a6-6d1f3a0e8d11",
                "call_0b9d1c1e-9b7e-4c43-a5a6-6d1f3a0e8d11",
                "D681PevKs",
            ],
            [
                "4111 1111 1111 1111",
                "123456789",
                "my secret",
                "AKIA" + "A" * 16,
                "call_4111111111111111",
                "call_ghp_abcdef",
                "call_sk-abcdef",
            ],
        ),
        (walk.words("user", "system"), ["user", "SYSTEM"], ["someone", ["user"]]),
        (walk.blob("image"), [PNG, f"data:image/png;base64,{PNG}", None], ["plain words", {"a": "b"}]),
        (
            walk.address("image"),
            [f"data:image/png;base64,{PNG}"],
            ["https://example.org/?q=secret", "data:text/plain,secret", f"data:image/png;name=secret;base64,{PNG}"],
        ),
        (walk.reference, ["file-abc123"], ["words of mine"]),
    ],
)
def test_a_rule_exempts_only_what_its_place_is_for(rule: Rule, exempt: list[Any], governed: list[Any]) -> None:
    for value in exempt:
        assert found(rule, value) == [], value
    for value in governed:
        assert found(rule, value), value


def test_free_places_give_keys_and_numbers_too() -> None:
    document = {"a": [1, 2.5, None, True, {"b": "c"}]}
    out = Reading([], [])
    walk.free(document, None, None, Place.OTHER, out)
    assert [(span.text, span.form) for span in out.spans] == [
        ("1", Form.NUMBER),
        ("2.5", Form.NUMBER),
        ("c", Form.TEXT),
        ("b", Form.KEY),
        ("a", Form.KEY),
    ]
    assert all(span.holder[span.key] is not None for span in out.spans)


def test_json_in_a_string_is_governed_inside() -> None:
    holder = {"arguments": '{"city": "Par\\u0069s", "n": 5}'}
    out = Reading([], [])
    walk.nested(holder["arguments"], holder, "arguments", Place.TOOL_ARGUMENTS, out)
    assert [span.text for span in out.spans] == ["Paris", "city", "5", "n"]
    assert all(span.nested is not None and span.nested.holder is holder for span in out.spans)
    assert found(walk.nested, "no json") == ["no json"]
    assert found(walk.nested, '"a text"') == ['"a text"']


def test_what_cannot_be_read_is_named() -> None:
    out = Reading([], [])
    walk.blob("image")(PNG, {}, "k", Place.USER, out)
    walk.address("video")("https://example.org", {}, "k", Place.USER, out)
    walk.reference("file-abc123", {}, "k", Place.USER, out)
    assert out.unread == ["image", "remote", "remote"]


def test_a_data_uri_where_none_is_expected_is_read_and_written_back() -> None:
    document = {"arguments": '{"link": "data:text/plain;base64,bXkgbnVtYmVyIGlzIDQyLCBkbyBub3QgdGVsbA=="}'}
    out = Reading([], [])
    walk.nested(document["arguments"], document, "arguments", Place.TOOL_ARGUMENTS, out)
    (text,) = [span for span in out.spans if span.form is Form.TEXT]
    assert text.text == "my number is 42, do not tell"
    text.holder[text.key] = "gone"
    assert text.nested is not None
    assert text.nested.document == {"link": "data:text/plain;base64,Z29uZQ=="}


def test_an_unknown_member_is_governed_with_its_name() -> None:
    rule = walk.fields({"known": walk.knob})
    assert found(rule, {"known": 1, "other": "text"}) == ["text", "other"]
    assert found(rule, "no object") == ["no object"]


def test_a_discriminator_chooses_the_rule() -> None:
    rule = walk.by("type", {"a": walk.fields({"type": walk.words("a"), "x": walk.structural})}, walk.free)
    assert found(rule, {"type": "a", "x": "model"}) == []
    assert found(rule, {"type": "b", "x": "model"}) == ["b", "type", "model", "x"]


def test_place_and_elements() -> None:
    out = Reading([], [])
    walk.within(Place.SYSTEM, walk.each(walk.text))(["a", "b"], None, None, Place.USER, out)
    assert [(span.text, span.place, span.key) for span in out.spans] == [("a", Place.SYSTEM, 0), ("b", Place.SYSTEM, 1)]


def test_what_a_thought_says_is_sealed_and_nothing_else() -> None:
    out = Reading([], [])
    rule = walk.each(walk.by("t", {"thought": walk.sealed(walk.free)}, walk.free))
    rule([{"t": "thought", "n": 5}, {"t": "b"}], {}, "k", Place.ASSISTANT, out)
    assert [(span.text, span.sealed) for span in out.spans] == [
        ("thought", "thinking"),
        ("t", "thinking"),
        ("5", "thinking"),
        ("n", "thinking"),
        ("b", ""),
        ("t", ""),
    ]
