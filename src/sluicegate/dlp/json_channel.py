"""A channel whose source is JSON in the making (tool arguments): looked at unescaped, redacted so that it stays JSON."""

import re

from sluicegate.dlp.candidates import Work
from sluicegate.dlp.channel import TextChannel
from sluicegate.dlp.inspection import Inspection

_PLAIN = re.compile(r'[^"\\]+')
_LITERAL = re.compile(r"[-+.0-9A-Za-z]+")
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_LOW = re.compile(r"\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_CUT_LOW = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

STRING, LITERAL, STRUCTURE = "s", "n", "p"
"""What a character is: of a string, of a number or word outside strings, or quotes, brackets and space."""


class JsonChannel(TextChannel):
    """A string keeps its quotes and a number gives way to a string, so that the redacted source is as valid as it was."""

    def __init__(self, inspection: Inspection, work: Work | None = None) -> None:
        super().__init__(inspection, work)
        self._rest = ""  # source that ends within an escape
        self._decoded = 0  # how much of the source is decoded
        self._inside = False  # whether the decoded source ends inside a string
        self._kinds = ""  # the kind of each decoded character from the settled position on
        self._offsets: list[int] = []  # where in the source each of them begins
        self._label = ""
        self._done = (0, STRUCTURE)  # where the last redacted part ended, and the kind of its last character
        self._replaced = 0  # where the last literal that was replaced ended

    def feed(self, source: str, *, final: bool = False) -> None:
        """Take more of the source; with `final` there will be none, and everything is decided."""
        self.length += len(source)
        self.final = final
        self._advance(self._decode(source, final), final)
        self.mark = self._offsets[0] if self._offsets else self._decoded

    def _decode(self, source: str, final: bool) -> str:
        """The text of what has arrived, as far as no escape is cut off."""
        source = self._rest + source
        at, text, kinds = 0, list[str](), list[str]()
        while at < len(source):
            found, width, kind = self._unit(source, at, final)
            if not width:
                break
            text.append(found)
            kinds.append(kind * len(found))
            begin = self._decoded + at
            self._offsets.extend(range(begin, begin + width) if len(found) == width else (begin,))
            at += width
        self._rest = source[at:]
        self._decoded += at
        self._kinds += "".join(kinds)
        return "".join(text)

    def _unit(self, source: str, at: int, final: bool) -> tuple[str, int, str]:
        """The next characters, how much source they take (nothing where it is cut off), and their kind."""
        if source[at] == '"':
            self._inside = not self._inside
            return '"', 1, STRUCTURE
        if not self._inside:
            literal = _LITERAL.match(source, at)
            return (literal[0], len(literal[0]), LITERAL) if literal else (source[at], 1, STRUCTURE)
        plain = _PLAIN.match(source, at)
        if plain:
            return plain[0], len(plain[0]), STRING
        return self._escape(source, at, final)

    def _escape(self, source: str, at: int, final: bool) -> tuple[str, int, str]:
        escape = _ESCAPE.match(source, at)
        if escape is None:
            if not final and _CUT_ESCAPE.fullmatch(source, at):
                return "", 0, STRING
            return "\\", 1, STRING  # no escape of JSON: looked at as it stands
        if escape[0][1] != "u":
            return _SHORT.get(escape[0][1], escape[0][1]), 2, STRING
        point = int(escape[0][2:], 16)
        if 0xD800 <= point < 0xDC00:
            low = _LOW.match(source, at + 6)
            if low:
                return chr(0x10000 + ((point - 0xD800) << 10) + int(low[0][2:], 16) - 0xDC00), 12, STRING
            if not final and _CUT_LOW.fullmatch(source, at + 6):
                return "", 0, STRING
        return chr(point), 6, STRING

    def _whole(self, settled: int) -> int:
        """Never within a literal: it is replaced as a whole or not at all."""
        kinds, index = self._kinds, settled - self._settled
        if index < len(kinds) and kinds[index] != LITERAL:
            return settled
        while index and kinds[index - 1] == LITERAL:
            index -= 1
        return self._settled + index

    def _settle(self, settled: int) -> None:
        if not self._last:
            settled = self._whole(settled)
        count = settled - self._settled
        super()._settle(settled)
        self._kinds = self._kinds[count:]
        del self._offsets[:count]

    def _apply(self, start: int, end: int, label: str) -> None:
        """Redact text[start:end] run by run: each string and each literal it touches gets the label once."""
        base, kinds = self._settled, self._kinds
        goes_on = not label and self._done == (start, STRING)
        self._label = label or self._label
        at, stop = start - base, end - base
        while at < stop:
            kind, run = kinds[at], at
            while run < stop and kinds[run] == kind:
                run += 1
            if kind == STRING:
                self.edits.append((self._offsets[at], self._offset(run), "" if goes_on else self._label))
            elif kind == LITERAL and base + at >= self._replaced:
                self._replace_literal(at, run)
            goes_on = False
            at = run
        self._done = (end, kinds[stop - 1])

    def _replace_literal(self, first: int, last: int) -> None:
        kinds = self._kinds
        while first and kinds[first - 1] == LITERAL:
            first -= 1
        while last < len(kinds) and kinds[last] == LITERAL:
            last += 1
        self.edits.append((self._offsets[first], self._offset(last), f'"{self._label}"'))
        self._replaced = self._settled + last

    def _offset(self, index: int) -> int:
        return self._offsets[index] if index < len(self._offsets) else self._decoded
