"""`python -m bench.evasion FOLDER`: how much of what is found stays found when it is written in another way.

Every positive of the labelled sets in FOLDER that is found as it stands is written in the ways below, the value where its
place is labelled, else the whole text, and looked for again; a stream gets it one character at a time. No text is printed.
"""

import argparse
import base64
import codecs
import gzip
import quopri
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from bench.detection_kinds import CREDENTIALS
from bench.detection_report import cell
from bench.detection_rows import read
from bench.detection_score import Share
from sluicegate.core.dialect import Form, Place, Span
from sluicegate.dlp.channel import TextChannel
from sluicegate.dlp.findings import Action, Edit
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.seams import find_across
from sluicegate.settings import Dlp

GROUPS = ("card", "iban", "email", "phone", "ssn", "credential")
SHARED = 60
"""Values of one kind that are tried; sets have hundreds of phone numbers and keys."""
Case = tuple[str, set[str], str, int, int]
"""Its group, the rules' kinds for it, the text, and where the value stands."""
Write = Callable[[str], str]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _each(form: str) -> Write:
    return lambda value: "".join(form.format(ord(char)) for char in value)


def _between(mark: str) -> Write:
    return mark.join


def _digits(by: str) -> Write:
    return lambda value: value if re.search("[A-Za-z]", value) else by.join(re.sub("[^0-9]", "", value))


def _groups(by: str) -> Write:
    return lambda value: (
        value
        if re.search("[a-z_]", value)
        else by.join(re.split("[ -]+", value.strip()) if re.search("[0-9][ -]", value) else _fours(value))
    )


def _fours(value: str) -> list[str]:
    return [value[at : at + 4] for at in range(0, len(value), 4)] if value[-4:].isdigit() else [value]


def _shift(first: int) -> Write:
    return lambda value: re.sub("[0-9]", lambda digit: chr(first + int(digit[0])), value)


def _mapped(ours: str, theirs: str) -> Write:
    return lambda value: value.translate(str.maketrans(ours, theirs))


WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FULL = "".join(map(chr, range(0x21, 0x7F)))
WAYS: dict[str, tuple[str, Write]] = {
    "as it stands": ("", str),
    "base64": ("D4", lambda value: _b64(value.encode())),
    "base64url, no padding": ("D4", lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")),
    "base64, twice": ("D4", lambda value: _b64(_b64(value.encode()).encode())),
    "base64 of UTF-16": ("D4", lambda value: _b64(value.encode("utf-16-le"))),
    "base64 of a sentence, in lines": (
        "D4",
        lambda value: base64.encodebytes(f"As you asked, here it is: {value}. ".encode() * 3).decode(),
    ),
    "hexadecimal": ("D4", lambda value: value.encode().hex()),
    "gzip, base64": ("D4", lambda value: _b64(gzip.compress(value.encode()))),
    "gzip of a page, base64": ("D4", lambda value: _b64(gzip.compress(f"{'All is well. ' * 99} {value}".encode()))),
    "URL, every character": ("D4", _each("%{:02X}")),
    "URL, what must be": ("D4", lambda value: quote(value, safe="")),
    "URL, twice": ("D4", _each("%25{:02x}")),
    "HTML, decimal": ("D4", _each("&#{};")),
    "HTML, hexadecimal": ("D4", _each("&#x{:x};")),
    "HTML, twice": ("D4", _each("&amp;#{};")),
    "URL of HTML": ("D4", lambda value: quote(_each("&#{};")(value), safe="")),
    "\\u0041": ("D4", _each("\\u{:04x}")),
    "\\\\u0041": ("D3", _each("\\\\u{:04x}")),
    "\\x41": ("D4", _each("\\x{:02x}")),
    "quoted-printable, every character": ("D4", _each("={:02X}")),
    "quoted-printable, soft breaks": (
        "D4",
        lambda value: "=\r\n".join(value[at : at + 5] for at in range(0, len(value), 5)),
    ),
    "quoted-printable, what must be": ("D4", lambda value: quopri.encodestring(value.encode(), quotetabs=True).decode()),
    "ROT13": ("D4", lambda value: codecs.encode(value, "rot13")),
    "reversed": ("D4", lambda value: value[::-1]),
    **{
        f"{name} between": ("D5", _between(mark))
        for name, mark in {
            "U+200B": "\u200b",
            "U+200D": "\u200d",
            "U+2060": "\u2060",
            "U+FEFF": "\ufeff",
            "soft hyphen": "\u00ad",
            "tag character": "\U000e0041",
            "variation selector": "\ufe0f",
            "combining mark": "\u0336",
        }.items()
    },
    "Cyrillic look-alikes": ("D6", _mapped("aceopxyABCEHKMOPTXi", "асеорхуАВСЕНКМОРТХі")),
    "Greek look-alikes": ("D6", _mapped("oABEHIKMNOPTXYZ", "οΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")),
    "full width": ("D6", _mapped(FULL, "".join(chr(ord(char) + 0xFEE0) for char in FULL))),
    "mathematical digits": ("D6", _shift(0x1D7CE)),
    "Arabic digits": ("D6", _shift(0x660)),
    "Devanagari digits": ("D6", _shift(0x966)),
    "other spaces and hyphens": ("D6", _mapped(" -", "\u00a0\u2011")),
    "digits apart: spaces": ("D7", _digits(" ")),
    "digits apart: lines": ("D7", _digits("\n")),
    "digits apart: dashes": ("D7", _digits("-")),
    "digits apart: dots": ("D7", _digits(".")),
    "digits apart: bold": ("D7", _digits("**")),
    "digits apart: table cells": ("D7", _digits(" | ")),
    "groups: dots": ("D7", _groups(".")),
    "groups: dashes": ("D7", _groups("-")),
    "groups: lines": ("D7", _groups("\n")),
    "groups: table cells": ("D7", _groups(" | ")),
    "groups: bold": ("D7", _groups("** **")),
    "digits in words": ("D7", lambda value: " ".join(WORDS[int(char)] if char.isdigit() else char for char in value)),
    "upper case": ("D8", str.upper),
    "lower case": ("D8", str.lower),
    "a comment within": ("D8", lambda value: f"{value[:3]}/* */{value[3:]}"),
    "code fence": ("D8", lambda value: f"\n```\n{value}\n```\n"),
    "diff line": ("D8", lambda value: f"\n@@ -1 +1 @@\n-\n+{value}\n"),
    "JSON": ("D8", lambda value: f'{{"value": "{value}"}}'),
    "YAML": ("D8", lambda value: f"\nvalue: {value}\n"),
    "XML": ("D8", lambda value: f"<value>{value}</value>"),
    "CSV": ("D8", lambda value: f'\n"1","{value}","x"\n'),
    "in a URL": ("D8", lambda value: f"https://example.org/?q={quote(value)}&x=1"),
    ".env": ("D8", lambda value: f"\nVALUE={value}\n"),
    "log line": ("D8", lambda value: f"\n2026-01-01T00:00:00Z INFO got value={value} ok\n"),
    "curl": ("D8", lambda value: f'curl -d "value={value}" https://example.org'),
}


def cases(folder: Path, by: Inspection) -> Iterator[Case]:
    taken: dict[str, int] = {}
    for row in read(folder / "pii.jsonl"):
        kinds, group = set(row.accepts), row.kind
        if row.positive and group in GROUPS and row.spans and not row.weak:
            start, end = row.spans[0]
            if found(by, row.text, kinds) and taken.get(group, 0) < SHARED:
                taken[group] = taken.get(group, 0) + 1
                yield group, kinds, row.text, start, end
    kinds = set(CREDENTIALS)
    for row in read(folder / "secrets.jsonl.gz"):
        text = row.text
        if row.positive and taken.get("credential", 0) < SHARED * 2:
            edits = by.find([("", text)])[0].edits
            if edits and found(by, text, kinds):
                taken["credential"] = taken.get("credential", 0) + 1
                name = re.search(r"[\w.-]*\Z", text[: edits[0].start])  # a name that the finding begins within
                start = name.start() if name else edits[0].start
                yield "credential", kinds, text, start, edits[0].end


def found(by: Inspection, text: str, kinds: set[str]) -> bool:
    return any(by.scanner.rules[index].kind in kinds for index in by.find([("", text)])[0].counts)


def streamed(by: Inspection, text: str, at: int) -> set[str]:
    """The kinds found in an answer that is cut at `at`, or everywhere where that is 0."""
    channel = TextChannel(by)
    for piece in (text[:at], text[at:]) if at else text:
        channel.feed(piece)
    channel.feed("", final=True)
    return {by.scanner.rules[index].kind for index in channel.ledger.counts}


def parted(by: Inspection, text: str, at: int) -> set[str]:
    """The kinds found in a message of two parts."""
    parts = [{"text": text[:at]}, {"text": text[at:]}]
    spans = [Span(part, "text", part["text"], Place.USER, Form.TEXT) for part in parts]
    counts: dict[int, int] = {}
    edits: dict[int, list[Edit]] = {}
    for each in by.find([("", span.text) for span in spans]):
        counts.update(each.counts)
    find_across(by, spans, counts, edits)  # type: ignore[arg-type]  # lists are sequences
    return {by.scanner.rules[index].kind for index in counts}


def line(name: str, row: str, hits: dict[str, list[bool]]) -> str:
    every = [hit for each in hits.values() for hit in each]
    kinds = " | ".join(f"{100 * sum(each) / len(each):.0f} %" if (each := hits.get(group)) else "" for group in GROUPS)
    return f"| {row} | {name} | {cell(Share(sum(every), len(every)))} | {kinds} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    policy = Policies(Dlp()).policy("default").prompt
    assert policy is not None
    rules = policy.scanner.rules
    by = Inspection(policy.scanner, dict.fromkeys((rule.id for rule in rules), Action.REDACT), 1_000, Judged(20_000))
    every = list(cases(folder, by))
    print("| Row | Written as | Found (95 % interval) | " + " | ".join(GROUPS) + " |\n|---|---|---|" + "---|" * len(GROUPS))
    for name, (row, write) in WAYS.items():
        hits: dict[str, list[bool]] = {}
        for group, kinds, text, start, end in every:
            written = write(text[start:end])
            if written == text[start:end] and row:
                continue  # there is nothing in it to be written so
            hits.setdefault(group, []).append(found(by, text[:start] + written + text[end:], kinds))
        if hits:
            print(line(name, row, hits))
    for name, row, told in (("a character at a time", "D1", streamed), ("two events, any offset", "D1", streamed)):
        hits = {}
        for group, kinds, text, start, end in every:
            offsets = [0] if name.startswith("a") else range(start + 1, end, 3)
            hits.setdefault(group, []).append(all(kinds & told(by, text, at) for at in offsets))
        print(line(name, row, hits))
    hits = {}
    for group, kinds, text, start, end in every:
        hits.setdefault(group, []).append(all(kinds & parted(by, text, at) for at in range(start + 1, end, 3)))
    print(line("two content parts, any offset", "D2", hits))


if __name__ == "__main__":
    main()
