"""Laws of detection and of the stream guard."""

import json
import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sluicegate.core.errors import Denied
from sluicegate.core.event import Event, sse, whole
from sluicegate.dlp.candidates import grouped
from sluicegate.dlp.engine import EDGE, Scanner
from sluicegate.dlp.findings import Action, redact
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.packs import Rule
from sluicegate.dlp.validators import luhn
from tests.support.guardrails import (
    AWS,
    CARD,
    EMAIL,
    IBAN,
    PEM,
    PHONE,
    SSN,
    answer,
    event,
    guard_of,
    inspection,
    judge,
    read,
    rule,
)

KINDS = ("card", "ssn", "iban", "phone", "email", "credential", "private_key")
REDACTING = inspection(dict.fromkeys(KINDS, Action.REDACT))
MIXED = inspection({"card": Action.REDACT, "private_key": Action.REDACT, "iban": Action.REDACT})
SHORT_PEM = PEM[:100] + PEM[-30:]

VALUES_AND_PARTS = (
    CARD,
    SSN,
    IBAN,
    EMAIL,
    PHONE,
    AWS,
    SHORT_PEM,
    PEM[:90],
    "-----BEGIN ",
    "PRIVATE KEY-----",
    CARD[:9],
    CARD[4:],
)
BETWEEN = (
    "@example.org",
    " ",
    ". ",
    ", so ",
    "\n",
    "-",
    "4",
    "1111",
    "+4",
    "sk-",
    "gh",
    "é",
    "日本",
    "\U0001f600",
    "\0",
    '"',
    "\\",
    "a",
)
FRAGMENTS = st.sampled_from([*VALUES_AND_PARTS, *BETWEEN, "the phone is ", "ssn "])
TEXTS = st.lists(FRAGMENTS | st.text(max_size=6), max_size=12).map("".join)


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=12), st.sampled_from([REDACTING, MIXED]))
def test_cutting_an_answer_into_other_pieces_changes_nothing(text: str, places: list[int], by: Inspection) -> None:
    whole, decision = answer(by, [text])
    assert whole == redact(text, by.find([("", text)])[0].edits)
    assert answer(by, cut(text, places)) == (whole, decision)


@settings(deadline=None, max_examples=150)
@given(TEXTS)
def test_one_character_at_a_time(text: str) -> None:
    assert answer(REDACTING, list(text)) == answer(REDACTING, [text])


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_every_offset(text: str) -> None:
    whole = answer(MIXED, [text])
    for at in range(len(text)):
        assert answer(MIXED, [text[:at], text[at:]]) == whole


VALUES = st.recursive(
    TEXTS
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
    | st.just(4111111111111111),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(VALUES, st.lists(st.integers(0, 10_000), max_size=12), st.booleans())
def test_json_stays_json_however_it_is_cut(value: object, places: list[int], ascii_only: bool) -> None:
    source = json.dumps(value, ensure_ascii=ascii_only)
    whole, decision = answer(REDACTING, [source], json=True)
    json.loads(whole)
    assert answer(REDACTING, cut(source, places), json=True) == (whole, decision)
    assert answer(REDACTING, list(source), json=True) == (whole, decision)


@settings(deadline=None, max_examples=150)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=12))
def test_any_source_called_json_however_it_is_cut(source: str, places: list[int]) -> None:
    assert answer(REDACTING, cut(source, places), json=True) == answer(REDACTING, [source], json=True)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from("abc"), TEXTS, max_size=3), st.randoms(use_true_random=False))
def test_channels_interleaved_are_as_channels_alone(texts: dict[str, str], random: object) -> None:
    left = {name: list(text) for name, text in texts.items() if text}
    guard = guard_of(MIXED)
    out: list[Event] = []
    while left:
        name = random.choice(sorted(left))  # type: ignore[attr-defined]  # hypothesis hands over a random.Random
        out += guard.feed([event(left[name].pop(0), name)])
        if not left[name]:
            del left[name]
    out += guard.flush()
    got = read(out)
    for name, text in texts.items():
        assert got.get(name, "") == answer(MIXED, [text])[0]


@settings(deadline=None, max_examples=100)
@given(TEXTS, st.sampled_from([AWS, SHORT_PEM, CARD]), TEXTS, st.lists(st.integers(0, 10_000), max_size=20))
def test_nothing_of_a_blocked_value_leaves(before: str, secret: str, after: str, places: list[int]) -> None:
    by = inspection(dict.fromkeys(KINDS, Action.BLOCK))
    text = f"{before} {secret} {after}"
    (found,) = REDACTING.find([("", text)])
    first = found.edits[0].start if found.edits else len(text)
    guard = guard_of(by)
    out: list[Event] = []
    refused = False
    try:
        for piece in cut(text, places):
            out += guard.feed([event(piece)])
        out += guard.flush()
    except Denied:
        refused = True
    assert refused is bool(found.edits)
    assert text[:first].startswith(read(out).get("0", ""))


PROSE = st.lists(
    st.sampled_from(
        ["the", "Gateway", " ", " ", ", ", ".", "\n", '"', "(", ":", "é", "\u017f", "K", "日", "a", "b", "ab", "1", "-", "@"]
    )
    | FRAGMENTS
    | st.text(max_size=2),
    max_size=10,
).map("".join)
ATOMS = st.sampled_from(
    ["a", "b", "K", "s", " ", "é", "1", ",", "[ab]", "[a-z]", "[A-Z ]", "[^a]", ".", "[0-9]", "(?:ab|k)", "(?:a |1)"]
)
REPEATS = st.sampled_from(["", "", "", "?", "{2}", "{1,3}", "{3,9}"])
PATTERNS = st.lists(st.builds("{}{}".format, ATOMS, REPEATS), min_size=1, max_size=4).map("".join)
OWN_RULES = st.builds(
    rule,
    PATTERNS.map("(?:{0}k|b1)".format) | PATTERNS.map("{0}a".format),
    ignore_case=st.booleans(),
    before=st.sampled_from(["none", "alnum", "[a ]"]),
    after=st.sampled_from(["none", "alnum", "[b,]"]),
    until=st.none() | PATTERNS.map("{0}b".format),
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(OWN_RULES, min_size=1, max_size=3),
    st.lists(st.text("abKks ,é1.", max_size=12), min_size=20),
    st.integers(0, 12),
)
def test_what_is_open_holds_all_that_more_text_could_still_complete(rules: list[Rule], texts: list[str], at: int) -> None:
    scanner = Scanner([replace(each, id=f"own{number}") for number, each in enumerate(rules)])
    for text in texts:
        text = EDGE + text
        open_from = scanner.undecided(text[: at + 1])
        for end, numbers in grouped(scanner.ends(text + EDGE)):
            if end > at + 1:
                starts = [hit.start for hit in scanner.confirm(text + EDGE, 0, 1, end, numbers)]
                assert all(start >= min(open_from, at + 1) for start in starts)


PARTS = st.lists(st.tuples(st.sampled_from("abc"), TEXTS | PROSE, st.booleans()), min_size=1, max_size=4)


@settings(deadline=None, max_examples=200)
@given(PARTS, st.sampled_from([REDACTING, MIXED]))
def test_an_answer_that_is_not_streamed_is_as_its_texts_alone(parts: list[tuple[str, str, bool]], by: Inspection) -> None:
    def judged(*, framed: bool) -> object:
        document = [{"channel": channel, "text": text, "json": is_json} for channel, text, is_json in parts]
        guard = guard_of(by)
        event = sse(document) if framed else whole(document)
        (out,) = [*guard.feed([event]), *guard.flush()]
        return out.document, guard.decision()

    assert judged(framed=False) == judged(framed=True)


ALPHABET = "0145 -a."
OWN = [
    rule("[0-9](?:[ -]?[0-9]){3,6}", id="digits", validator=None),
    rule("a[0-5]{1,3}(?:-|\\.a)", id="shape", before="none", after="digit"),
    rule("(?:14|4 ?5){2,3}", id="alternatives", before="digit", after="[a.]"),
]
REFERENCE = [
    (r"[0-9](?:[ -]?[0-9]){3,6}", "[A-Za-z0-9]", "[A-Za-z0-9]"),
    (r"a[0-5]{1,3}(?:-|\.a)", None, "[0-9]"),
    (r"(?:14|4 ?5){2,3}", "[0-9]", "[a.]"),
]
BY_OWN = [judge([each]) for each in OWN]


def by_definition(text: str, pattern: str, before: str | None, after: str | None) -> set[int]:
    """Every character of every match, tried at every start and every end."""
    covered: set[int] = set()
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            if re.fullmatch(pattern, text[start:end]):
                clear_before = not (before and start and re.match(before, text[start - 1]))
                clear_after = not (after and end < len(text) and re.match(after, text[end]))
                if clear_before and clear_after:
                    covered |= set(range(start, end))
    return covered


@settings(deadline=None, max_examples=300)
@given(st.text(ALPHABET, max_size=24))
def test_the_engine_finds_what_the_definition_says(text: str) -> None:
    for by, reference in zip(BY_OWN, REFERENCE, strict=True):
        (found,) = by.find([("", text)])
        covered = {at for edit in found.edits for at in range(edit.start, edit.end)}
        assert covered == by_definition(text, *reference)


@settings(deadline=None, max_examples=200)
@given(TEXTS, TEXTS, TEXTS)
def test_findings_do_not_depend_on_the_texts_scanned_with_them(one: str, two: str, three: str) -> None:
    together = REDACTING.find([("", one), ("", two), ("key", three)])
    assert together == [REDACTING.find([text])[0] for text in (("", one), ("", two), ("key", three))]


@given(st.text("0123456789", min_size=12, max_size=18))
def test_luhn_notices_every_wrong_digit(digits: str) -> None:
    right = next(digits + check for check in "0123456789" if luhn(digits + check))
    for at, digit in enumerate(right):
        assert not luhn(right[:at] + str((int(digit) + 1) % 10) + right[at + 1 :])
