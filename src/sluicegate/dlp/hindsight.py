"""What was done about recorded findings, and what a policy would do about the same ones.

A trace holds no text, only how often each rule found something. So a rule that was not looked for then cannot be told.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sluicegate.core.decision import Decision, Verdict
from sluicegate.dlp.findings import Action
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.outcome import actions

RULE = "rule:"
_DONE = (
    (Action.BLOCK, "blocked"),
    (Action.REROUTE, "rerouted"),
    (Action.REDACT, "redacted"),
    (Action.TOKENISE, "tokenised"),
    (Action.ALERT, "alerted"),
)
"""The words of a decision's detail, the gravest first."""


class Recorded(msgspec.Struct, frozen=True):
    """What one stage decided about one exchange, as a trace holds it."""

    stage: str
    verdict: str
    reason: str
    detail: Mapping[str, Any]

    @property
    def counts(self) -> dict[str, int]:
        """Findings per rule."""
        return {
            name.removeprefix(RULE): count
            for name, count in self.detail.items()
            if name.startswith(RULE) and isinstance(count, int)
        }

    @property
    def done(self) -> Action:
        """The gravest thing that was done."""
        return _gravest(self.verdict, self.detail)

    @property
    def shadow(self) -> Action:
        """The gravest thing that was only recorded as what would be done."""
        return gravest_shadow(self.detail)


class Outlook(msgspec.Struct, frozen=True):
    """What a policy does: the gravest thing done, and the gravest that it would do were it not in shadow."""

    done: Action
    shadow: Action
    rules: tuple[str, ...]
    """Those that have a say in it."""


def recorded(detail: Mapping[str, Any]) -> Iterator[Recorded]:
    """The decisions in the detail of a trace."""
    for decision in detail.get("decisions", ()):
        yield Recorded(*decision)


def done(decision: Decision) -> Action:
    """The gravest thing that a decision does."""
    return _gravest(decision.verdict, decision.detail)


def gravest_shadow(detail: Mapping[str, Any]) -> Action:
    """The gravest thing that a decision's detail says would be done."""
    named = [Action(each.partition(":")[0]) for each in detail.get("shadow", ())]
    return max(named, key=gravity, default=Action.ALLOW)


def outlook(inspection: Inspection | None, counts: Mapping[str, int]) -> Outlook:
    """What is done about findings counted so; None looks for nothing."""
    if inspection is None:
        return Outlook(Action.ALLOW, Action.ALLOW, ())
    known = {inspection.index[id]: count for id, count in counts.items() if id in inspection.index}
    acts, shadows = [Action.ALLOW], [Action.ALLOW]
    for index, action in actions(known, inspection.treatments).items():
        (shadows if inspection.treatments[index].shadow else acts).append(action)
    rules = tuple(inspection.ids[index] for index in known)
    return Outlook(max(acts, key=gravity), max(shadows, key=gravity), rules)


def _gravest(verdict: str, detail: Mapping[str, Any]) -> Action:
    if verdict == Verdict.DENY:
        return Action.BLOCK
    return next((action for action, word in _DONE if detail.get(word)), Action.ALLOW)


def gravity(action: Action) -> int:
    """How grave an action is, as a number."""
    return list(Action).index(action)
