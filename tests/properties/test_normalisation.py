"""Laws of what is read in another way than it is written: in whole texts, in streams, and the same in both."""

import base64
import gzip
import quopri
import random
import re
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.core.errors import Denied
from sluicegate.core.event import Event
from sluicegate.dlp.findings import Action, redact
from sluicegate.dlp.normalise import folding, quoting
from sluicegate.dlp.normalise_where import CALM, places
from sluicegate.dlp.reading import Reading
from tests.properties.test_guardrails import KINDS, TEXTS, cut
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
    read,
)

REDACTING = inspection(dict.fromkeys(KINDS, Action.REDACT))
BLOCKING = inspection(dict.fromkeys(KINDS, Action.BLOCK))
VALUES = (CARD, SSN, IBAN, EMAIL, AWS, PHONE)


def spread(by: str) -> object:
    return lambda value: by.join(re.sub("[^0-9]", "", value))


EXACT = {
    "zero width": lambda value: "\u200b".join(value),
    "soft hyphen": lambda value: "\u00ad".join(value),
    "marks": lambda value: re.sub("([0-9])", "\\1\u0332", value),
    "variation": lambda value: re.sub("([0-9])", "\\1\ufe0f", value),
    "tags": lambda value: "\U000e0041".join(value),
    "full width": lambda value: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in value),
    "arabic": lambda value: re.sub("[0-9]", lambda m: chr(0x660 + int(m[0])), value),
    "bold": lambda value: re.sub("[0-9]", lambda m: chr(0x1D7CE + int(m[0])), value),
    "cyrillic": lambda value: re.sub("[AEOpcao]", lambda m: "АЕОрсао"["AEOpcao".index(m[0])], value),
    "no-break": lambda value: value.replace(" ", "\u00a0").replace("-", "\u2011"),
    "url": lambda value: "".join(f"%{ord(c):02x}" for c in value),
    "url twice": lambda value: "".join(f"%25{ord(c):02x}" for c in value),
    "url of some": lambda value: quote(value, safe=""),
    "html": lambda value: "".join(f"&#{ord(c)};" for c in value),
    "html hex": lambda value: "".join(f"&#x{ord(c):x}" for c in value),
    "html in html": lambda value: "".join(f"&amp;#{ord(c)};" for c in value),
    "url of html": lambda value: quote("".join(f"&#{ord(c)};" for c in value)),
    "\\u": lambda value: "".join(f"\\u{ord(c):04x}" for c in value),
    "\\\\u": lambda value: "".join(f"\\\\u{ord(c):04x}" for c in value),
    "\\x": lambda value: "".join(f"\\x{ord(c):02x}" for c in value),
    "octal": lambda value: "".join(f"\\{ord(c):03o}" for c in value),
    "quoted": lambda value: "".join(f"={ord(c):02X}" for c in value),
    "soft breaks": lambda value: "=\n".join(value),
    "quopri": lambda value: quopri.encodestring(value.encode()).decode(),
}
WHOLE = {
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64url": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "base64 twice": lambda value: base64.b64encode(base64.b64encode(value.encode())).decode(),
    "hex": lambda value: value.encode().hex(),
    "gzip": lambda value: base64.b64encode(gzip.compress(value.encode(), mtime=0)).decode(),
    "lines": lambda value: base64.encodebytes(
        f"the value, it is said, is {value}, and that is all of it.".encode()
    ).decode(),
    "utf-16": lambda value: base64.b64encode(value.encode("utf-16-le")).decode(),
    "url of base64": lambda value: quote(base64.b64encode(value.encode()).decode(), safe=""),
    "base64 of url": lambda value: base64.b64encode(quote(value, safe="").encode()).decode(),
    "hidden base64": lambda value: "\u200b".join(base64.b64encode(value.encode()).decode()),
}
SPREAD = {by: spread(by) for by in (" ", "\n", "-", ".", "**", " | ", "\n- ", ", ", "`,`")}
EVERY = [*EXACT.values(), *WHOLE.values()]


def redacted(text: str) -> str:
    return redact(text, REDACTING.find([("", text)])[0].edits)


ENDS = st.sampled_from(["", " ", ". ", "\n", "\u00a0", " and", "x ", '"', "(", "é", "слово ", "日本"])


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(VALUES), st.sampled_from(EVERY), st.sampled_from([" ", "", ": ", "\n", "слово ", "日本", '"']), ENDS)
def test_what_is_written_in_another_way_is_found_where_it_stands(value: str, write: object, before: str, after: str) -> None:
    written = write(value)  # type: ignore[operator]
    if after[:1] == "x" or after == "日本":
        after = f" {after}"
    text = f"It is{before} {written}{after}"
    found = redacted(text)
    assert written.strip("=\n") not in found
    assert re.match("It is", found)
    assert found.startswith(f"It is{before} [")


EDGES = st.lists(st.sampled_from(["\u200f", "\u200e", "\u200b", "\u200d", "\ufeff", "\u2068", "\u00ad"]), max_size=3).map(
    "".join
)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(VALUES), EDGES, EDGES, st.sampled_from(["", " and", ". ", "\n", "é", "слово"]), st.booleans())
def test_what_is_not_seen_belongs_to_a_value_only_within_it(
    value: str, before: str, after: str, rest: str, within: bool
) -> None:
    written = f"{value[:5]}\u200f\u200b{value[5:]}" if within else value
    parts = [f"It is {before}", written, f"{after} {rest}"]
    found = redacted("".join(parts))
    assert re.fullmatch(rf"It is {before}\[[A-Z_]+\]{re.escape(parts[2])}", found)
    assert answer(REDACTING, list("".join(parts)))[0] == found


def test_what_is_not_seen_stays_outside_however_it_is_written() -> None:
    assert redacted(f"mail {EMAIL}&#8203;, twice") == "mail [EMAIL]&#8203;, twice"
    assert redacted(f"mail {EMAIL}\\u200f\\u200e, twice") == "mail [EMAIL]\\u200f\\u200e, twice"
    assert redacted(f"mail {EMAIL}=\n=\n, twice") == "mail [EMAIL]=\n=\n, twice"
    assert redacted(f"mail \u200f{EMAIL}\u0332\u200f") == "mail \u200f[EMAIL]\u200f"


ODD = st.sampled_from(
    [
        *(
            "%",
            "%2",
            "%25",
            "%34",
            "&",
            "&#5",
            "&#52;",
            "&amp;",
            "\\",
            "\\u00",
            "\\u0034",
            "\\x3",
            "=",
            "=3",
            "=34",
            "=\n",
            "\r",
        ),
        *(
            "\u200b",
            "\u00ad",
            "\u0301",
            "\ufe0f",
            "４",
            "٤",
            "\U0001d7d2",
            "\u2013",
            "\u00a0",
            "а",
            "о",
            "вос",
            "слово",
            "Ω",
        ),
        *("**", "|", " - ", "\n", "4 1 1 1", "1\n2\n3\n", "12, 13", "4111.1111", "GB82.", "WEST", "a" * 15, "A1b2C3d4" * 3),
        *("\\ud835", "\\udfd2", "%F0%9D", "%9F%92", "=F0=9D", "&lt;", "ﬁ", "\u0300", "\U000e0041", "0x", "ё.", "-я"),
    ]
)
WRITTEN = st.builds(lambda value, write: write(value), st.sampled_from(VALUES), st.sampled_from([*EVERY, *SPREAD.values()]))
STRANGE = st.lists(WRITTEN | ODD | ODD | st.sampled_from([*VALUES, " ", ", so ", ". "]) | TEXTS, max_size=8).map("".join)


@settings(deadline=None, max_examples=400)
@given(STRANGE, st.lists(st.integers(0, 10_000), max_size=12))
def test_cutting_an_answer_into_other_pieces_changes_nothing(text: str, places: list[int]) -> None:
    whole, decision = answer(REDACTING, [text])
    (found,) = REDACTING.find([("", text)])
    assert whole == redact(text, found.edits)
    assert dict(sorted(found.counts.items())) == counts(decision)
    assert answer(REDACTING, cut(text, places)) == (whole, decision)


def counts(decision: object) -> dict[int, int]:
    detail = decision.detail  # type: ignore[attr-defined]
    ids = {rule.id: index for index, rule in enumerate(REDACTING.scanner.rules)}
    return dict(sorted((ids[key[5:]], count) for key, count in detail.items() if key.startswith("rule:")))


@settings(deadline=None, max_examples=150)
@given(STRANGE)
def test_one_character_at_a_time(text: str) -> None:
    assert answer(REDACTING, list(text) or [""]) == answer(REDACTING, [text])


@settings(deadline=None, max_examples=60)
@given(WRITTEN, st.sampled_from(["it is ", "", "слово", "x=", "1 "]), ENDS)
def test_every_offset(written: str, before: str, after: str) -> None:
    text = f"{before}{written}{after}"
    whole = answer(REDACTING, [text])
    for at in range(len(text)):
        assert answer(REDACTING, [text[:at], text[at:]]) == whole


@settings(deadline=None, max_examples=100)
@given(TEXTS, WRITTEN, STRANGE, st.lists(st.integers(0, 10_000), max_size=20))
def test_nothing_of_a_blocked_value_leaves(before: str, written: str, after: str, places: list[int]) -> None:
    text = f"{before} {written} {after}"
    (found,) = REDACTING.find([("", text)])
    first = found.edits[0].start if found.edits else len(text)
    guard = guard_of(BLOCKING)
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


@settings(deadline=None, max_examples=60)
@given(STRANGE, STRANGE, st.integers(0, 3))
def test_long_texts_are_read_in_regions_as_they_are_read_whole(one: str, two: str, size: int) -> None:
    prose = "and so it is said that all of this was as it had been, once upon a time; nothing more. " * 30 * size
    text = f"{prose}{one} {prose}{two}"
    assert answer(REDACTING, [text])[0] == redacted(text)


@settings(deadline=None, max_examples=300)
@given(STRANGE, st.lists(st.integers(0, 10_000), max_size=8), st.sampled_from([folding, quoting]))
def test_a_view_does_not_depend_on_how_the_text_is_cut(text: str, places: list[int], stages: object) -> None:
    def view(pieces: list[str]) -> tuple[str, list[int]]:
        chain, at, out, starts = stages(), 0, "", list[int]()  # type: ignore[operator]
        for number, piece in enumerate(pieces):
            given_, where = piece, list(range(at, at + len(piece)))
            for stage in chain:
                given_, where = stage.feed(given_, where, final=number == len(pieces) - 1)
            out, starts, at = out + given_, starts + where, at + len(piece)
        return out, starts

    whole, starts = view([text])
    assert view(cut(text, places)) == (whole, starts)
    assert len(whole) == len(starts)
    assert starts == sorted(starts)


def changes(text: str) -> bool:
    for stages in (folding(), quoting()):
        view, where = text, list(range(len(text)))
        for stage in stages:
            view, where = stage.feed(view, where, final=True)
        if view != text:
            return True
    return False


@settings(deadline=None, max_examples=400)
@given(STRANGE | st.lists(ODD, max_size=4).map("".join))
def test_where_nothing_is_suspicious_a_view_is_the_text(text: str) -> None:
    if places(Reading(f"\0{text}\0")) == () or ((calm := CALM.match(f"\0{text} ")) is not None and not calm["open"]):
        assert not changes(text)


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(categories=["L", "M", "N", "P", "Zs"]), max_size=40))
def test_characters_are_taken_whole(text: str) -> None:
    found = REDACTING.find([("", f"{text} {CARD}\u0332 {text}")])[0]
    if found.edits:
        assert not redact(f"{CARD}\u0332", REDACTING.find([("", f"{CARD}\u0332")])[0].edits).endswith("\u0332")


def test_long_runs_are_read_in_pieces_the_same_in_streams() -> None:
    chance = random.Random(7)
    line = bytes(chance.randrange(256) for _ in range(9_000))
    text = (
        f"x {base64.b64encode(line + CARD.encode() + line).decode()} {PEM[:40]} {base64.b64encode(CARD.encode()).decode()} y"
    )
    whole = answer(REDACTING, [text])
    assert whole[0] == redacted(text)
    assert answer(REDACTING, cut(text, [chance.randrange(30_000) for _ in range(400)])) == whole
