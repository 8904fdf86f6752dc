"""Views of a text in which what is written in another way stands plainly, each character with its place in the original.

A view is made by stages, one after the other: escapes are undone (three times, since they are nested), what is not seen is
dropped, other forms of ASCII and letters that look like it become ASCII. A stage takes text piece by piece; what it gives
out does not depend on how the text was cut, and it keeps back only what more text may still change.
"""

import re
from collections.abc import Callable, Sequence
from html.entities import html5
from typing import Protocol

from sluicegate.dlp.normalise_tables import ALPHABETS, BESIDE, DROPPED, FORMS, HARD, INVISIBLE, LIKE, SOFT, ranges, source

LAYERS = 3
"""How many escapes around each other are undone: `%2534`, `&amp;#52;`."""
LONGEST_WORD = 128
"""Letters of another alphabet that are judged as one word."""
_LONGEST_ESCAPE = 64

_H = "[0-9A-Fa-f]"
_UTF8 = ("[0-7]{h}", "[CcDd]{h}{p}[89ABab]{h}", "[Ee]{h}(?:{p}[89ABab]{h}){{2}}", "[Ff][0-7](?:{p}[89ABab]{h}){{3}}")
_SURROGATES = rf"\\{{1,8}}u[dD][89ABab]{_H}{{2}}\\{{1,8}}u[dD][c-fC-F]{_H}{{2}}"
_BACKSLASH = rf"\\{{1,8}}(?:u{_H}{{4}}|u\{{{_H}{{1,6}}\}}|U{_H}{{8}}|x{_H}{{2}}|[0-3][0-7]{{2}}|/)"
_ENTITY = rf"&#[0-9]{{1,7}};?|&#[xX]{_H}{{1,6}};?|&[A-Za-z][A-Za-z0-9]{{1,30}};"


def _octets(mark: str, digit: str = _H) -> str:
    return "|".join(f"{mark}{form.format(h=digit, p=mark)}" for form in _UTF8)


_ESCAPE = re.compile(f"{_octets('%')}|{_ENTITY}|{_SURROGATES}|{_BACKSLASH}")
_ESCAPE_CUT = re.compile(
    rf"(?:%(?:{_H}|[C-Fc-f]{_H}(?:%(?:[89ABab]{_H}?)?|%[89ABab]{_H}%(?:[89ABab]{_H}?)?|(?:%[89ABab]{_H}){{2}}%(?:[89ABab])?)?)?"
    rf"|%[EeFf]{_H}(?:%[89ABab]{_H}){{1,2}}"
    rf"|&(?:#(?:[0-9]{{0,7}}|[xX]{_H}{{0,6}})|[A-Za-z][A-Za-z0-9]{{0,30}})?"
    rf"|\\{{1,8}}(?:u(?:{_H}{{0,3}}|\{{{_H}{{0,6}}|[dD][89ABab]{_H}{{2}}(?:\\{{1,8}}(?:u(?:[dD](?:[c-fC-F]{_H}?)?)?)?)?)"
    rf"|U{_H}{{0,7}}|x{_H}?|[0-3][0-7]?)?)\Z"
)
_QUOTED = re.compile(f"{_octets('=', '[0-9A-F]')}|=[ \\t]{{0,8}}\\r?\\n")
_QUOTED_CUT = re.compile(
    r"=(?:[ \t]{0,8}\r?|[0-9A-F]|[C-F][0-9A-F](?:=(?:[89AB][0-9A-F]?)?|=[89AB][0-9A-F]=(?:[89AB][0-9A-F]?)?"
    r"|(?:=[89AB][0-9A-F]){2}=[89AB]?)?|[EF][0-9A-F](?:=[89AB][0-9A-F]){1,2})\Z"
)


class Gaps:
    """Where in the original a stage dropped what is not seen: from what follows it back to where it began.

    What is dropped between the characters of a value belongs to it, and what is dropped behind the last one does not.
    """

    __slots__ = ("_back", "_open")

    def __init__(self) -> None:
        self._back: dict[int, int] = {}
        self._open: int | None = None  # what follows it has not come yet

    def dropped(self, start: int) -> None:
        """Something was dropped that starts here, and has nothing behind it so far."""
        self._open = start

    def follows(self, start: int) -> None:
        """The next character that the stage takes up starts here."""
        if self._open is not None:
            if self._open < start:
                self._back[start] = self._open
            self._open = None

    def before(self, end: int) -> int:
        """Where what ends here ends without what was dropped last."""
        if self._open is not None and end > self._open:
            end = self._open
        while end in self._back:
            end = self._back[end]
        return end

    def forget(self, before: int) -> None:
        """Forget what was dropped before this place."""
        if self._back:
            self._back = {after: start for after, start in self._back.items() if after >= before}


class Stage(Protocol):
    """One step of a view."""

    gaps: Gaps

    touched: bool
    """Whether the last piece was changed."""
    rest: str
    """What more text may still change."""

    @property
    def since(self) -> int:
        """Where in the original the rest starts; asked for only while there is one."""

    def feed(self, text: str, starts: list[int], *, final: bool) -> tuple[str, list[int]]:
        """The next of the text, and per character where in the original it starts; what of it is settled comes back."""


class Unescape:
    """Undoes escapes of one kind, as far as they stand for a character."""

    def __init__(self, unit: re.Pattern[str], cut: re.Pattern[str], marks: str, meaning: Callable[[str], str]) -> None:
        """`marks` are the characters that a unit may begin with."""
        self._unit, self._cut, self._marks, self._meaning = unit, cut, marks, meaning
        self.gaps = Gaps()
        self.touched = False
        self.rest = ""
        self._places: list[int] = []

    @property
    def since(self) -> int:
        """See Stage."""
        return self._places[0]

    def feed(self, text: str, starts: list[int], *, final: bool) -> tuple[str, list[int]]:
        """See Stage."""
        self.touched = False
        if self.rest:
            text, starts = self.rest + text, self._places + starts
            self.rest, self._places = "", []
        if starts:
            self.gaps.follows(starts[0])
        if not any(mark in text for mark in self._marks):
            return text, starts
        if not final and (cut := self._cut.search(text, max(0, len(text) - _LONGEST_ESCAPE))):
            at = cut.start()
            self.rest, self._places = text[at:], starts[at:]
            text, starts = text[:at], starts[:at]
        out: list[str] = []
        places: list[int] = []
        at = 0
        for unit in self._unit.finditer(text):
            meant = self._meaning(unit[0])
            if meant != unit[0]:
                begin, end = unit.span()
                out += (text[at:begin], meant)
                places += starts[at:begin]
                places += [starts[begin]] * len(meant)
                if not meant:
                    self._drop(starts, begin, end)
                at = end
                self.touched = True
        if not self.touched:
            return text, starts
        out.append(text[at:])
        places += starts[at:]
        return "".join(out), places

    def _drop(self, starts: Sequence[int], begin: int, end: int) -> None:
        self.gaps.dropped(starts[begin])
        if end < len(starts):
            self.gaps.follows(starts[end])


def escapes() -> Unescape:
    """URL encoding, HTML entities, and the escapes of JSON, Python, C and shells."""
    return Unescape(_ESCAPE, _ESCAPE_CUT, "%&\\", _meant)


def quoted_printable() -> Unescape:
    """Quoted-printable, with its soft line breaks."""
    return Unescape(_QUOTED, _QUOTED_CUT, "=", _quoted)


def _meant(unit: str) -> str:
    mark = unit[0]
    if mark == "%":
        return _octet_text(unit)
    if mark == "&":
        return _entity(unit)
    found = unit.lstrip("\\")
    if found == "/":
        return "/"
    if found[0] not in "uUx":
        return chr(int(found, 8))
    if "\\" in found:
        high, low = int(found[1:5], 16), int(found[-4:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
    return _character(found[1:].strip("{}"), 16, unit)


def _octet_text(unit: str) -> str:
    try:
        return bytes.fromhex(unit.replace(unit[0], "")).decode()
    except UnicodeDecodeError:
        return unit


def _quoted(unit: str) -> str:
    return "" if unit[-1] == "\n" else _octet_text(unit)


def _entity(unit: str) -> str:
    if unit[1] != "#":
        meant = html5.get(unit[1:], unit)
        return meant if len(meant) == 1 else unit
    digits = unit[2:].rstrip(";")
    return _character(digits[1:], 16, unit) if digits[0] in "xX" else _character(digits, 10, unit)


def _character(digits: str, base: int, otherwise: str) -> str:
    point = int(digits, base)
    return chr(point) if 0 < point <= 0x10FFFF and not 0xD800 <= point < 0xE000 else otherwise


_P = r"[-._@+/:%=&#]"
_L = f"[{source(ALPHABETS)}]"
_SEEN = rf"[\t\n\r -~{source(HARD)}{source(SOFT)}{source(ALPHABETS)}]"
_DROP = re.compile(f"(?<={_SEEN})[{source(DROPPED)}]+")
_UNSEEN = "".join(chr(point) for low, high in INVISIBLE for point in range(low, high + 1))
_NEXT = f"[{source(BESIDE)}]"
_FORM = re.compile(
    f"(?P<form>[{source(HARD)}]+|(?<={_NEXT})[{source(SOFT)}]|[{source(SOFT)}](?={_NEXT}))"
    f"|(?P<word>{_L}(?:{_P}?{_L}){{0,{LONGEST_WORD - 1}}}+)"
)
_MARK = re.compile(_P)
_SOFT = re.compile(f"[{source(SOFT)}]\\Z")
_ALIKE = re.compile(f"[-._@+/:%=&#{source(ranges(LIKE))}]+")
_LIKE = {**LIKE, **FORMS}
_BEFORE = re.compile(f"[0-9A-Za-z]{_P}?\\Z")
_AFTER = re.compile(f"{_P}?[0-9A-Za-z]")


class Strip:
    """Drops what is not seen, where it follows something that could be of a value."""

    def __init__(self, before: str = "") -> None:
        """`before` is what stands before the first piece."""
        self.gaps = Gaps()
        self.touched = False
        self.rest = ""
        self._before = before[-1:]

    @property
    def since(self) -> int:
        """See Stage; there never is a rest."""
        raise IndexError

    def feed(self, text: str, starts: list[int], *, final: bool) -> tuple[str, list[int]]:  # noqa: ARG002  of every stage
        """See Stage."""
        self.touched = False
        if starts:
            self.gaps.follows(starts[0])
        if text.isascii():
            self._before = text[-1:] or self._before
            return text, starts
        lead = len(self._before)
        whole = self._before + text
        out: list[str] = []
        places: list[int] = []
        at = lead
        for unit in _DROP.finditer(whole, lead):
            begin, end = unit.span()
            out.append(whole[at:begin])
            places += starts[at - lead : begin - lead]
            unseen = len(unit[0].rstrip(_UNSEEN))
            if begin + unseen < end:
                self.gaps.dropped(starts[begin + unseen - lead])
                if end < len(whole):
                    self.gaps.follows(starts[end - lead])
            at = end
            self.touched = True
        if not self.touched:
            self._before = text[-1:]
            return text, starts
        out.append(whole[at:])
        places += starts[at - lead :]
        text = "".join(out)
        self._before = text[-1:] or self._before
        return text, places


class Fold:
    """Writes other forms of ASCII as ASCII, and so letters that look like it in words of both alphabets."""

    def __init__(self, before: str = "") -> None:
        """`before` is what stands before the first piece."""
        self.gaps = Gaps()
        self.touched = False
        self.rest = ""
        self._places: list[int] = []
        self._before = before[-2:]

    @property
    def since(self) -> int:
        """See Stage."""
        return self._places[0]

    def feed(self, text: str, starts: list[int], *, final: bool) -> tuple[str, list[int]]:
        """See Stage."""
        self.touched = False
        if self.rest:
            text, starts = self.rest + text, self._places + starts
            self.rest, self._places = "", []
        if text.isascii():
            self._before = (self._before + text)[-2:]
            return text, starts
        before = len(self._before)
        whole = self._before + text
        end = len(whole)
        if not final and _SOFT.match(whole, end - 1):
            end -= 1
        out: list[str] = []
        places: list[int] = []
        at = before
        for unit in _FORM.finditer(whole, before):
            begin, stop = unit.span()
            if begin >= end:
                break
            if unit["word"] is not None:
                if not final and _open(whole, stop):
                    end = begin
                    break
                if not _beside(whole, begin, stop):
                    continue
            out.append(whole[at:begin])
            places += starts[at - before : begin - before]
            for index in range(begin, stop):
                form = _LIKE.get(ord(whole[index]), whole[index])
                out.append(form)
                places += [starts[index - before]] * len(form)
            at = stop
            self.touched = True
        self.rest, self._places = whole[end:], starts[end - before :]
        self._before = whole[max(0, end - 2) : end]
        if not out:
            return whole[before:end], starts[: end - before]
        out.append(whole[at:end])
        places += starts[at - before : end - before]
        return "".join(out), places


def _open(text: str, end: int) -> bool:
    """Whether more than `text` may lengthen a word that ends at `end`, or stand beside it."""
    return end == len(text) or (end + 1 == len(text) and _MARK.match(text, end) is not None)


def _beside(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is all look-alikes, and an ASCII letter or digit stands beside it, or one mark away."""
    return _ALIKE.fullmatch(text, start, end) is not None and (
        _BEFORE.search(text, max(0, start - 2), start) is not None or _AFTER.match(text, end) is not None
    )


def folding(before: str = "") -> Sequence[Stage]:
    """The stages of the view in which escapes are undone and forms are folded."""
    return (*(escapes() for _ in range(LAYERS)), Strip(before), Fold(before))


def quoting(before: str = "") -> Sequence[Stage]:
    """The stages of the view that reads quoted-printable."""
    return quoted_printable(), Strip(before), Fold(before)


def plainly(text: str) -> str:
    """`text` as the folding view has it."""
    for stage in folding():
        text, _ = stage.feed(text, list(range(len(text))), final=True)
    return text
