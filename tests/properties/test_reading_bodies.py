"""The law of reading a body: the quick way gives what the strict way gives, value for value and refusal for refusal."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects import document

KEYS = st.sampled_from(['"a"', '"b"', r'"\u0061"', '"a:"', r'"a\u003a"', r'"\":"', '""', '"é"', '"model"', '"b" ', '"a"\n'])
NUMBERS = st.sampled_from(
    [
        *("0", "-0", "1", "-1.5", "1e5", "1E400", "1e-400", "01", "1.", "-", "NaN", "-Infinity", "Infinity", "0.1e+3"),
        *(
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "9" * 21,
            "7" * 400,
        ),
    ]
)
TEXTS = st.sampled_from(
    [
        *('"x"', '"a: b"', r'"{\"a\":1}"', r'"\\"', r'"\\\":"', r'"\u003a"', r'"\u003A"', '":,{}[]"', '"\\ud83d\\ude00"'),
        *(r'"\ud800"', r'"\udc00x"', '"\t"', '"é日"', r'"\x"', '"', '"\u2028"', r'"\u003c"', '"\\u0000"', '"\x7f"'),
    ]
)
SPACE = st.sampled_from(["", "", "", " ", "\n", "\t ", "\r", "\x0c", "\u00a0"])
SCALARS = (
    NUMBERS | TEXTS | st.sampled_from(["true", "false", "null", "nul", "", "tru e"]) | st.text(max_size=5).map(json.dumps)
)


def _listed(values: list[str], space: str) -> str:
    return f"[{space}{f'{space},'.join(values)}]"


def _object(members: list[tuple[str, str]], space: str) -> str:
    return "{" + f",{space}".join(f"{key}{space}:{space}{value}" for key, value in members) + "}"


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(_listed, st.lists(inner, max_size=4), SPACE) | st.builds(
        _object, st.lists(st.tuples(KEYS, inner), max_size=4), SPACE
    )


OBJECTS = st.builds(_object, st.lists(st.tuples(KEYS, st.recursive(SCALARS, _nested, max_leaves=12)), max_size=6), SPACE)
BODIES = st.builds("{}{}{}".format, SPACE, OBJECTS, SPACE | st.sampled_from(["x", "{}", ","])).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def outcome(read: object, body: bytes, depth: int, values: int) -> object:
    """What reading gives; with types, and in order, since equality overlooks both."""
    try:
        return "read", repr(read(body, depth, values))  # type: ignore[operator]  # one of the two ways
    except InvalidRequest as error:
        return "refused", error.reason, error.message, error.field


def same(body: bytes, depth: int, values: int) -> None:
    assert outcome(document.parse, body, depth, values) == outcome(document._strict, body, depth, values)


@settings(deadline=None, max_examples=1_500)
@given(BODIES, st.integers(1, 6) | st.just(100), st.integers(1, 12) | st.just(1_000))
@example(b'{"a":1,"a" :2}', 100, 1_000)
@example(b'{"a":1, "a" :2, "b": "x\\":"}', 100, 1_000)
@example(b'{"a":"\\u003a","a":2}', 100, 1_000)
@example(b'{"a":"\\u003A","b":{"c":1,"c":2}}', 100, 1_000)
@example(b'{"a": ":", "a": "", "b": "\\u003a"}', 100, 1_000)
@example(b'{"a:": 1, "a\\u003a": 2}', 100, 1_000)
def test_any_body_is_read_or_refused_as_the_strict_way_does(body: bytes, depth: int, values: int) -> None:
    same(body, depth, values)


@settings(deadline=None, max_examples=300)
@given(OBJECTS, st.binary(max_size=3), st.integers(0, 10_000))
def test_a_body_with_bytes_that_do_not_belong(text: str, more: bytes, at: int) -> None:
    body = text.encode("utf-8", "surrogatepass")
    at %= len(body) + 1
    same(body[:at] + more + body[at:], 100, 1_000)


DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.text(), DOCUMENTS, max_size=6), st.booleans())
def test_a_document_that_was_written_is_read_as_it_was(value: dict[str, object], ascii_only: bool) -> None:
    try:
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    same(body, 100, 100_000)


def test_nesting_around_every_bound() -> None:
    for depth in (1, 2, 99, 100, 101, 199, 200, 201, 202, 500, 2_000):
        for bound in (1, 100, 200, 5_000):
            same(b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}", bound, 100_000)


def test_duplicates_are_refused_wherever_they_stand_and_however_they_are_spelled() -> None:
    for first in ('"a"', r'"\u0061"'):
        for second in ('"a"', '"a" ', '"a"\n\t', r'"\u0061"'):
            inner = f"{{{first}: 1, {second}: 2}}"
            for body in (inner, f'{{"t": ":", "x": [{inner}]}}', f'{{"t": "\\u003a", "x": {inner}}}'):
                assert outcome(document.parse, body.encode(), 100, 100)[1] == "duplicate_key"  # type: ignore[index]  # a tuple
