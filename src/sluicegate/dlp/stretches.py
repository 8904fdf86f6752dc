"""Rules whose every match holds a sign are looked for only around such signs: in prose there are few, and most take no scan.

A sign is a long run of letters and digits, as tokens have, or many digits close together, as numbers of persons have. One
fast pass tells where they are. Where they are dense the whole text is scanned, so that this never costs much more.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

import msgspec

from sluicegate.dlp.automaton import UNBOUNDED, Automaton, Expression, Report, TooManyReports
from sluicegate.dlp.pattern import Node, Ranges, wide, width
from sluicegate.dlp.reading import Reading
from sluicegate.dlp.signs import DENSE, DIGITS, RUN, Sign, around, holds

_FURTHEST = 160
"""Characters beside a sign that a match may take, else its rule is looked for everywhere."""
_SCANNED_AT_ONCE = 512
"""Bytes that are scanned sooner than stretches of them are found."""
_BYTES_A_SIGN = 160
"""Where signs are closer than this, the whole text costs less than its stretches."""
_DIGIT = re.compile(rb"[0-9]").search

Note = Callable[[Sequence[Expression]], str]
"""Has expressions compiled, and tells the name of their automaton."""
Stretch = tuple[int, int]


class Signed(msgspec.Struct, frozen=True):
    """A pattern with a sign: its expression, and how far a match goes beside it."""

    expression: Expression
    reach: tuple[int, int]


def sign_of(node: Node, after: Ranges) -> tuple[Sign, tuple[int, int]] | None:
    """The sign that every match of `node` holds, and how far one goes beside it. `after` may not stand behind a match."""
    if wide(node):
        return None
    if holds(node, RUN):
        reach = around(node, RUN)
        return (RUN, reach) if sum(reach) <= _FURTHEST else None
    longest = width(node)[1]
    if longest <= _FURTHEST and holds(node, DIGITS) and not holds_digit_behind(after):
        return DIGITS, (longest, longest)
    return None


def holds_digit_behind(after: Ranges) -> bool:
    """Whether a digit may stand behind a match, which would then not end where its digits do."""
    return not any(low <= 48 and high >= 57 for low, high in after)


class StretchesPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `Stretches` are made of."""

    runs: str = ""
    """The name of the automaton of the patterns that hold a long run; without any there is none."""
    digits: str = ""
    """Of those that hold many digits."""
    dense: str = ""
    """Of what tells where digits are close together."""
    before: int = 0
    after: int = 0
    """The most characters that a match takes before and after its long run."""
    width: int = 0
    """The most characters of a match that holds many digits."""

    @property
    def automata(self) -> tuple[str, ...]:
        """The names of all of them."""
        return tuple(filter(None, (self.runs, self.digits, self.dense)))


def plan_stretches(runs: Sequence[Signed], digits: Sequence[Signed], note: Note, *, told: bool) -> StretchesPlan:
    """What looks for these patterns around their signs. With `told` others want to know of numbers, too."""
    of_runs, of_digits = (note(tuple(each.expression for each in signed)) if signed else "" for signed in (runs, digits))
    before, after = (max((each.reach[side] for each in runs), default=0) for side in (0, 1))
    width = max((each.reach[0] for each in digits), default=0)
    dense = note(((0, DENSE, 0),)) if told or digits else ""
    return StretchesPlan(of_runs, of_digits, dense, before, after, width)


class Stretches:
    """Where patterns with a sign may end."""

    def __init__(self, plan: StretchesPlan, automata: Mapping[str, Automaton]) -> None:
        """`automata` are those that the plan names, and others."""
        self._runs = automata[plan.runs] if plan.runs else None
        self._digits = automata[plan.digits] if plan.digits else None
        self._dense = automata[plan.dense] if plan.dense else None
        self._before, self._after, self._width = plan.before + 1, plan.after + 1, plan.width + 1

    def numbers(self, reading: Reading) -> Sequence[int] | None:
        """Behind which bytes digits close together end, in order; None where there are too many, or it is not worth it.

        An empty tuple tells that there is no digit at all.
        """
        data = reading.data
        if _DIGIT(data) is None:
            return ()
        if len(data) <= _SCANNED_AT_ONCE or self._dense is None:
            return None
        try:
            return [end for _, end in self._dense.reports(data, len(data) // _BYTES_A_SIGN)]
        except TooManyReports:
            return None

    def reports(self, reading: Reading, numbers: Sequence[int] | None, most: int = UNBOUNDED) -> list[Report]:
        """The ends, as an automaton reports them; `numbers` as told. Raises TooManyReports."""
        found: list[Report] = []
        data = reading.data
        if self._runs is not None and (runs := reading.runs):
            before, after = self._before, self._after
            found += _within(self._runs, data, ((start - before, end + after) for start, end in runs), len(runs), most)
        if self._digits is not None and numbers is None:
            found += self._digits.reports(data, most)
        elif self._digits is not None and numbers:
            reach = self._width
            found += _within(self._digits, data, ((end - 1 - reach, end + reach) for end in numbers), len(numbers), most)
        return found


def _within(automaton: Automaton, data: bytes, stretches: Iterable[Stretch], signs: int, most: int) -> Sequence[Report]:
    """The reports of `automaton` in sorted stretches of `data`, which may overlap and go beyond it."""
    if not signs:
        return ()
    if len(data) <= _SCANNED_AT_ONCE or signs * _BYTES_A_SIGN > len(data):
        return automaton.reports(data, most)
    apart: list[Stretch] = []
    low, high = 0, 0
    for start, end in stretches:
        if start > high:
            if high:
                apart.append((low, high))
            low = start
        high = end
    apart.append((low, high))
    return [(number, end) for _, number, end in joined(automaton, data, apart, most)]


def joined(automaton: Automaton, data: bytes, apart: Sequence[Stretch], most: int) -> Iterator[tuple[int, int, int]]:
    """The reports of `automaton` in stretches of `data` that do not overlap: the stretch's index, the pattern, the end.

    They are scanned as one. What then seems to match across two of them is refused where it is confirmed. Raises
    TooManyReports.
    """
    parts = [data[start:end] for start, end in apart]
    found = automaton.reports(b"".join(parts), most)
    if found:
        ends = list(accumulate(map(len, parts)))
        for number, end in found:
            index = bisect_left(ends, end)
            yield index, number, apart[index][0] + end - (ends[index] - len(parts[index]))
