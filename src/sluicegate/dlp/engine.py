"""The scanner: all rules of a policy compiled into automata (hyperscan), and every valid match of each, exactly.

What a finding is: a match of the rule's pattern whose neighbours its boundary allows, that its validator accepts, and that
has its context words. *Every* valid match counts, wherever it starts, and what overlaps is one finding. So findings are a
property of the text alone: they depend neither on where a scan began nor on what was found or refused before.

How: scans forwards tell where matches end (an automaton reports every end, and no start, which keeps it fast); rules with
context are looked for near their words alone (`leads`), most others near long runs and numbers (`stretches`). From each end
a scan of the reversed text before it tells every start. What more text could still complete, `tails` tells.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import hyperscan
import msgspec

from sluicegate.dlp.automaton import MAX_BYTES, UNBOUNDED, Automaton, TooManyReports, Workshop, check_size
from sluicegate.dlp.leads import Leads
from sluicegate.dlp.packs import CONTEXT_REACH, Rule, RuleError, check_of, near_of, value_of
from sluicegate.dlp.plan import Draft, Facts, Plan, Sources, recall, remember
from sluicegate.dlp.reading import Reading
from sluicegate.dlp.stretches import Stretches
from sluicegate.dlp.tails import Tails, length
from sluicegate.dlp.validators import Validator
from sluicegate.dlp.values import Finder, Place

EDGE = "\0"
"""Stands before the first and after the last character of a text; no boundary refuses it."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One valid match: the rule's index, where it starts and ends, and whether it is of the rule's `until` pattern."""

    rule: int
    start: int
    end: int
    closing: bool = False
    value: Place | None = None
    """From where to where the value stands that it tells of, where that is not all of it."""

    def moved(self, by: int, rule: int | None = None) -> "Hit":
        """The same in a text that begins `by` characters earlier; of another rule, where one is given."""
        value = None if self.value is None else (self.value[0] + by, self.value[1] + by)
        return Hit(self.rule if rule is None else rule, self.start + by, self.end + by, self.closing, value)


class _Pattern(msgspec.Struct, frozen=True, gc=False):
    """What confirming a match of one pattern needs."""

    wide: bool
    closing: bool
    width: int
    near: Validator | None
    check: Validator | None
    value: Finder | None


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
        plan, automata = self._automata(kept, threads or os.cpu_count() or 1, max_bytes)
        self._patterns = _Patterns(self.rules, plan.facts)
        self._worded, self._bare = (automata[name] if name else None for name in (plan.worded, plan.bare))
        self._stretches = Stretches(plan.stretches, automata)
        self._tails, self._led_tails = Tails(plan.tails, automata), Tails(plan.led_tails, automata)
        self._leads = Leads(plan.leads, automata)
        self._verify = {number: automata[name] for name, numbers in plan.verify for number in numbers}
        self.width = max((facts.width for facts in plan.facts.values()), default=0)
        self.wordy = max((facts.width for facts in plan.facts.values() if facts.wordy), default=0)
        self.size = sum(each.size for each in automata.values())
        """Bytes of the compiled automata."""
        self.ends(EDGE)  # has what every text needs read now
        self.undecided(EDGE)

    def _automata(self, kept: Path | None, threads: int, max_bytes: int) -> tuple[Plan, Mapping[str, Automaton]]:
        known = None if kept is None else recall(self.rules, kept)
        if known is not None:
            check_size((each.size for each in known[1].values()), max_bytes)
            return known
        draft = Draft(self.rules)
        sources = Sources(self.rules, draft)
        workshop = Workshop(kept, threads, max_bytes)
        try:
            waits = {name: workshop.order(name, sources.of(name)) for name in draft.expressions}
            automata = {name: wait() for name, wait in waits.items()}
        except hyperscan.HyperscanError as error:
            self._blame()
            raise RuleError(f"the rules do not compile together: {error}") from None
        finally:
            workshop.close()
        if kept is not None:
            remember(self.rules, draft.plan, kept)
            sources.forget()
        return draft.plan, automata

    def ends(self, text: str, most: int = UNBOUNDED, reading: Reading | None = None) -> Sequence[tuple[int, int]]:
        """Where patterns may end in `text`, sorted: the index of the character after the match, and the pattern's number.

        `text` has an EDGE or a settled character first. A match that goes up to the end of `text` is not yet told.
        `reading` is of the same text, where there is one. Raises TooManyReports where there are more than `most`; that costs
        little more than `most` would.
        """
        reading = reading or Reading(text)
        data = reading.data
        numbers = self._stretches.numbers(reading)
        reports = [
            *(() if self._worded is None else self._worded.reports(data, most)),
            *(() if self._bare is None or numbers == () else self._bare.reports(data, most)),
            *self._stretches.reports(reading, numbers, most),
            *self._leads.reports(reading, numbers, most),
        ]
        if not reports:
            return ()
        found = set(reports)
        if len(found) > most:
            raise TooManyReports
        if reading.plain:
            return sorted((end - 1, number) for number, end in found)
        every = sorted(found, key=lambda report: report[1])
        at = reading.characters([end - 1 for _, end in every])
        return sorted((end, number) for (number, _), end in zip(every, at, strict=True))

    def confirm(self, text: str, floor: int, low: int, end: int, numbers: Sequence[int]) -> Iterator[Hit]:
        """The longest valid match of each of the patterns `numbers` in text[low:end] that ends at `end`.

        Where a rule tells values, also shorter ones as far as their values are others: `token=…&key=…` has two.
        text[low - 1] must be there: the character before. Context words are looked for from text[floor] on, or from text[1].
        """
        for number, starts in self._starts(text, low, end, numbers).items():
            pattern = self._patterns[number]
            told = 0
            for start in starts:
                if pattern.near is not None and not pattern.near(text[max(floor - 1, start - CONTEXT_REACH - 1, 0) : start]):
                    continue
                if pattern.check is not None and not pattern.check(text[start:end]):
                    continue
                value = None if pattern.value is None else pattern.value(text[start:end])
                if value is None or value[0] >= value[1]:
                    yield Hit(number >> 1, start, end, pattern.closing)
                    break
                first, last = start + value[0], start + value[1]
                if last > told:
                    yield Hit(number >> 1, start, end, pattern.closing, (first, last))
                    told = last
                    if last == end:
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

    def _blame(self) -> None:
        """Raises RuleError naming the first rule that does not compile by itself."""
        for rule in self.rules:
            for expressions in Draft([rule]).expressions.values():
                try:
                    Automaton.of(expressions)
                except hyperscan.HyperscanError as error:
                    raise RuleError(f"rule {rule.id}: pattern refused: {error}") from None


class _Patterns(dict[int, _Pattern]):
    """Patterns by number, made when one is first asked for: of hundreds few ever are, and some checks take much memory."""

    def __init__(self, rules: Sequence[Rule], facts: Mapping[int, Facts]) -> None:
        self._rules = rules
        self._facts = facts

    def __missing__(self, number: int) -> _Pattern:
        facts, rule, closing = self._facts[number], self._rules[number >> 1], bool(number & 1)
        near, check, value = (None, None, None) if closing else (near_of(rule), check_of(rule), value_of(rule))
        made = self[number] = _Pattern(facts.wide, closing, facts.width, near, check, value)
        return made
