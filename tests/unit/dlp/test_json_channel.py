import json

import pytest

from sluicegate.dlp.findings import Action
from sluicegate.dlp.json_channel import JsonChannel
from tests.support.guardrails import CARD, EMAIL, PEM, SSN, answer, inspection, judge, rule

BY = inspection(dict.fromkeys(("card", "private_key", "email", "ssn"), Action.REDACT))


def redacted(source: str) -> str:
    return answer(BY, [source], json=True)[0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{"a": "4111 1111 1111 1111"}', '{"a": "[CARD]"}'),
        ('{"a": 4111111111111111}', '{"a": "[CARD]"}'),
        ('{"a": -4111111111111111.5, "b": [4111111111111111,true]}', '{"a": "[CARD]", "b": ["[CARD]",true]}'),
        ('{"bob@example.org": 1}', '{"[EMAIL]": 1}'),
        ('{"a": "4111\\u00201111 1111 \\u0031111"}', '{"a": "[CARD]"}'),
        ('{"a": "x\\n536-22-8145\\n\\"y\\""}', '{"a": "x\\n[SSN]\\n\\"y\\""}'),
        ('{"a": "\\ud83d\\ude00 536-22-8145"}', '{"a": "\\ud83d\\ude00 [SSN]"}'),
        ('{"a": "\\ud83d 536-22-8145"}', '{"a": "\\ud83d [SSN]"}'),
        ('{"a": "fine", "b": [1, 2.5e3, null]}', '{"a": "fine", "b": [1, 2.5e3, null]}'),
        ("4111111111111111", '"[CARD]"'),
    ],
)
def test_what_is_redacted_stays_json(source: str, expected: str) -> None:
    assert redacted(source) == expected
    json.loads(expected)


def test_a_region_that_crosses_strings_keeps_their_quotes() -> None:
    source = json.dumps({"a": PEM[:200], "b": ["tail", 12], "c": PEM[-100:]})
    result = json.loads(redacted(source))
    assert set(result) >= {"a"}
    assert "MIIE" not in json.dumps(result)


def test_an_escape_that_is_cut_off_waits_for_its_rest() -> None:
    channel = JsonChannel(BY)
    channel.feed('{"a": ". \\u00')
    assert channel.mark == len('{"a": ". ')
    channel.feed("20 ")
    assert channel.mark == channel.length


def test_a_number_waits_until_it_is_whole() -> None:
    channel = JsonChannel(judge([rule("[0-9]{4}")]))
    channel.feed('{"a": 12')
    assert channel.mark == len('{"a": ')
    channel.feed(", null]")
    assert channel.mark == channel.length


def test_no_json_is_looked_at_as_it_stands() -> None:
    assert redacted(f'oops \\q {{"a\\q": "{SSN} {EMAIL}') == 'oops \\q {"a\\q": "[SSN] [EMAIL]'
    assert redacted(f'"{CARD}\\u00') == '"[CARD]\\u00'
