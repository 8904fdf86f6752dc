import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dlp.findings import Edit, redact
from sluicegate.dlp.json_text import fitted

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def edited(text: str, *places: tuple[int, int]) -> str:
    return redact(text, fitted(text, [Edit(start, end, 0, "[X]") for start, end in places]))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ('{"card": 41111}', "41111", '{"card": "[X]"}'),
        ('{"card": -41111}', "41111", '{"card": "[X]"}'),
        ("[1, 41111 ]", "41111", '[1, "[X]" ]'),
        ('{"card": "no 41111!"}', "41111", '{"card": "no [X]!"}'),
        ('{"41111": true}', "41111", '{"[X]": true}'),
        ('{"a": "x", "b": 2}', '"x", "b": 2', '{"a": "[X]", "[X]": "[X]"}'),
        ('{"a": "\\u0034111"}', "0034111", '{"a": "[X]"}'),
        ('{"a": "\\ud83d\\ude0041"}', "de0041", '{"a": "[X]"}'),
        ("card 41111", "41111", "card [X]"),
        ("{card: 41111}", "41111", "{card: [X]}"),
        ('"41111', "41111", '"[X]'),
    ],
)
def test_a_text_that_is_json_stays_json(text: str, value: str, expected: str) -> None:
    assert edited(text, (text.index(value), text.index(value) + len(value))) == expected


@given(st.lists(JSON, max_size=3) | st.dictionaries(st.text(max_size=4), JSON, max_size=3), st.booleans(), st.data())
def test_whatever_is_edited(document: object, ascii_only: bool, data: st.DataObject) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    places = [(low, high) for low, high in zip(cuts[::2], cuts[1::2], strict=False) if low < high]
    json.loads(edited(text, *places))


def test_nesting_beyond_what_is_read_is_a_text_like_any() -> None:
    text = "[" * 200_000 + "41111"
    assert edited(text, (200_000, 200_005)) == "[" * 200_000 + "[X]"
