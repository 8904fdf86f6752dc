"""Rules with context words are looked for only near those words, so that a number costs nothing where none stand.

One automaton of all words reads the whole text. Where a word ends, the rules that name it are looked for in what it can
reach; they are compiled in small groups, which takes a fraction of the time and the memory that one large group takes. Most
of them need a digit, which in prose there is none of.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import hyperscan
import msgspec

from sluicegate.dlp.automaton import UNBOUNDED, Automaton, Expression, Report, TooManyReports
from sluicegate.dlp.packs import CONTEXT_REACH

_TOGETHER = 10
"""Patterns of one group."""
_SIDE = 8
"""Bytes beyond the reach of a word on either side: a character of an abbreviation's boundary, and one of the pattern's."""

_REMEMBERED = 4_096
"""The most bytes of a text of which is remembered whether a word stands in it: as a stream's is, asked about twice."""

_DIGIT = re.compile(rb"[0-9]").search
_Window = tuple[frozenset[int], int, int]
_Sets = tuple[tuple[int, frozenset[int]], ...]

Note = Callable[[Sequence[Expression]], str]
"""Has expressions compiled, and tells the name of their automaton."""


class Led(msgspec.Struct, frozen=True):
    """A pattern that needs context: its expression, the words, the most characters it matches, and if it needs a digit."""

    expression: Expression
    words: tuple[str, ...]
    width: int
    digit: bool


class LeadsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `Leads` are made of."""

    words: str = ""
    """The name of the automaton of all words; without any there is none."""
    groups: tuple[str, ...] = ()
    """The names of the groups' automata."""
    reach: tuple[int, ...] = ()
    """Per group how many characters beyond a word a match may end."""
    sets: tuple[tuple[int, frozenset[int]], ...] = ()
    """Patterns of a group, by their numbers, that are looked for together."""
    plain: tuple[tuple[int, ...], ...] = ()
    """Per word the `sets` that need no digit."""
    digits: tuple[tuple[int, ...], ...] = ()
    """Per word those that do."""


def plan_leads(led: Sequence[Led], note: Note) -> LeadsPlan:
    """What looks for these patterns near their words."""
    groups: list[str] = []
    reach: list[int] = []
    told: dict[Expression, tuple[dict[int, set[int]], dict[int, set[int]]]] = {}
    for digit in (False, True):
        alike = [each for each in led if each.digit is digit]
        for at in range(0, len(alike), _TOGETHER):
            chosen = alike[at : at + _TOGETHER]
            for own in chosen:
                for word in map(_word, own.words):
                    told.setdefault(word, ({}, {}))[digit].setdefault(len(groups), set()).add(own.expression[0])
            groups.append(note(tuple(each.expression for each in chosen)))
            reach.append(CONTEXT_REACH + max(each.width for each in chosen))
    places: dict[tuple[int, frozenset[int]], int] = {}
    plain, digits = (
        tuple(
            tuple(places.setdefault((group, frozenset(numbers)), len(places)) for group, numbers in of[digit].items())
            for of in told.values()
        )
        for digit in (False, True)
    )
    words = note(tuple((index, *word[1:]) for index, word in enumerate(told))) if told else ""
    return LeadsPlan(words, tuple(groups), tuple(reach), tuple(places), plain, digits)


class Leads:
    """Where patterns with context may end."""

    def __init__(self, plan: LeadsPlan, automata: Mapping[str, Automaton]) -> None:
        """`automata` are those that the plan names, and others."""
        self._words = automata[plan.words] if plan.words else None
        self._groups = [automata[name] for name in plan.groups]
        self._reach = plan.reach
        self._furthest = max(plan.reach, default=0)
        shared: dict[tuple[int, ...], _Sets] = {
            places: tuple(plan.sets[place] for place in places) for places in {*plan.plain, *plan.digits}
        }
        self._plain, self._digits = ([shared[places] for places in each] for each in (plan.plain, plan.digits))
        self._last, self._told = b"", False

    def within(self, text: str) -> bool:
        """Whether any word stands in `text`; of the one that `reports` was last asked about that is known."""
        if self._words is None:
            return False
        data = text.encode("utf-8", "replace")
        return self._told if data == self._last else bool(self._words.reports(data))

    def reports(self, data: bytes, most: int = UNBOUNDED) -> list[Report]:
        """The ends, as an automaton reports them, of patterns near a word of theirs. Raises TooManyReports."""
        words = () if self._words is None else self._words.reports(data)
        self._last, self._told = (data, bool(words)) if len(data) <= _REMEMBERED else (b"", False)
        found: list[Report] = []
        if words:
            plain = data.isascii()
            for group, (numbers, start, end) in self._windows(data, words, plain=plain):
                if not plain:
                    start, end = _whole(data, start), _whole(data, end)
                for number, to in self._groups[group].reports(data[start:end]):
                    if number in numbers:
                        found.append((number, start + to))
                if len(found) > most:
                    raise TooManyReports
        return found

    def _windows(self, data: bytes, words: Sequence[Report], *, plain: bool) -> list[tuple[int, _Window]]:
        """Per group the stretches of text that words reach (their ends maybe beyond it), and what may end there."""
        open_: dict[int, _Window] = {}
        done: list[tuple[int, _Window]] = []
        furthest = self._furthest
        spread = 1
        clear = -1  # up to where there is known to be no digit
        for end, word in sorted((end, word) for word, end in words):
            groups = self._plain[word]
            if not plain:  # as many characters may take more bytes
                spread = 1 if data[end : end + self._furthest].isascii() else 4
                furthest = spread * self._furthest
            if self._digits[word]:
                digit = _DIGIT(data, max(clear, end - 1), end + furthest)
                clear = end + furthest if digit is None else digit.start()
                if digit is not None:
                    groups += self._digits[word]
            start = max(0, end - _SIDE)
            for group, numbers in groups:
                to = end + spread * self._reach[group] + _SIDE
                before = open_.get(group)
                if before is None:
                    open_[group] = numbers, start, to
                elif start <= before[2]:
                    open_[group] = before[0] | numbers, before[1], to
                else:
                    done.append((group, before))
                    open_[group] = numbers, start, to
        return [*done, *open_.items()]


def _whole(data: bytes, at: int) -> int:
    """The beginning of the character that holds byte `at`."""
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _word(word: str) -> Expression:
    """A word in any case. Beside an abbreviation no ASCII letter or digit stands, which spares all words that hold it."""
    source = "".join(map(_letter, word))
    return 0, f"[^0-9A-Za-z]{source}[^0-9A-Za-z]" if word.isupper() else source, hyperscan.HS_FLAG_CASELESS


def _letter(char: str) -> str:
    """A character's bytes; beyond ASCII those of either case, which the automaton cannot tell from bytes."""
    cases = dict.fromkeys((char.lower(), char.upper()) if char > "\x7f" else (char.lower(),))
    spelt = ["".join(f"\\x{byte:02x}" for byte in each.encode()) for each in cases]
    return spelt[0] if len(spelt) == 1 else f"(?:{'|'.join(spelt)})"
