"""From matches to what is done: counts per rule, and the places to redact. The same for a whole text and for a stream."""

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
    REDACT = "redact"
    BLOCK = "block"


class Edit(msgspec.Struct, gc=False):
    """A place to redact: text[start:end] gives way to `label`. `end` may shrink while a region is open."""

    start: int
    end: int
    rank: int
    label: str


class Found(msgspec.Struct, frozen=True):
    """What was found in one text: how often per rule index, whether any of it blocks, and the edits, none overlapping."""

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

    __slots__ = ("_actions", "_bound", "_ends", "_regions", "_rules", "blocked", "counts", "edits", "kept")

    def __init__(self, rules: Sequence[Rule], actions: Sequence[Action], bound: int) -> None:
        self._rules = rules
        self._actions = actions
        self._bound = bound
        self._ends: dict[int, int] = {}
        self._regions: dict[int, _Region] = {}
        self.counts: dict[int, int] = {}
        self.edits: list[Edit] = []
        """New edits; whoever applies them may take them out."""
        self.kept = 0
        self.blocked = False

    def take(self, hits: Iterable[Hit]) -> None:
        """Work the hits in."""
        for hit in hits:
            if hit.closing:
                self._close(hit)
            elif self._rules[hit.rule].until is not None:
                self._open(hit)
            else:
                if hit.start >= self._ends.get(hit.rule, 0):
                    self.counts[hit.rule] = self.counts.get(hit.rule, 0) + 1
                self._ends[hit.rule] = hit.end
                self._act(hit.rule, hit.start, hit.end)

    def _open(self, hit: Hit) -> None:
        region = self._regions.get(hit.rule)
        if region is not None and hit.end <= region.limit:
            return
        limit = hit.start + self._rules[hit.rule].reach
        self.counts[hit.rule] = self.counts.get(hit.rule, 0) + 1
        self._regions[hit.rule] = _Region(hit.end, limit, self._act(hit.rule, hit.start, limit))

    def _close(self, hit: Hit) -> None:
        region = self._regions.get(hit.rule)
        if region is None or hit.start < region.opened:
            return
        del self._regions[hit.rule]
        if region.edit is not None and hit.end < region.edit.end:
            region.edit.end = hit.end

    def _act(self, index: int, start: int, end: int) -> Edit | None:
        action = self._actions[index]
        if action is Action.BLOCK:
            self.blocked = True
        if action is not Action.REDACT or self.kept > self._bound:
            return None
        self.kept += 1
        rule = self._rules[index]
        if self.kept > self._bound:
            self.edits.append(Edit(start, ENDLESS, rule.rank, rule.replacement))
            return None
        edit = Edit(start, end, rule.rank, rule.replacement)
        self.edits.append(edit)
        return edit


def merged(edits: Iterable[Edit], length: int) -> tuple[Edit, ...]:
    """The edits with those that overlap made one, under the label of the one that starts first (then: is most severe)."""
    out: list[Edit] = []
    for edit in sorted(edits, key=order):
        end = min(edit.end, length)
        if out and edit.start < out[-1].end:
            out[-1].end = max(out[-1].end, end)
        else:
            out.append(Edit(edit.start, end, edit.rank, edit.label))
    return tuple(out)


def order(edit: Edit) -> tuple[int, int, str]:
    """How edits rank for the label of what they make together."""
    return edit.start, -edit.rank, edit.label


def redact(text: str, edits: Sequence[Edit]) -> str:
    """`text` with its edits done."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += (text[at : edit.start], edit.label)
        at = edit.end
    parts.append(text[at:])
    return "".join(parts)
