"""May this prompt leave? Everything the request says is inspected: refused, redacted or reported as the policy has it."""

from collections.abc import Sequence

from sluicegate.core.decision import Decision, Detail, Reason, Verdict
from sluicegate.core.dialect import Bounds, Form, Place, Span
from sluicegate.core.exchange import Exchange
from sluicegate.core.stage import Passive
from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.documents import Documents, fixed
from sluicegate.dlp.findings import CLEAN, Action, Edit, decided
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.outcome import NOT_RUN, by_group
from sluicegate.dlp.policy import Policy, PolicySource
from sluicegate.dlp.replace import replace
from sluicegate.dlp.seams import find_across
from sluicegate.settings import Server

KEY = Form.KEY
SYSTEM = Place.SYSTEM
DENY = Verdict.DENY
FLAG = Verdict.FLAG
TOO_MANY: Detail = {"inspection": "not_run", "detectors": NOT_RUN.detail["detectors"], "bound": "max_candidates"}
REASONS = {
    Action.ALERT: Reason.PROMPT_ALERTED,
    Action.TOKENISE: Reason.PROMPT_TOKENISED,
    Action.REDACT: Reason.PROMPT_REDACTED,
    Action.REROUTE: Reason.PROMPT_REROUTED,
    Action.BLOCK: Reason.PROMPT_BLOCKED,
}


class InspectPrompt(Passive):
    """Writes `policy_version`; may edit the document, and then says so in `edited`."""

    name = "s4_inspect_prompt"

    def __init__(self, policies: PolicySource, limits: Server, documents: Documents) -> None:
        """JSON inside strings is held to the `limits` of the body; `documents` reads files."""
        self._bounds = Bounds(limits.max_json_depth, limits.max_json_values)
        self._policies = policies
        self._documents = documents

    async def admit(self, exchange: Exchange) -> Decision:
        """Inspect. Raises UnknownPolicy where the use case names a policy that is not there, which refuses the exchange,
        and InvalidRequest for JSON inside a string that is beyond the bounds of the body.
        """
        grant = exchange.grant
        use_case = grant.use_case
        policy = self._policies.policy(use_case.guardrail, grant.organisation)
        policy = policy.for_(grant.team, grant.role, grant.team_name)
        exchange.policy_version = policy.version
        reading = exchange.dialect.spans(exchange.document, self._bounds)
        if reading.files:
            await self._documents.complete(reading)
        own = use_case.system_prompt
        spans = [span for span in reading.spans if span.text and not (span.place is SYSTEM and span.text == own)]
        if policy.prompt is None:
            decision = NOT_RUN
        else:
            try:
                decision = _inspect(exchange, policy.prompt, spans)
            except TooManyReports:  # a control that cannot run refuses
                decision = Decision(FLAG if policy.shadow else DENY, Reason.PROMPT_UNSCANNABLE, TOO_MANY)
        if reading.unread and decision.verdict is not DENY:
            decision = _unscannable(decision, reading.unread, policy)
        return decision


def _inspect(exchange: Exchange, inspection: Inspection, spans: Sequence[Span]) -> Decision:
    work = inspection.work()
    # what a value is called says what it is: `aws_secret_access_key`
    texts = [(key if type(key := span.key) is str and span.form is not KEY else "", span.text) for span in spans]
    counts: dict[int, int] = {}
    edits: dict[int, Sequence[Edit]] = {}
    for index, each in enumerate(inspection.find(texts, work)):
        if each is CLEAN:
            continue
        for rule, count in each.counts.items():
            counts[rule] = counts.get(rule, 0) + count
        if each.edits:
            edits[index] = each.edits
    find_across(inspection, spans, counts, edits, work)
    decision = inspection.decide(counts, REASONS)
    if decision.verdict is DENY:
        return decision
    if edits:
        groups = by_group(counts, inspection.treatments)
        final = {index: decided(edits[index], groups, len(spans[index].text)) for index in sorted(edits)}
        if kinds := fixed(spans, [index for index, each in final.items() if each]):
            return Decision(DENY, Reason.PROMPT_BLOCKED, {**decision.detail, "in": kinds})
        if replace([(spans[index], each) for index, each in final.items()]):
            exchange.edited = True
    if "rerouted" in decision.detail:
        exchange.on_prem_only = True
    return decision


def _unscannable(decision: Decision, unread: Sequence[str], policy: Policy) -> Decision:
    detail = {**decision.detail, "unscannable": tuple(sorted(set(unread))), "unscannable_parts": len(unread)}
    if any(map(policy.refuses, unread)):
        if not policy.shadow:
            return Decision(DENY, Reason.PROMPT_UNSCANNABLE, detail)
        detail["shadow"] = (*decision.detail.get("shadow", ()), "block:unscannable")  # type: ignore[misc]  # a tuple of names
    if decision.verdict is Verdict.ALLOW:
        return Decision(FLAG, Reason.PROMPT_UNSCANNABLE, detail)
    return Decision(decision.verdict, decision.reason, detail)
