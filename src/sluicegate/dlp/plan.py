"""What a scanner is made of, as data: worked out from its rules once, and kept, since that takes a large part of a start.

A plan names automata and says what stands in which; their expressions are worked out again only where one must be compiled.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import hyperscan
import msgspec

from sluicegate.dlp import kept as folder
from sluicegate.dlp.automaton import Automaton, Expression, Source, name_of
from sluicegate.dlp.leads import LeadsPlan, Led, need_of, plan_leads
from sluicegate.dlp.packs import Form, Rule, form
from sluicegate.dlp.pattern import Node, backwards, charset, expression, has_digit, literal, spaces, trigger, wide
from sluicegate.dlp.signs import DIGITS
from sluicegate.dlp.stretches import Signed, StretchesPlan, plan_stretches, sign_of
from sluicegate.dlp.tails import Tail, TailsPlan, plan_tails

FEW_SPACES = 4
"""ASCII white space in a match beyond which it is wordy."""
_TOGETHER = 5
"""Patterns that are verified by one automaton: many small ones take half the memory and the time of few large ones."""


class Facts(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What is known of one pattern."""

    wide: bool
    """Whether a character beyond ASCII can match."""
    wordy: bool
    """Whether a match can hold more than FEW_SPACES of ASCII white space."""
    width: int
    """The most characters that a match of its rule takes."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scanner is made of. A rule's pattern has twice the rule's number, that of its `until` one more."""

    facts: dict[int, Facts]
    """Of every pattern, by its number."""
    worded: str
    """The name of the automaton of the patterns that are looked for everywhere, as words lead to them; empty without any."""
    bare: str
    """Of those among them that begin with any letter or digit, and hold a digit: they would slow the others down."""
    stretches: StretchesPlan
    """Of the other patterns without context."""
    tails: TailsPlan
    led_tails: TailsPlan
    """Of the patterns with context."""
    leads: LeadsPlan
    verify: tuple[tuple[str, tuple[int, ...]], ...]
    """The names of automata that tell the starts of matches, and the numbers of the patterns of each."""


class Draft:
    """A plan that is being worked out, and the expressions of its automata, in the order in which to begin with them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Raises RuleError naming the rule that cannot be used."""
        self.expressions: dict[str, Sequence[Expression]] = {}
        self._facts: dict[int, Facts] = {}
        self._worded: list[Expression] = []
        self._bare: list[Expression] = []
        self._runs: list[Signed] = []
        self._digits: list[Signed] = []
        self._led: list[Led] = []
        self._verify: list[Expression] = []
        self._tails: tuple[list[Tail], list[Tail]] = ([], [])
        for index, rule in enumerate(rules):
            compiled = form(rule)
            for number, node in ((2 * index, compiled.node), (2 * index + 1, compiled.closing)):
                if node is not None:
                    self._add(number, rule, compiled, node)
        self.plan = self._planned()

    def _planned(self) -> Plan:
        worded, bare = (self._note(each) if each else "" for each in (self._worded, self._bare))
        stretches = plan_stretches(self._runs, self._digits, self._note, told=bool(self._led))
        tails, led_tails = (plan_tails(each, self._note) for each in self._tails)
        leads = plan_leads(self._led, self._note)
        groups = [self._verify[at : at + _TOGETHER] for at in range(0, len(self._verify), _TOGETHER)]
        verify = tuple((self._note(group), tuple(number for number, _, _ in group)) for group in groups)
        return Plan(self._facts, worded, bare, stretches, tails, led_tails, leads, verify)

    def _note(self, expressions: Sequence[Expression]) -> str:
        name = name_of(expressions)
        self.expressions[name] = expressions
        return name

    def _add(self, number: int, rule: Rule, compiled: Form, node: Node) -> None:
        broad = wide(node)
        flags = hyperscan.HS_FLAG_CASELESS if rule.ignore_case else 0
        flags |= hyperscan.HS_FLAG_UTF8 | (hyperscan.HS_FLAG_UCP if rule.ignore_case else 0) if broad else 0
        left, right = charset(compiled.before, negated=True), charset(compiled.after, negated=True)
        cheap = trigger(node)
        ahead = (number, f"{left if cheap is node else ''}{expression(cheap)}{right}", flags)
        needs = bool(rule.context) and not number & 1
        if needs:
            self._led.append(Led(ahead, rule.context, compiled.width, need_of(node, compiled.after)))
        elif (signed := sign_of(node, compiled.after)) is not None:
            sign, reach = signed
            (self._digits if sign is DIGITS else self._runs).append(Signed(ahead, reach))
        elif has_digit(node) and literal(cheap) < 2 and not broad:
            # without its boundary, so that all that it does not begin with is skipped
            self._bare.append((number, f"{expression(cheap)}{right}", flags))
        else:
            self._worded.append(ahead)
        self._verify.append((number, f"^{expression(backwards(node))}{left}", flags))
        self._tails[needs].append(Tail(node, flags, compiled.before))
        self._facts[number] = Facts(broad, spaces(node) > FEW_SPACES, compiled.width)


class Sources:
    """The expressions of the automata of some rules, worked out once more where they are not at hand."""

    def __init__(self, rules: Sequence[Rule], draft: Draft | None = None) -> None:
        self._rules = rules
        self._draft = draft

    def of(self, name: str) -> Source:
        """What gives the expressions of the automaton with this name."""
        return partial(self._find, name)

    def forget(self) -> None:
        """Hold them no longer."""
        self._draft = None

    def _find(self, name: str) -> Sequence[Expression]:
        return (self._draft or Draft(self._rules)).expressions[name]


def automata_of(plan: Plan) -> Sequence[str]:
    """The names of all automata of a plan."""
    tails = [name for each in (plan.tails, plan.led_tails) for _, name in each.automata]
    verify = [name for name, _ in plan.verify]
    return [
        name
        for name in (plan.worded, plan.bare, *plan.stretches.automata, *tails, *plan.leads.groups, plan.leads.words, *verify)
        if name
    ]


def recall(rules: Sequence[Rule], kept: Path) -> tuple[Plan, Mapping[str, Automaton]] | None:
    """The plan that is kept for these rules, and its automata; None unless the folder has them all."""
    data = folder.read(kept, _name(rules))
    if data is None:
        return None
    plan = msgspec.msgpack.decode(data, type=Plan)
    sources = Sources(rules)
    names = automata_of(plan)
    if not all(folder.size(kept, name) for name in names):
        return None
    return plan, {name: Automaton(name, sources.of(name), kept) for name in names}


def remember(rules: Sequence[Rule], plan: Plan, kept: Path) -> None:
    """Keep the plan of these rules."""
    folder.keep(kept, _name(rules), msgspec.msgpack.encode(plan))


def _name(rules: Sequence[Rule]) -> str:
    return folder.name_of("plan", folder.program(), msgspec.msgpack.encode(rules))
