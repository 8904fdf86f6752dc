"""Where the end of an unfinished text is open: from which character on more text could still make or lengthen a match.

Exact would be an automaton of the beginnings of all patterns, many times as large as all others. What is told here is never
less than that, and in prose hardly more: what a family of patterns could have begun is the run of its characters at the end
of the text, which takes no automaton. Patterns that hold both words and spaces have no such runs: they have the automaton.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import hyperscan
import msgspec

from sluicegate.dlp.automaton import Automaton, Expression
from sluicegate.dlp.pattern import (
    ENDLESS,
    Alt,
    Chars,
    Node,
    Ranges,
    Repeat,
    backwards,
    beginnings,
    charset,
    expression,
    width,
)

_ASCII = 128
_LONG = 3
"""Repeats of a class up to which their length is told exactly, unless the class has a space."""


def _bits(characters: Iterable[int]) -> int:
    return sum(1 << point for point in set(characters))


_SPACES = _bits([*range(9, 14), 32])
_SMALL = _bits(range(97, 123))
_CAPITALS = _bits(range(65, 91))


class Tail(msgspec.Struct, frozen=True):
    """What must be known of a pattern: its tree, flags, and what may not stand before a match."""

    node: Node
    flags: int
    before: Ranges

    @property
    def ignore_case(self) -> bool:
        """Whether upper and lower case are the same."""
        return bool(self.flags & hyperscan.HS_FLAG_CASELESS)

    @property
    def broad(self) -> bool:
        """Whether a character beyond ASCII can match."""
        return bool(self.flags & hyperscan.HS_FLAG_UTF8)


Note = Callable[[Sequence[Expression]], str]
"""Has expressions compiled, and tells the name of their automaton."""


class TailsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `Tails` are made of."""

    runs: tuple[str, ...] = ()
    """Regular expressions of runs, backwards."""
    width: int = 0
    """The most characters of a match of a pattern that has no run."""
    longest: int = 0
    """The same of any pattern."""
    automata: tuple[tuple[bool, str], ...] = ()
    """Whether characters beyond ASCII can match, and the name of an automaton."""


def plan_tails(tails: Sequence[Tail], note: Note) -> TailsPlan:
    """What tells where a text is open for any of these patterns."""
    families: dict[int, list[Tail]] = {}
    for tail in tails:
        families.setdefault(_family(tail), []).append(tail)
    others = families.pop(_NO_FAMILY, [])
    return TailsPlan(
        runs=tuple(_run(family, members) for family, members in sorted(families.items())),
        width=max((width(tail.node)[1] for tail in others), default=0),
        longest=max((width(tail.node)[1] for tail in tails), default=0),
        automata=tuple(
            (broad, note(tuple(dict.fromkeys(map(_expression, chosen)))))
            for broad in (False, True)
            if (chosen := [tail for tail in others if tail.broad is broad])
        ),
    )


class Tails:
    """Tells of a text from where on it is open."""

    def __init__(self, plan: TailsPlan, automata: Mapping[str, Automaton]) -> None:
        """`automata` are those that the plan names, and others."""
        self._runs = [re.compile(run).match for run in plan.runs]
        self._width = plan.width
        self._longest = plan.longest
        self._automata = [(broad, automata[name]) for broad, name in plan.automata]

    def open(self, text: str) -> int:
        """The index of the first character of `text` that may belong to an unfinished match; its length if none does.

        text[0] is an edge or settled.
        """
        turned = text[: -self._longest - 1 : -1] if len(text) > self._longest else text[:0:-1]
        longest = 0
        for run in self._runs:
            found = run(turned)
            if found is not None and found.end() > longest:
                longest = found.end()
        if self._automata:
            turned = text[: -self._width - 2 : -1]
            data = turned.encode("utf-8", "replace")
            for broad, automaton in self._automata:
                reports = automaton.reports(data)
                if reports:
                    _, end = max(reports)  # all have one number
                    begun = end - 1 if len(data) == len(turned) else length(data, broad, end)
                    if begun > longest:
                        longest = begun
        return len(text) - longest


def length(data: bytes, broad: bool, to: int) -> int:
    """How many characters of a reversed text a match took whose report, boundary character included, is at byte `to`."""
    if broad:
        return len(data[:to].decode("utf-8", "ignore")) - 1
    return len(data[: to - 1].decode("utf-8", "ignore"))


_NO_FAMILY, _UNSPACED, _NUMBERS, _IN_CAPITALS = range(4)


def _family(tail: Tail) -> int:
    if tail.broad:
        return _NO_FAMILY
    letters = _letters(tail.node, tail.ignore_case)
    if not letters & _SPACES:
        return _UNSPACED
    if not letters & (_SMALL | _CAPITALS):
        return _NUMBERS
    return _NO_FAMILY if letters & _SMALL else _IN_CAPITALS


def _run(family: int, members: Sequence[Tail]) -> str:
    """A run, backwards, of the characters of the members that begins with one with which a member can."""
    letters = first = longest = 0
    for tail in members:
        letters |= _letters(tail.node, tail.ignore_case)
        first |= _first(tail.node, tail.ignore_case)[0]
        longest = max(longest, width(tail.node)[1])
    return f"{_class(letters)}{{0,{longest - 1}}}{_class(letters if family == _UNSPACED else first)}"


def _letters(node: Node, ignore_case: bool) -> int:
    """The ASCII characters that stand in some match, as bits."""
    if isinstance(node, Chars):
        return _folded(node.ranges, ignore_case)
    parts = (node.part,) if isinstance(node, Repeat) else node.parts
    found = 0
    for part in parts:
        found |= _letters(part, ignore_case)
    return found


def _first(node: Node, ignore_case: bool) -> tuple[int, bool]:
    """The ASCII characters with which a match can begin, and whether it can be empty."""
    if isinstance(node, Chars):
        return _folded(node.ranges, ignore_case), False
    if isinstance(node, Repeat):
        found, empty = _first(node.part, ignore_case)
        return found, empty or node.low == 0
    firsts = [_first(part, ignore_case) for part in node.parts]
    found = 0
    for characters, empty in firsts:
        found |= characters
        if not empty and not isinstance(node, Alt):
            return found, False
    return found, not firsts or (any if isinstance(node, Alt) else all)(empty for _, empty in firsts)


def _folded(ranges: Ranges, ignore_case: bool) -> int:
    found = 0
    for low, high in ranges:
        if low < _ASCII:
            found |= (1 << (min(high, _ASCII - 1) + 1)) - (1 << low)
    if ignore_case:
        found |= (found & _SMALL) >> 32 | (found & _CAPITALS) << 32
    return found


def _class(bits: int) -> str:
    return "[" + "".join(f"\\x{point:02x}" for point in range(_ASCII) if bits >> point & 1) + "]"


def _expression(tail: Tail) -> Expression:
    """What matches the reversed beginnings; which pattern it is matters not, so all have one number, and are told once."""
    beginning = expression(backwards(beginnings(_loosened(tail.node))))
    return 0, f"^{beginning}{charset(tail.before, negated=True)}", tail.flags


def _loosened(node: Node) -> Node:
    """A pattern of more texts that takes fewer states: of how many characters a run is matters not, unless it has spaces."""
    if isinstance(node, Chars):
        return node
    if isinstance(node, Repeat):
        if isinstance(node.part, Chars) and node.high > _LONG and not _folded(node.part.ranges, False) & _SPACES:
            return Repeat(node.part, min(node.low, 1), ENDLESS)
        return Repeat(_loosened(node.part), node.low, node.high)
    return type(node)(tuple(map(_loosened, node.parts)))
