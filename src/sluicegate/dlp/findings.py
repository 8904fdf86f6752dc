"""From matches to what is done: counts per rule, and the places to edit. The same for a whole text and for a stream."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from sluicegate.dlp.engine import Hit
from sluicegate.dlp.packs import Rule

ENDLESS = 1 << 60


class Action(StrEnum):
    """What a policy does about a finding, from least to most severe."""

    ALLOW = "allow"
    """The rule is not looked for."""
    ALERT = "alert"
    TOKENISE = "tokenise"
    """A placeholder stands for the value on its way to the model, and the client gets the value back."""
    REDACT = "redact"
    REROUTE = "reroute"
    """The value goes to an on-prem deployment only."""
    BLOCK = "block"


EDITING = frozenset({Action.TOKENISE, Action.REDACT})
"""The actions that change the text."""


class Treatment(msgspec.Struct, frozen=True):
    """What one entry of a policy does about the findings of the rules that it decides."""

    action: Action
    shadow: bool = False
    """Whether it is only recorded what would be done."""
    count: int = 1
    """From how many findings of the group on."""
    below: Action = Action.ALERT
    """What is done about fewer."""
    group: int = 0
    """The entry whose findings count together; 0 where the first one already decides."""

    def at(self, count: int) -> Action:
        """What is done once the group has so many findings."""
        return self.action if count >= self.count else self.below

    @property
    def possible(self) -> frozenset[Action]:
        """All that it may do."""
        return frozenset({self.action, self.below} if self.group else {self.action})


class Edit(msgspec.Struct, gc=False):
    """A place to edit: text[start:end] gives way to `label`. `end` may shrink while a region is open."""

    start: int
    end: int
    rank: int
    label: str
    group: int = 0
    """Of a treatment that depends on a count not known yet; 0: the edit is to be done."""
    token: bool = False
    """Whether a placeholder is to stand in place of the value, rather than the label."""
    value: str = ""
    """What the placeholder stands for, where that is more than the place holds (a value cut over two texts)."""


class Found(msgspec.Struct, frozen=True):
    """What was found in one text: how often per rule index, whether any of it blocks, and the edits.

    No two edits of the same `group` overlap. What a group does is known when the whole prompt is counted.
    """

    counts: Mapping[int, int]
    blocked: bool
    edits: tuple[Edit, ...]


CLEAN = Found({}, False, ())


class _Region(msgspec.Struct, gc=False):
    """A finding that goes on until its closing pattern: where its opening ended, its last possible end, its edit if any."""

    opened: int
    limit: int
    edit: Edit | None


class Ledger:
    """Takes the hits of one text in order of their ends.

    Overlapping matches of one rule count once. At most `bound` edits are kept: what comes after is one edit to the end, so
    that nothing beyond the bound passes. Alerts are only counted, and a match that blocks is always noticed.
    """

    __slots__ = ("_bound", "_ends", "_regions", "_rules", "_treatments", "blocked", "counts", "edits", "kept", "tally")

    def __init__(self, rules: Sequence[Rule], treatments: Sequence[Treatment], bound: int) -> None:
        self._rules = rules
        self._treatments = treatments
        self._bound = bound
        self._ends: dict[int, int] = {}
        self._regions: dict[int, _Region] = {}
        self.counts: dict[int, int] = {}
        self.edits: list[Edit] = []
        """New edits; whoever applies them may take them out."""
        self.kept = 0
        self.blocked = False
        self.tally: dict[int, int] | None = None
        """Findings so far per group, shared by the texts of an answer: each is treated by those up to it.

        None for a text of a prompt: what depends on a count is decided once all of the prompt is counted.
        """

    def take(self, hits: Iterable[Hit]) -> None:
        """Work the hits in."""
        for hit in hits:
            if hit.closing:
                self._close(hit)
            elif self._rules[hit.rule].until is not None:
                self._open(hit)
            else:
                if hit.start >= self._ends.get(hit.rule, 0):
                    self._count(hit.rule)
                self._ends[hit.rule] = hit.end
                start, end = hit.value or (hit.start, hit.end)
                self._act(hit.rule, start, end)

    def _count(self, index: int) -> None:
        self.counts[index] = self.counts.get(index, 0) + 1
        if self.tally is not None and (group := self._treatments[index].group):
            self.tally[group] = self.tally.get(group, 0) + 1

    def _open(self, hit: Hit) -> None:
        region = self._regions.get(hit.rule)
        if region is not None and hit.end <= region.limit:
            return
        limit = hit.start + self._rules[hit.rule].reach
        self._count(hit.rule)
        self._regions[hit.rule] = _Region(hit.end, limit, self._act(hit.rule, hit.start, limit))

    def _close(self, hit: Hit) -> None:
        region = self._regions.get(hit.rule)
        if region is None or hit.start < region.opened:
            return
        del self._regions[hit.rule]
        if region.edit is not None and hit.end < region.edit.end:
            region.edit.end = hit.end

    def _act(self, index: int, start: int, end: int) -> Edit | None:
        treatment = self._treatments[index]
        if treatment.shadow:
            return None
        action, group = treatment.action, treatment.group
        if group:
            if self.tally is None:
                return self._edit(index, start, end, group, token=False) if treatment.possible & EDITING else None
            action = treatment.at(self.tally.get(group, 0))
        if action is Action.BLOCK:
            self.blocked = True
        return self._edit(index, start, end, 0, token=action is Action.TOKENISE) if action in EDITING else None

    def _edit(self, index: int, start: int, end: int, group: int, *, token: bool) -> Edit | None:
        if self.kept > self._bound:
            return None
        self.kept += 1
        rule = self._rules[index]
        if self.kept > self._bound:
            self.edits.append(Edit(start, ENDLESS, rule.rank, rule.replacement))
            return None
        edit = Edit(start, end, rule.rank, rule.replacement, group, token)
        self.edits.append(edit)
        return edit


def merged(edits: Iterable[Edit], length: int) -> tuple[Edit, ...]:
    """The edits with those of a group that overlap made one, under the label of the one that starts first (then: is most
    severe). Only placeholders of the very same place, or within one another, stay placeholders.
    """
    out: list[Edit] = []
    last: dict[int, Edit] = {}
    for edit in sorted(edits, key=order):
        end = min(edit.end, length)
        before = last.get(edit.group)
        if before is not None and edit.start < before.end:
            before.end = max(before.end, end)
            before.token = before.token and edit.token and not before.value and not edit.value
        else:
            last[edit.group] = made = Edit(edit.start, end, edit.rank, edit.label, edit.group, edit.token, edit.value)
            out.append(made)
    return tuple(out)


def order(edit: Edit) -> tuple[int, int, str]:
    """How edits rank for the label of what they make together."""
    return edit.start, -edit.rank, edit.label


def decided(edits: Sequence[Edit], actions: Mapping[int, Action], length: int) -> Sequence[Edit]:
    """The edits to be done, none overlapping, now that it is known what each group does (none: nothing)."""
    if not any(edit.group for edit in edits):
        return edits
    done = []
    for edit in edits:
        if not edit.group:
            done.append(edit)
        elif (action := actions.get(edit.group)) in EDITING:
            token = action is Action.TOKENISE
            done.append(Edit(edit.start, edit.end, edit.rank, edit.label, 0, token, edit.value))
    return merged(done, length)


def redact(text: str, edits: Sequence[Edit]) -> str:
    """`text` with its edits done."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += (text[at : edit.start], edit.label)
        at = edit.end
    parts.append(text[at:])
    return "".join(parts)
