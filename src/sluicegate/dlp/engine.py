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
from sluicegate.dlp.validators import Validator

_WORDS = 16
"""Context words that stand in one expression."""
_TOGETHER = 40
"""Patterns that are verified by one automaton: many small ones take half the memory of one large one."""
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
    width: int
    near: Validator | None
    check: Validator | None


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
        self._forward = self._compile(forward)
        self._verify: dict[int, Automaton] = {}
        for at in range(0, len(verify), _TOGETHER):
            together = self._compile(verify[at : at + _TOGETHER])
            self._verify |= {number: together for number, _, _ in verify[at : at + _TOGETHER] if together is not None}
        self._begin = [(broad, each) for broad in (False, True) if (each := self._beginnings(begin, broad)) is not None]
        self.quiet = Quiet(trees)
        """Spares prose the scans of `ends` and `undecided`, which would say nothing else."""

    @property
    def size(self) -> int:
        """Bytes of the compiled automata."""
        own = {*self._verify.values(), *(each for _, each in self._begin)}
        return sum(each.size for each in own) + (0 if self._forward is None else self._forward.size)

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

    def undecided(self, text: str) -> int:
        """The index of the first character of `text` from which on more text could still make or lengthen a match.

        text[0] is an EDGE or settled. The length of `text` where nothing is open.
        """
        turned = text[: -self.width - 2 : -1]
        data = turned.encode("utf-8", "replace")
        longest = 0
        for broad, automaton in self._begin:
            reports = automaton.reports(data)
            if reports:
                end = max(end for _, end in reports)
                longest = max(longest, end - 1 if len(data) == len(turned) else _length(data, broad, end))
        return len(text) - longest

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
                    found[number].append(end - (to - 1 if plain else _length(data, self._patterns[number].wide, to)))
        for starts in found.values():
            starts.sort()
        return found

    def _add(self, number: int, rule: Rule, compiled: Form, node: Node, into: tuple[list[Expression], ...]) -> None:
        broad = wide(node)
        flags = hyperscan.HS_FLAG_CASELESS if rule.ignore_case else 0
        flags |= hyperscan.HS_FLAG_UTF8 | (hyperscan.HS_FLAG_UCP if rule.ignore_case else 0) if broad else 0
        left, right = _beside(compiled.before), _beside(compiled.after)
        cheap = trigger(node)
        ahead = f"{left if cheap is node else ''}{expression(cheap)}{right}"
        leads = _words(rule.context) if rule.context and not number & 1 else [""]
        forward, verify, begin = into
        forward += [(number, f"{lead}{ahead}", flags) for lead in leads]
        verify.append((number, f"^{expression(backwards(node))}{left}", flags))
        begin.append((number, f"^{expression(backwards(beginnings(node)))}{left}", flags))
        closing = bool(number & 1)
        near, check = (None, None) if closing else (compiled.near, compiled.check)
        self._patterns[number] = _Pattern(broad, closing, compiled.width, near, check)

    def _beginnings(self, begin: list[Expression], broad: bool) -> Automaton | None:
        """What tells where something begins. Which pattern it is matters not, so all have one number, and are told once."""
        chosen = [item for item in begin if self._patterns[item[0]].wide is broad]
        return self._compile(list(dict.fromkeys((0, source, flags) for _, source, flags in chosen)), chosen)

    def _compile(self, expressions: list[Expression], named: Sequence[Expression] = ()) -> Automaton | None:
        if not expressions:
            return None
        try:
            return Automaton(expressions, self._kept)
        except hyperscan.HyperscanError as error:
            self._blame(named or expressions)
            raise RuleError(f"the rules do not compile together: {error}") from None

    def _blame(self, expressions: Sequence[Expression]) -> None:
        for expression_ in expressions:
            try:
                Automaton([expression_])
            except hyperscan.HyperscanError as error:
                name = self.rules[expression_[0] >> 1].id
                raise RuleError(f"rule {name}: pattern refused: {error}") from None


def _length(data: bytes, broad: bool, to: int) -> int:
    """How many characters of a reversed text a match took whose report, boundary character included, is at byte `to`."""
    if broad:
        return len(data[:to].decode("utf-8", "ignore")) - 1
    return len(data[: to - 1].decode("utf-8", "ignore"))


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


def _words(words: Sequence[str]) -> list[str]:
    """Any of the words, in any case, and what may follow it: literals keep the forward scan fast where a pattern has none.

    Beside an abbreviation no ASCII letter or digit stands, which spares the scan all words that hold it. Few words stand in
    one expression: where there are many the automaton gives up looking for literals.
    """
    plain = ["".join(map(_letter, word)) for word in words if not word.isupper()]
    whole = ["".join(map(_letter, word)) for word in words if word.isupper()]
    gap = f"(?s:.){{0,{4 * CONTEXT_REACH}}}"
    return [
        *(f"(?i:{'|'.join(plain[at : at + _WORDS])}){gap}" for at in range(0, len(plain), _WORDS)),
        *(
            f"[^0-9A-Za-z](?i:{'|'.join(whole[at : at + _WORDS])})(?:[^0-9A-Za-z]{gap})?"
            for at in range(0, len(whole), _WORDS)
        ),
    ]


def _letter(char: str) -> str:
    """A character's bytes; beyond ASCII those of either case, which the automaton cannot tell from bytes."""
    cases = dict.fromkeys((char.lower(), char.upper()) if char > "\x7f" else (char.lower(),))
    spelt = ["".join(f"\\x{byte:02x}" for byte in each.encode()) for each in cases]
    return spelt[0] if len(spelt) == 1 else f"(?:{'|'.join(spelt)})"
