"""What policies would have done: over recorded exchanges by their counts of findings, over texts by inspecting them."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, RowMapping, select

from sluicegate.cli.policy_bench import Bench
from sluicegate.cli.policy_texts import Row
from sluicegate.dlp.findings import Action
from sluicegate.dlp.hindsight import Recorded, done, gravest_shadow, gravity, outlook, recorded
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.policy import Edition, Policy, UnknownPolicy
from sluicegate.identity.keyring import role_of
from sluicegate.store import tables

UNITS = {"m": 60, "h": 3_600, "d": 86_400}
INSPECTING = {"s4_inspect_prompt": "prompt", "s7_inspect_response": "answer"}
BATCH = 1_000
"""Traces that are held at once."""
MOST_NAMED = 20
"""Rules that a note names."""


def seconds(text: str) -> float:
    """How long `7d` is. Raises ValueError."""
    number = float(text[:-1])
    if not 0 < number < 1e6 or text[-1] not in UNITS:
        raise ValueError(text)
    return number * UNITS[text[-1]]


class Comparison:
    """Actions as they were and as they would be, counted."""

    def __init__(self, unit: str, before: str) -> None:
        self.unit = unit
        self.before = before
        self.what = ""
        """One sentence: what was looked at."""
        self.notes: list[str] = []
        self.shadow: Counter[Action] = Counter()
        """The gravest action that would be only recorded, where one would be."""
        self._pairs: Counter[tuple[Action, Action]] = Counter()
        self._rules: dict[str, Counter[tuple[Action, Action]]] = {}

    def count(self, was: Action, would: Action, rules: Iterable[str] = (), shadow: Action = Action.ALLOW) -> None:
        """Count one, in which these rules found something."""
        self._pairs[was, would] += 1
        if shadow is not Action.ALLOW:
            self.shadow[shadow] += 1
        for rule in rules:
            self._rules.setdefault(rule, Counter())[was, would] += 1

    def totals(self) -> Iterator[tuple[str, int, int]]:
        """Per action, the gravest first: how often it was the gravest, and would be."""
        for action in reversed(Action):
            was = sum(count for (before, _), count in self._pairs.items() if before is action)
            would = sum(count for (_, after), count in self._pairs.items() if after is action)
            if was or would:
                yield action.value, was, would

    def moved(self) -> Iterator[tuple[str, str, int]]:
        """What would be done otherwise, the most frequent first."""
        for (was, would), count in self._pairs.most_common():
            if was is not would:
                yield was.value, would.value, count

    def by_rule(self) -> Iterator[tuple[str, int, tuple[str, str]]]:
        """Per rule that found something, in how many, and what was and would be done about those."""
        for rule, pairs in sorted(self._rules.items()):
            was, would = Counter[Action](), Counter[Action]()
            for (before, after), count in pairs.items():
                was[before] += count
                would[after] += count
            yield rule, sum(pairs.values()), (numbers(was), numbers(would))

    def said(self) -> Mapping[str, Any]:
        """The same for machines."""
        return {
            "what": self.what,
            "unit": self.unit,
            "totals": {action: {"was": was, "would_be": would} for action, was, would in self.totals()},
            "changes": [{"was": was, "would_be": would, "count": count} for was, would, count in self.moved()],
            "rules": {rule: {"count": count, "was": was, "would_be": be} for rule, count, (was, be) in self.by_rule()},
            "shadow": {action.value: count for action, count in self.shadow.items()},
            "notes": self.notes,
        }


def replayed(bench: Bench, rows: Iterable[Row], now: Edition, new: Edition, policy: str) -> Comparison:
    """Inspect every row with what is in force and with what is compared to it."""
    comparison = Comparison("rows", "in force")
    number = 0
    for row in rows:
        number += 1
        after = bench.judge(new, replace(row, policy=policy or row.policy))
        before = after if now is new and not policy else bench.judge(now, row)
        rules = {each.rule for result in (before, after) for each in result.findings}
        comparison.count(done(before.decision), done(after.decision), rules, gravest_shadow(after.decision.detail))
    comparison.what = f"{number} rows, each inspected anew."
    return comparison


def past(connection: Connection, span: float, now: Edition, new: Edition, policy: str) -> Comparison:
    """Recompute what would be done about the findings recorded in the last `span` seconds."""
    comparison = Comparison("exchanges", "was")
    names = _Names(connection)
    looked: set[tuple[str | None, str, str]] = set()
    exchanges = found = refused = unknown = 0
    for trace in _traces(connection, span):
        exchanges += 1
        decisions = [each for each in recorded(trace["detail"]) if each.stage in INSPECTING]
        use_case = names.use_case(trace["use_case_id"])
        if use_case is None:
            refused += 1  # before anybody knew whose it was, and so before it was inspected
            continue
        name = policy or use_case["guardrail"]
        looked.add((trace["organisation_id"], use_case["guardrail"], name))
        if not decisions:
            comparison.count(Action.ALLOW, Action.ALLOW)
            continue
        try:
            would = new.policy(name, trace["organisation_id"])
        except UnknownPolicy:
            unknown += 1
            continue
        found += 1
        role = names.role(trace["principal"], trace["organisation_id"])
        would = would.for_(trace["team_id"] or "", role, names.team(trace["team_id"]))
        _count(comparison, decisions, would)
    comparison.what = (
        f"{exchanges} exchanges since then; what would be done was recomputed for {found}, from the findings recorded. "
        f"{refused} were refused before inspection."
    )
    comparison.notes += _notes(looked, now, new, unknown)
    return comparison


def _count(comparison: Comparison, decisions: Iterable[Recorded], policy: Policy) -> None:
    was = would = shadow = Action.ALLOW
    rules: set[str] = set()
    for decision in decisions:
        prompt = INSPECTING[decision.stage] == "prompt"
        counts = decision.counts
        again = outlook(policy.prompt if prompt else policy.answer, counts)
        # without findings it was decided for another cause, which holds under any policy as far as a trace tells
        would = max(would, again.done if counts else decision.done, key=gravity)
        was, shadow = max(was, decision.done, key=gravity), max(shadow, again.shadow, key=gravity)
        rules |= counts.keys()
    comparison.count(was, would, rules, shadow)


def _notes(looked: Iterable[tuple[str | None, str, str]], now: Edition, new: Edition, unknown: int) -> Iterator[str]:
    yield (
        "A trace keeps no text, only how often each rule found something. What a rule would find that was not looked for "
        "then cannot be told, nor the answer to a prompt that was blocked; --jsonl tells both for texts that you have."
    )
    fresh: set[str] = set()
    for organisation, then, later in looked:
        try:
            before, after = now.policy(then, organisation), new.policy(later, organisation)
        except UnknownPolicy:
            continue
        for old, one in ((before.prompt, after.prompt), (before.answer, after.answer)):
            fresh |= _ids(one) - _ids(old)
    if fresh:
        named = ", ".join(sorted(fresh)[:MOST_NAMED]) + (", …" if len(fresh) > MOST_NAMED else "")
        yield f"{len(fresh)} rules are not looked for by what is in force now, so nothing is known of them: {named}"
    if unknown:
        yield f"{unknown} exchanges name a policy that there is not any more, or not in this file; they are left out."


def _ids(inspection: Inspection | None) -> set[str]:
    return set() if inspection is None else set(inspection.ids)


def numbers(counts: Mapping[Action, int]) -> str:
    """`block 2, redact 1`."""
    return ", ".join(f"{action} {counts[action]}" for action in reversed(Action) if counts.get(action))


def _traces(connection: Connection, span: float) -> Iterator[RowMapping]:
    trace = tables.trace
    columns = (trace.c.organisation_id, trace.c.team_id, trace.c.use_case_id, trace.c.principal, trace.c.detail)
    query = select(*columns).where(trace.c.at_ns >= int((time.time() - span) * 1e9))
    yield from connection.execution_options(yield_per=BATCH).execute(query).mappings()


class _Names:
    """What ids in traces stand for now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._roles: dict[tuple[str, str], str] = {}
        case, team = tables.use_case, tables.team
        self._use_cases = {row["id"]: row for row in connection.execute(select(case.c.id, case.c.guardrail)).mappings()}
        self._teams = {row["id"]: row["name"] for row in connection.execute(select(team.c.id, team.c.name)).mappings()}

    def use_case(self, id: str | None) -> RowMapping | None:
        """A use case's guardrail; None where it is not known."""
        return None if id is None else self._use_cases.get(id)

    def team(self, id: str | None) -> str:
        """A team's name."""
        return "" if id is None else self._teams.get(id, "")

    def role(self, principal: str | None, organisation: str | None) -> str:
        """The role that a principal has now."""
        key = principal or "", organisation or ""
        if key not in self._roles:
            self._roles[key] = role_of(self._connection, *key)
        return self._roles[key]
