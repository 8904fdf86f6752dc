"""Strict parsing (hazards H1, H5 to H9, H12)."""

import time

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects.document import _quick, nested, parse


def refused(body: bytes, depth: int = 100, values: int = 200_000) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(body, depth, values)
    return caught.value


def test_an_object_is_read_as_written() -> None:
    body = '{"a": [1, -0, 2.5, true, null, "é😀\\u0000\u2028"], "b": {"c": "\\ud83d\\ude00"}}'.encode()
    assert parse(body, 100, 100) == {"a": [1, 0, 2.5, True, None, "é😀\0\u2028"], "b": {"c": "😀"}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"a"',
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 01}',
        b'{"a": 99999999999999999999}',
        b'{"a": 18446744073709551616}',
        b'{"a": "\x00"}',
        b'{"a": "\xff"}',
        b'{"a": "\xc0\xaf"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": 1} x',
    ],
)
def test_what_is_no_strict_json_object_is_refused(body: bytes) -> None:
    assert refused(body).reason is Reason.INVALID_JSON


def test_usual_bodies_are_read_the_quick_way_and_doubtful_ones_are_not() -> None:
    for body in ('{"a": {"b": [1, "x: y"]}}', '{"a" : "é \\"q\\": \\u00e9"}', "{}"):
        assert _quick(body.encode(), 100) == parse(body.encode(), 100, 100)
    for body in (
        '{"a": 1, "a": 2}',
        '{"a:": 1}',
        '{"a": ":\\u003a"}',
        '{"a": 18446744073709551616}',
        '{"a": [[]]}',
        "[]",
        "{",
    ):
        assert _quick(body.encode(), 2) is None


def test_sixty_four_bits_are_enough_for_everybody() -> None:
    assert parse(b'{"a": 18446744073709551615, "b": -9223372036854775808}', 9, 9) == {"a": 2**64 - 1, "b": -(2**63)}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"model": "a", "model": "b"}', "model"),
        (b'{"a": [{"role": 1, "role": 1}]}', "role"),
        (b'{"my card is 4111": 1, "my card is 4111": 2}', None),
    ],
)
def test_a_duplicate_key_is_refused_and_named_only_if_it_is_a_name(body: bytes, field: str | None) -> None:
    error = refused(body)
    assert error.reason is Reason.DUPLICATE_KEY
    assert error.field == field
    assert "4111" not in error.message


def test_depth_and_number_of_values_are_bounded_exactly() -> None:
    assert parse(b'{"a": [[1]]}', 3, 3)
    assert refused(b'{"a": [[1]]}', 2).reason is Reason.TOO_DEEP
    assert refused(b'{"a": [1, 2]}', values=2).reason is Reason.TOO_DEEP
    assert parse(b'{"a": "[[[[{{{{,,,,,,,,,,"}', 1, 1)
    assert parse(b'{"a": [1, 2]}', 2, 3)


MANY = 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b'{"a":[' + b"0," * MANY + b"0]}",
        b'{"a":[' + b'"a" , ' * MANY + b'"b"]}',
        b'{"a":[' + b"{}," * MANY + b"{}]}",
    ],
    ids=["lists", "objects", "numbers", "strings", "empty objects"],
)
def test_a_hostile_body_costs_no_time(body: bytes) -> None:
    start = time.process_time()
    assert refused(body).reason is Reason.TOO_DEEP
    assert time.process_time() - start < 0.5


def test_a_huge_number_costs_no_time() -> None:
    start = time.process_time()
    assert refused(b'{"a":' + b"9" * MANY + b"}").reason is Reason.INVALID_JSON
    assert time.process_time() - start < 0.5


def test_json_in_a_string_is_read_as_strictly() -> None:
    assert nested('{"a": [1]}', "arguments", 100, 1_000) == ({"a": [1]}, 2)
    for text in ("", "{", '{"a": 1e999}', '"\\ud800"'):
        with pytest.raises(ValueError):
            nested(text, "arguments", 100, 1_000)
    with pytest.raises(InvalidRequest):
        nested('{"a": 1, "a": 2}', "arguments", 100, 1_000)


@pytest.mark.parametrize(
    "text", ["[" * 101 + "]" * 101, "[" * 100_000, "[" + "1," * 1_000 + "1]", '{"a": [' + '"b",' * 1_000 + '"c"]}']
)
def test_json_in_a_string_is_bounded_as_the_body_is(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        nested(text, "arguments", 100, 1_000)
    assert (caught.value.reason, caught.value.field) == (Reason.TOO_DEEP, "arguments")


def test_commas_in_the_strings_of_json_in_a_string_are_no_values() -> None:
    assert nested('["' + "," * 5_000 + '"]', "arguments", 100, 1_000)[1] == 1
