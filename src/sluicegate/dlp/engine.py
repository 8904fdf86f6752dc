"""The scanner: all rules of a policy compiled into automata (hyperscan), and every valid match of each, exactly.

What a finding is: a match of the rule's pattern whose neighbours its boundary allows, that its validator accepts, and that
has its context words. *Every* valid match counts, wherever it starts, and what overlaps is one finding. So findings are a
property of the text alone: they depend neither on where a scan began nor on what was found or refused before.

How: one scan forwards tells where matches end (the automaton reports every end, and no start, which keeps it fast); rules
with context are looked for near their words alone (`leads`). From each end a scan of the reversed text before it tells every
start. What more text could still complete, `tails` tells.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hyperscan
import msgspec

from sluicegate.dlp.automaton import MAX_BYTES, UNBOUNDED, Automaton, Expression, Report, TooManyReports, Workshop
from sluicegate.dlp.leads import Leads, Led
from sluicegate.dlp.packs import CONTEXT_REACH, Form, Rule, RuleError, form
from sluicegate.dlp.pattern import Node, backwards, charset, expression, has_digit, spaces, trigger, wide
from sluicegate.dlp.tails import Tail, Tails, length
from sluicegate.dlp.validators import Validator

_TOGETHER = 5
"""Patterns that are verified by one automaton: many small ones take half the memory and the time of few large ones."""
FEW_SPACES = 4
"""ASCII white space in a match beyond which it is wordy."""
EDGE = "\0"
"""Stands before the first and after the last character of a text; no boundary refuses it."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One valid match: the rule's index, where it starts and ends, and whether it is of the rule's `until` pattern."""

    rule: int
    start: int
    end: int
    closing: bool = False


class _Pattern(msgspec.Struct, frozen=True, gc=False):
    """What confirming a match of one pattern needs."""

    wide: bool
    closing: bool
    wordy: bool
    width: int
    near: Validator | None
    check: Validator | None


class Scanner:
    """A set of rules, compiled. Not for several threads at once."""

    def __init__(
        self,
        rules: Sequence[Rule],
        kept: Path | None = None,
        threads: int | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Compile, which takes a while: off the event loop. Raises RuleError naming the rule that cannot be compiled.

        `kept` is a folder in which compiled automata are kept for the next start; `threads` is how many are compiled at
        once, unless given as many as there are processors; `max_bytes` is what they may take together.
        """
        self.rules = tuple(rules)
        self._patterns: dict[int, _Pattern] = {}
        self._workshop = Workshop(kept, threads or os.cpu_count() or 1, max_bytes)
        try:
            automata = self._compile()
        finally:
            self._workshop.close()
        self.width = max((pattern.width for pattern in self._patterns.values()), default=0)
        self.ends(EDGE)  # has what every text needs read now
        self.undecided(EDGE)
        self.wordy = max((pattern.width for pattern in self._patterns.values() if pattern.wordy), default=0)
        self.size = sum(each.size for each in automata)
        """Bytes of the compiled automata."""

    def _compile(self) -> list[Automaton]:
        forward: list[Expression] = []
        led: list[Led] = []
        verify: list[Expression] = []
        tails: tuple[list[Tail], list[Tail]] = ([], [])
        for index, rule in enumerate(self.rules):
            compiled = form(rule)
            for number, node in ((2 * index, compiled.node), (2 * index + 1, compiled.closing)):
                if node is not None:
                    self._add(number, rule, compiled, node, (forward, led, verify, tails))
        ahead = self._order(forward, forward)
        self._tails, self._led_tails = (Tails(each, self._order) for each in tails)
        self._leads = Leads(led, self._order)
        groups = [verify[at : at + _TOGETHER] for at in range(0, len(verify), _TOGETHER)]
        verified = [(group, self._order(group, group)) for group in groups]
        self._forward = ahead()
        automata = [] if self._forward is None else [self._forward]
        for part in (self._tails, self._led_tails, self._leads):
            automata += part.ready()
        self._verify: dict[int, Automaton] = {}
        for group, wait in verified:
            automaton = wait()
            if automaton is not None:
                automata.append(automaton)
                self._verify |= {number: automaton for number, _, _ in group}
        return automata

    def ends(self, text: str, most: int = UNBOUNDED) -> Sequence[tuple[int, int]]:
        """Where patterns may end in `text`, sorted: the index of the character after the match, and the pattern's number.

        `text` has an EDGE or a settled character first. A match that goes up to the end of `text` is not yet told.
        Raises TooManyReports where there are more than `most`; that costs little more than `most` would.
        """
        if not self._patterns:
            return ()
        data = text.encode("utf-8", "replace")
        reports = () if self._forward is None else self._forward.reports(data, most)
        near = self._leads.reports(data, most)
        if not reports and not near:
            return ()
        found = {*reports, *near}
        if len(found) > most:
            raise TooManyReports
        if len(data) == len(text):
            return sorted((end - 1, number) for number, end in found)
        every = list(found)
        return sorted((at, number) for (number, _), at in zip(every, _ends(data, every), strict=True))

    def confirm(self, text: str, floor: int, low: int, end: int, numbers: Sequence[int]) -> Iterator[Hit]:
        """The longest valid match of each of the patterns `numbers` in text[low:end] that ends at `end`.

        text[low - 1] must be there: the character before. Context words are looked for from text[floor] on, or from text[1].
        """
        for number, starts in self._starts(text, low, end, numbers).items():
            pattern = self._patterns[number]
            for start in starts:
                if pattern.near is not None and not pattern.near(text[max(floor - 1, start - CONTEXT_REACH - 1, 0) : start]):
                    continue
                if pattern.check is not None and not pattern.check(text[start:end]):
                    continue
                yield Hit(number >> 1, start, end, pattern.closing)
                break

    def undecided(self, text: str, before: str | None = None) -> int:
        """The index of the first character of `text` from which on more text could still make or lengthen a match.

        text[0] is an EDGE or settled. The length of `text` where nothing is open. Patterns with context can be open only if
        one of their words stands in `before`, which is what comes before `text`, or in it; unless it is given they may be.
        """
        at = self._tails.open(text)
        if before is None or self._leads.within(before + text):
            return min(at, self._led_tails.open(text))
        return at

    def _starts(self, text: str, low: int, end: int, numbers: Sequence[int]) -> dict[int, list[int]]:
        """Per pattern the starts of its matches that end at `end`, first the one farthest away."""
        reach = max(self._patterns[number].width for number in numbers)
        turned = text[max(low - 1, end - reach - 1) : end][::-1]
        data = turned.encode("utf-8", "replace")
        found: dict[int, list[int]] = {number: [] for number in numbers}
        plain = len(data) == len(turned)
        for automaton in {self._verify[number] for number in numbers}:
            for number, to in automaton.reports(data):
                if number in found:
                    found[number].append(end - (to - 1 if plain else length(data, self._patterns[number].wide, to)))
        for starts in found.values():
            starts.sort()
        return found

    def _add(
        self,
        number: int,
        rule: Rule,
        compiled: Form,
        node: Node,
        into: tuple[list[Expression], list[Led], list[Expression], tuple[list[Tail], list[Tail]]],
    ) -> None:
        broad = wide(node)
        flags = hyperscan.HS_FLAG_CASELESS if rule.ignore_case else 0
        flags |= hyperscan.HS_FLAG_UTF8 | (hyperscan.HS_FLAG_UCP if rule.ignore_case else 0) if broad else 0
        left, right = charset(compiled.before, negated=True), charset(compiled.after, negated=True)
        cheap = trigger(node)
        ahead = (number, f"{left if cheap is node else ''}{expression(cheap)}{right}", flags)
        closing = bool(number & 1)
        forward, led, verify, tails = into
        needs = bool(rule.context) and not closing
        if needs:
            led.append(Led(ahead, rule.context, compiled.width, has_digit(node)))
        else:
            forward.append(ahead)
        verify.append((number, f"^{expression(backwards(node))}{left}", flags))
        tails[needs].append(Tail(number, node, flags, compiled.before))
        near, check = (None, None) if closing else (compiled.near, compiled.check)
        self._patterns[number] = _Pattern(broad, closing, spaces(node) > FEW_SPACES, compiled.width, near, check)

    def _order(self, expressions: Sequence[Expression], named: Sequence[Expression]) -> Callable[[], Automaton | None]:
        """Have `expressions` compiled; `named` are those of them, or more, that have the patterns' numbers."""
        if not expressions:
            return lambda: None
        made = self._workshop.order(expressions)

        def wait() -> Automaton:
            try:
                return made()
            except hyperscan.HyperscanError as error:
                self._blame(named)
                raise RuleError(f"the rules do not compile together: {error}") from None

        return wait

    def _blame(self, expressions: Sequence[Expression]) -> None:
        for expression_ in expressions:
            try:
                Automaton([expression_])
            except hyperscan.HyperscanError as error:
                name = self.rules[expression_[0] >> 1].id
                raise RuleError(f"rule {name}: pattern refused: {error}") from None


def _ends(data: bytes, reports: Sequence[Report]) -> Iterator[int]:
    """The character index behind each report's boundary character's start, for text with characters of several bytes."""
    at, characters = 0, 0
    order = sorted(range(len(reports)), key=lambda index: reports[index][1])
    result = [0] * len(reports)
    for index in order:
        byte = reports[index][1] - 1
        while data[byte] & 0xC0 == 0x80:
            byte -= 1
        if byte > at:
            characters += len(data[at:byte].decode())
            at = byte
        result[index] = characters
    return iter(result)
