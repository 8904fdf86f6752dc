"""What findings amount to: the action about each, and the decision that is recorded."""

from collections.abc import Mapping, Sequence

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.panel import Heard, patterns

Reasons = Mapping[Action, Reason]
"""The reason code of the gravest thing done, for one direction."""

PATTERNS_RAN = patterns(Heard.RAN)
PATTERNS_NOT_RUN = patterns(Heard.NOT_RUN)
NOTHING = Decision(Verdict.ALLOW, Reason.ALLOWED, {"inspection": "ran", "detectors": (PATTERNS_RAN,)})
"""Inspected by the rules alone, and nothing found."""
NOT_RUN = Decision(Verdict.ALLOW, Reason.ALLOWED, {"inspection": "not_run", "detectors": (PATTERNS_NOT_RUN,)})
"""Not inspected."""


def with_unasked(decision: Decision, unasked: tuple[str, ...]) -> Decision:
    """The decision, with the verdicts of detectors that policy did not ask; they are no reason for `inspection: not_run`."""
    if not unasked:
        return decision
    verdicts = decision.detail["detectors"]
    assert isinstance(verdicts, tuple)
    return Decision(decision.verdict, decision.reason, {**decision.detail, "detectors": (*verdicts, *unasked)})


_GRAVITY = {action: gravity for gravity, action in enumerate(Action)}
_VERDICTS = {
    Action.ALLOW: Verdict.ALLOW,
    Action.ALERT: Verdict.FLAG,
    Action.TOKENISE: Verdict.REDACT,
    Action.REDACT: Verdict.REDACT,
    Action.REROUTE: Verdict.REROUTE,
    Action.BLOCK: Verdict.DENY,
}
_WORDS = {
    Action.ALERT: "alerted",
    Action.TOKENISE: "tokenised",
    Action.REDACT: "redacted",
    Action.REROUTE: "rerouted",
    Action.BLOCK: "blocked",
}


def unscannable(decision: Decision, kinds: Sequence[str], reason: Reason, *, would_block: bool) -> Decision:
    """The decision, with the parts that could not be read: of none of them a detector can tell. `would_block`: in shadow."""
    detail: dict[str, str | int | tuple[str, ...]] = dict(decision.detail)
    verdicts = detail["detectors"]
    assert isinstance(verdicts, tuple)
    detail["detectors"] = tuple(
        [verdict.removesuffix(":ran") + ":unscannable" if verdict.endswith(":ran") else verdict for verdict in verdicts]
    )
    detail["unscannable"] = tuple(sorted(set(kinds)))
    detail["unscannable_parts"] = len(kinds)
    if would_block:
        shadow = detail.get("shadow", ())
        assert isinstance(shadow, tuple)
        detail["shadow"] = (*shadow, "block:unscannable")
    if decision.verdict is Verdict.ALLOW:
        return Decision(Verdict.FLAG, reason, detail)
    return Decision(decision.verdict, decision.reason, detail)


def totals(counts: Mapping[int, int], treatments: Sequence[Treatment]) -> dict[int, int]:
    """Findings per group, from those per rule."""
    tally: dict[int, int] = {}
    for index, count in counts.items():
        if group := treatments[index].group:
            tally[group] = tally.get(group, 0) + count
    return tally


def actions(counts: Mapping[int, int], treatments: Sequence[Treatment]) -> dict[int, Action]:
    """What the policy names, shadow or not, for each rule that found something."""
    tally = totals(counts, treatments)
    return {index: treatments[index].at(tally.get(treatments[index].group, 1)) for index in counts}


def by_group(counts: Mapping[int, int], treatments: Sequence[Treatment]) -> dict[int, Action]:
    """What is done about each group of findings that depends on their number."""
    tally = totals(counts, treatments)
    return {
        treatment.group: treatment.at(tally[treatment.group])
        for index in counts
        if (treatment := treatments[index]).group and not treatment.shadow
    }


def decide(
    ids: Sequence[str],
    treatments: Sequence[Treatment],
    counts: Mapping[int, int],
    reasons: Reasons,
    detectors: tuple[str, ...],
) -> Decision:
    """The decision that findings amount to: `counts` per index of `ids`. `detectors` has the verdict of each."""
    if not counts and detectors == (PATTERNS_RAN,):
        return NOTHING
    ran = all(verdict.endswith((":ran", ":unscannable")) for verdict in detectors)
    detail: dict[str, str | int | tuple[str, ...]] = {"inspection": "ran" if ran else "not_run", "detectors": detectors}
    done: dict[Action, list[str]] = {}
    shadow: list[str] = []
    named = actions(counts, treatments)
    for index in sorted(counts):
        detail[f"rule:{ids[index]}"] = counts[index]
        action = named[index]
        if treatments[index].shadow:
            if action is not Action.ALLOW:
                shadow.append(f"{action}:{ids[index]}")
        else:
            done.setdefault(action, []).append(ids[index])
    for action, word in _WORDS.items():
        if action in done:
            detail[word] = tuple(done[action])
    if shadow:
        detail["shadow"] = tuple(shadow)
    worst = max(done, key=_GRAVITY.__getitem__, default=Action.ALLOW)
    if shadow and worst is Action.ALLOW:
        worst = Action.ALERT
    return Decision(_VERDICTS[worst], Reason.ALLOWED if worst is Action.ALLOW else reasons[worst], detail)
