"""The scanner: all rules of a policy compiled into automata (hyperscan), and every valid match of each, exactly.

What a finding is: a match of the rule's pattern whose neighbours its boundary allows, that its validator accepts, and that
has its context words. *Every* valid match counts, wherever it starts, and what overlaps is one finding. So findings are a
property of the text alone: they depend neither on where a scan began nor on what was found or refused before.

How: one scan forwards tells where matches end (the automaton reports every end, and no start, which keeps it fast); from
each end a scan of the reversed text before it tells every start. A third automaton, anchored to the reversed end of an
unfinished text, tells where something begins that more text could still complete.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import hyperscan
import msgspec

from sluicegate.dlp.automaton import UNBOUNDED, Automaton, Expression, Report
from sluicegate.dlp.packs import CONTEXT_REACH, Form, Rule, RuleError, form
from sluicegate.dlp.pattern import Node, Ranges, backwards, beginnings, charset, expression, trigger, wide
from sluicegate.dlp.quiet import Quiet, patterns
from sluicegate.dlp.validators import VALIDATORS

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

    rule: Rule
    wide: bool
    width: int
    closing: bool


class Scanner:
    """A set of rules, compiled. Not for several threads at once."""

    def __init__(self, rules: Sequence[Rule], kept: Path | None = None) -> None:
        """Compile, which takes a while: off the event loop. Raises RuleError naming the rule that cannot be compiled.

        `kept` is a folder in which compiled automata are kept for the next start.
        """
        self._kept = kept
        self.rules = tuple(rules)
        self._patterns: dict[int, _Pattern] = {}
        forward: list[Expression] = []
        verify: list[Expression] = []
        begin: list[Expression] = []
        trees = []
        for index, rule in enumerate(self.rules):
            compiled = form(rule)
            trees += patterns(compiled, ignore_case=rule.ignore_case)
            for number, node in ((2 * index, compiled.node), (2 * index + 1, compiled.closing)):
                if node is not None:
                    self._add(number, rule, compiled, node, (forward, verify, begin))
        self.width = max((pattern.width for pattern in self._patterns.values()), default=0)
        self._forward, self._verify, self._begin = (self._compile(each) for each in (forward, verify, begin))
        self.quiet = Quiet(trees)
        """Spares prose the scans of `ends` and `undecided`, which would say nothing else."""

    @property
    def size(self) -> int:
        """Bytes of the compiled automata."""
        return sum(each.size for each in (self._forward, self._verify, self._begin) if each is not None)

    def ends(self, text: str, most: int = UNBOUNDED) -> Sequence[tuple[int, int]]:
        """Where patterns may end in `text`, sorted: the index of the character after the match, and the pattern's number.

        `text` has an EDGE or a settled character first. A match that goes up to the end of `text` is not yet told.
        Raises TooManyReports where there are more than `most`; that costs no more than `most` would.
        """
        if self._forward is None:
            return []
        data = text.encode("utf-8", "replace")
        reports = self._forward.reports(data, most)
        if not reports:
            return ()
        if len(data) == len(text):
            return sorted({(end - 1, number) for number, end in reports})
        return sorted({(at, number) for (number, _), at in zip(reports, _ends(data, reports), strict=True)})

    def confirm(self, text: str, floor: int, low: int, end: int, numbers: Sequence[int]) -> Iterator[Hit]:
        """The longest valid match of each of the patterns `numbers` in text[low:end] that ends at `end`.

        text[low - 1] must be there: the character before. Context words are looked for from text[floor] on.
        """
        for number, starts in self._starts(text, low, end, numbers).items():
            pattern = self._patterns[number]
            rule = pattern.rule
            validator = None if rule.validator is None or pattern.closing else VALIDATORS[rule.validator]
            for start in starts:
                if validator is not None and not validator(text[start:end]):
                    continue
                if (
                    rule.context
                    and not pattern.closing
                    and not _in_context(rule.context, text[max(floor, start - CONTEXT_REACH) : start])
                ):
                    continue
                yield Hit(number >> 1, start, end, pattern.closing)
                break

    def undecided(self, text: str) -> int:
        """The index of the first character of `text` from which on more text could still make or lengthen a match.

        text[0] is an EDGE or settled. The length of `text` where nothing is open.
        """
        if self._begin is None:
            return len(text)
        turned = text[: -self.width - 2 : -1]
        data = turned.encode("utf-8", "replace")
        reports = self._begin.reports(data)
        if not reports:
            return len(text)
        if len(data) == len(turned):
            return len(text) - max(end for _, end in reports) + 1
        return len(text) - max(self._length(data, number, end) for number, end in reports)

    def _starts(self, text: str, low: int, end: int, numbers: Sequence[int]) -> dict[int, list[int]]:
        """Per pattern the starts of its matches that end at `end`, first the one farthest away."""
        reach = max(self._patterns[number].width for number in numbers)
        turned = text[max(low - 1, end - reach - 1) : end][::-1]
        data = turned.encode("utf-8", "replace")
        found: dict[int, list[int]] = {number: [] for number in numbers}
        plain = len(data) == len(turned)
        if self._verify is not None:
            for number, to in self._verify.reports(data):
                if number in found:
                    found[number].append(end - (to - 1 if plain else self._length(data, number, to)))
        for starts in found.values():
            starts.sort()
        return found

    def _length(self, data: bytes, number: int, to: int) -> int:
        """How many characters of a reversed text a match took whose report, boundary character included, is at byte `to`."""
        if self._patterns[number].wide:
            return len(data[:to].decode("utf-8", "ignore")) - 1
        return len(data[: to - 1].decode("utf-8", "ignore"))

    def _add(self, number: int, rule: Rule, compiled: Form, node: Node, into: tuple[list[Expression], ...]) -> None:
        broad = wide(node)
        flags = hyperscan.HS_FLAG_CASELESS if rule.ignore_case else 0
        flags |= hyperscan.HS_FLAG_UTF8 | (hyperscan.HS_FLAG_UCP if rule.ignore_case else 0) if broad else 0
        left, right = _beside(compiled.before), _beside(compiled.after)
        cheap = trigger(node)
        ahead = f"{left if cheap is node else ''}{expression(cheap)}{right}"
        if rule.context and not number & 1:
            ahead = f"{_words(rule.context)}(?s:.){{0,{4 * CONTEXT_REACH}}}{ahead}"
        own = [
            (number, ahead, flags),
            (number, f"^{expression(backwards(node))}{left}", flags),
            (number, f"^{expression(backwards(beginnings(node)))}{left}", flags),
        ]
        for item, group in zip(own, into, strict=True):
            group.append(item)
        self._patterns[number] = _Pattern(rule, broad, compiled.width, bool(number & 1))

    def _compile(self, expressions: list[Expression]) -> Automaton | None:
        if not expressions:
            return None
        try:
            return Automaton(expressions, self._kept)
        except hyperscan.HyperscanError as error:
            self._blame(expressions)
            raise RuleError(f"the rules do not compile together: {error}") from None

    def _blame(self, expressions: list[Expression]) -> None:
        for expression_ in expressions:
            try:
                Automaton([expression_])
            except hyperscan.HyperscanError as error:
                name = self.rules[expression_[0] >> 1].id
                raise RuleError(f"rule {name}: pattern refused: {error}") from None


def _beside(ranges: Ranges) -> str:
    return charset(ranges, negated=True)


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


def _words(words: Sequence[str]) -> str:
    """Any of the words, in any case: literals keep the forward scan fast where the pattern alone has none."""
    return "(?i:" + "|".join("".join(f"\\x{byte:02x}" for byte in word.lower().encode()) for word in words) + ")"


def _in_context(words: Sequence[str], nearby: str) -> bool:
    nearby = nearby.lower()
    return any(word in nearby for word in words)
