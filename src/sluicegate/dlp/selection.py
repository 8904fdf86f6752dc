"""Some of the rules of one or more scanners, as one: so policies that name different rules share what is compiled.

All rules of the packs are compiled once, the own rules of a file or a row once more, and a policy selects from them. That
costs it the scan of rules it does not name, and spares memory and the time to compile, which a changed file would wait for.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from sluicegate.dlp.automaton import UNBOUNDED, TooManyReports
from sluicegate.dlp.engine import Hit, Scanner
from sluicegate.dlp.packs import Rule
from sluicegate.dlp.reading import Reading


class Scan(Protocol):
    """What inspection asks of a scanner; see `engine.Scanner`."""

    @property
    def rules(self) -> Sequence[Rule]:
        """What is looked for; patterns are numbered by their place here."""

    @property
    def width(self) -> int:
        """The most characters that a match takes."""

    @property
    def wordy(self) -> int:
        """The most characters that a match with more than FEW_SPACES of ASCII white space takes."""

    def ends(self, text: str, most: int = UNBOUNDED, reading: Reading | None = None) -> Sequence[tuple[int, int]]:
        """Where patterns may end."""

    def confirm(self, text: str, floor: int, low: int, end: int, numbers: Sequence[int]) -> Iterator[Hit]:
        """The longest valid match of each of the patterns `numbers` that ends at `end`."""

    def undecided(self, text: str, before: str | None = None) -> int:
        """From where on more text could still make or lengthen a match."""


class _Part:
    """The selected patterns of one scanner: the numbers they have in the selection, and those they have there."""

    def __init__(self, scanner: Scanner, wanted: Collection[str], before: int) -> None:
        """`before` rules of other scanners stand before these."""
        self.scanner = scanner
        chosen = [index for index, rule in enumerate(scanner.rules) if rule.id in wanted]
        self.rules = [scanner.rules[index] for index in chosen]
        self.shown = {
            2 * index + closing: 2 * (before + place) + closing for place, index in enumerate(chosen) for closing in (0, 1)
        }
        self.own = {shown: number for number, shown in self.shown.items()}


class Selection:
    """A `Scan` over parts of scanners."""

    def __init__(self, scanners: Sequence[Scanner], wanted: Collection[str]) -> None:
        """`wanted` are ids of rules; a scanner that has none of them is not used."""
        self._parts: list[_Part] = []
        rules: list[Rule] = []
        for scanner in scanners:
            part = _Part(scanner, wanted, len(rules))
            if part.rules:
                self._parts.append(part)
                rules += part.rules
        self.rules = tuple(rules)
        self.width = max((part.scanner.width for part in self._parts), default=0)
        self.wordy = max((part.scanner.wordy for part in self._parts), default=0)

    def ends(self, text: str, most: int = UNBOUNDED, reading: Reading | None = None) -> Sequence[tuple[int, int]]:
        """See `Scan.ends`. Raises TooManyReports where there are more than `most`, of any rule of the scanners."""
        found: list[tuple[int, int]] = []
        reading = reading or Reading(text)
        for part in self._parts:
            ends = part.scanner.ends(text, most, reading)
            most -= len(ends)
            if most < 0:
                raise TooManyReports
            if ends:
                shown = part.shown
                found += [(at, shown[number]) for at, number in ends if number in shown]
        if len(self._parts) > 1:
            found.sort()
        return found

    def confirm(self, text: str, floor: int, low: int, end: int, numbers: Sequence[int]) -> Iterator[Hit]:
        """See `Scan.confirm`."""
        for part in self._parts:
            mine = [part.own[number] for number in numbers if number in part.own]
            if mine:
                for hit in part.scanner.confirm(text, floor, low, end, mine):
                    yield hit.moved(0, part.shown[2 * hit.rule] >> 1)

    def undecided(self, text: str, before: str | None = None) -> int:
        """See `Scan.undecided`; rules that are not selected may move it further to the left."""
        first = len(text)
        for part in self._parts:
            at = part.scanner.undecided(text, before)
            if at < first:
                first = at
        return first


def selection(scanners: Sequence[Scanner], wanted: Collection[str]) -> Scan:
    """The rules `wanted` of the scanners, at no cost where that is one of them as it is."""
    used = [scanner for scanner in scanners if any(rule.id in wanted for rule in scanner.rules)]
    if len(used) == 1 and all(rule.id in wanted for rule in used[0].rules):
        return used[0]
    return Selection(used, wanted)
