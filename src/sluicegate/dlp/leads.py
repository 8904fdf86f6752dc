"""Rules with context words are looked for only near those words, so that a number costs nothing where none stand.

One automaton of all words reads the whole text. Where a word ends, the rules that name it are looked for in what it can
reach; they are compiled in small groups, which takes a fraction of the time and the memory that one large group takes. Most
of them need a digit, which in prose there is none of.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import IntEnum

import hyperscan
import msgspec

from sluicegate.dlp.automaton import UNBOUNDED, Automaton, Expression, Report, TooManyReports
from sluicegate.dlp.packs import CONTEXT_REACH
from sluicegate.dlp.pattern import Node, Ranges, has_digit
from sluicegate.dlp.reading import Reading
from sluicegate.dlp.signs import DIGITS
from sluicegate.dlp.stretches import Note, joined, sign_of

_TOGETHER = 10
"""Patterns of one group."""
_SIDE = 8
"""Bytes beyond the reach of a word on either side: a character of an abbreviation's boundary, and one of the pattern's."""

_REMEMBERED = 4_096
"""The most bytes of a text of which is remembered whether a word stands in it: as a stream's is, asked about twice."""

_DIGIT = re.compile(rb"[0-9]").search
_Window = tuple[frozenset[int], int, int]
_Sets = tuple[tuple[int, frozenset[int]], ...]


class Need(IntEnum):
    """What must stand behind a word for a pattern to be looked for."""

    NOTHING = 0
    DIGIT = 1
    NUMBER = 2
    """Many digits close together."""


def need_of(node: Node, after: Ranges) -> Need:
    """What every match of `node` holds; `after` may not stand behind one."""
    sign = sign_of(node, after)
    if sign is not None and sign[0] is DIGITS:
        return Need.NUMBER
    return Need.DIGIT if has_digit(node) else Need.NOTHING


class Led(msgspec.Struct, frozen=True):
    """A pattern that needs context: its expression, the words, the most characters it matches, and what else it needs."""

    expression: Expression
    words: tuple[str, ...]
    width: int
    need: Need


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
    """Per word those that need one."""
    numbers: tuple[tuple[int, ...], ...] = ()
    """Per word those that need many, close together."""


def plan_leads(led: Sequence[Led], note: Note) -> LeadsPlan:
    """What looks for these patterns near their words."""
    groups: list[str] = []
    reach: list[int] = []
    told: dict[Expression, tuple[dict[int, set[int]], ...]] = {}
    for need in Need:
        alike = [each for each in led if each.need is need]
        for at in range(0, len(alike), _TOGETHER):
            chosen = alike[at : at + _TOGETHER]
            for own in chosen:
                for word in map(_word, own.words):
                    told.setdefault(word, ({}, {}, {}))[need].setdefault(len(groups), set()).add(own.expression[0])
            groups.append(note(tuple(each.expression for each in chosen)))
            reach.append(CONTEXT_REACH + max(each.width for each in chosen))
    places: dict[tuple[int, frozenset[int]], int] = {}
    plain, digits, numbers = (
        tuple(
            tuple(places.setdefault((group, frozenset(found)), len(places)) for group, found in of[need].items())
            for of in told.values()
        )
        for need in Need
    )
    words = note(tuple((index, *word[1:]) for index, word in enumerate(told))) if told else ""
    return LeadsPlan(words, tuple(groups), tuple(reach), tuple(places), plain, digits, numbers)


class Leads:
    """Where patterns with context may end."""

    def __init__(self, plan: LeadsPlan, automata: Mapping[str, Automaton]) -> None:
        """`automata` are those that the plan names, and others."""
        self._words = automata[plan.words] if plan.words else None
        self._groups = [automata[name] for name in plan.groups]
        self._reach = plan.reach
        self._furthest = max(plan.reach, default=0)
        shared: dict[tuple[int, ...], _Sets] = {
            places: tuple(plan.sets[place] for place in places) for places in {*plan.plain, *plan.digits, *plan.numbers}
        }
        each = plan.plain, plan.digits, plan.numbers
        self._plain, self._digits, self._numbers = ([shared[places] for places in needed] for needed in each)
        self._last, self._told = b"", False

    def within(self, text: str) -> bool:
        """Whether any word stands in `text`; of the one that `reports` was last asked about that is known."""
        if self._words is None:
            return False
        data = text.encode("utf-8", "replace")
        return self._told if data == self._last else bool(self._words.reports(data))

    def reports(self, reading: Reading, numbers: Sequence[int] | None, most: int = UNBOUNDED) -> list[Report]:
        """The ends, as an automaton reports them, of patterns near a word of theirs. Raises TooManyReports.

        `numbers` are what `Stretches.numbers` tells.
        """
        data = reading.data
        words = () if self._words is None else self._words.reports(data)
        self._last, self._told = (data, bool(words)) if len(data) <= _REMEMBERED else (b"", False)
        found: list[Report] = []
        if words:
            plain = reading.plain
            groups: dict[int, list[_Window]] = {}
            for group, window in self._windows(data, words, numbers, plain=plain):
                groups.setdefault(group, []).append(window)
            for group, windows in groups.items():
                apart = [(start, end) if plain else (_whole(data, start), _whole(data, end)) for _, start, end in windows]
                for index, number, to in joined(self._groups[group], data, apart, UNBOUNDED):
                    if number in windows[index][0]:
                        found.append((number, to))
                if len(found) > most:
                    raise TooManyReports
        return found

    def _windows(
        self, data: bytes, words: Sequence[Report], numbers: Sequence[int] | None, *, plain: bool
    ) -> list[tuple[int, _Window]]:
        """Per group the stretches of text that words reach (their ends maybe beyond it), and what may end there."""
        open_: dict[int, _Window] = {}
        done: list[tuple[int, _Window]] = []
        far = self._furthest
        spread = 1
        clear = -1  # up to where there is known to be no digit
        for end, word in sorted([(end, word) for word, end in words]):
            groups = self._plain[word]
            if not plain:  # as many characters may take more bytes
                spread = 1 if data[end : end + self._furthest].isascii() else 4
                far = spread * self._furthest
            if self._digits[word] or self._numbers[word]:
                if clear < end + far:
                    digit = _DIGIT(data, max(clear, end - 1), end + far)
                    clear = end + far if digit is None else digit.start()
                if clear < end + far:
                    groups += self._digits[word]
                    if numbers is None or _one_in(numbers, end - 1, end + far + 1):
                        groups += self._numbers[word]
            start = max(0, end - _SIDE)
            for group, wanted in groups:
                to = end + spread * self._reach[group] + _SIDE
                before = open_.get(group)
                if before is None:
                    open_[group] = wanted, start, to
                elif start <= before[2]:
                    open_[group] = before[0] | wanted, before[1], to
                else:
                    done.append((group, before))
                    open_[group] = wanted, start, to
        return [*done, *open_.items()]


def _one_in(numbers: Sequence[int], low: int, high: int) -> bool:
    index = bisect_left(numbers, low)
    return index < len(numbers) and numbers[index] <= high


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
