"""May this prompt leave? Everything the request says is inspected: refused, redacted or reported as the policy has it."""

from collections.abc import Sequence

from sluicegate.core.decision import Decision, Reason, Verdict, deny
from sluicegate.core.dialect import Bounds, Form, Place, Span
from sluicegate.core.exchange import Exchange
from sluicegate.core.stage import Passive
from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.findings import CLEAN, Edit
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.policy import Policies
from sluicegate.dlp.replace import replace
from sluicegate.dlp.seams import find_across
from sluicegate.settings import Server

KEY = Form.KEY
SYSTEM = Place.SYSTEM
DENY = Verdict.DENY
NOT_RUN = Decision(Verdict.ALLOW, Reason.ALLOWED, {"inspection": "not_run"})
REASONS = (Reason.PROMPT_ALERTED, Reason.PROMPT_REDACTED, Reason.PROMPT_BLOCKED)


class InspectPrompt(Passive):
    """Writes `policy_version`; may edit the document, and then says so in `edited`."""

    name = "s4_inspect_prompt"

    def __init__(self, policies: Policies, limits: Server) -> None:
        """JSON inside strings is held to the `limits` of the body."""
        self._bounds = Bounds(limits.max_json_depth, limits.max_json_values)
        self._policies = policies

    async def admit(self, exchange: Exchange) -> Decision:
        """Inspect. Raises UnknownPolicy where the use case names a policy that is not there, which refuses the exchange,
        and InvalidRequest for JSON inside a string that is beyond the bounds of the body.
        """
        use_case = exchange.grant.use_case
        policy = self._policies.policy(use_case.guardrail, exchange.grant.organisation)
        exchange.policy_version = policy.version
        reading = exchange.dialect.spans(exchange.document, self._bounds)
        own = use_case.system_prompt
        spans = [span for span in reading.spans if span.text and not (span.place is SYSTEM and span.text == own)]
        if policy.prompt is None:
            decision = NOT_RUN
        else:
            try:
                decision = _inspect(exchange, policy.prompt, spans)
            except TooManyReports:  # a control that cannot run refuses
                return deny(Reason.PROMPT_UNSCANNABLE, inspection="not_run", bound="max_candidates")
        if reading.unread and decision.verdict is not DENY:
            return _unscannable(decision, reading.unread, blocks=policy.unscannable_blocks)
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
    if edits and decision.verdict is not DENY and replace([(spans[index], edits[index]) for index in sorted(edits)]):
        exchange.edited = True
    return decision


def _unscannable(decision: Decision, unread: Sequence[str], *, blocks: bool) -> Decision:
    detail = {**decision.detail, "unscannable": tuple(sorted(set(unread))), "unscannable_parts": len(unread)}
    if blocks:
        return Decision(Verdict.DENY, Reason.PROMPT_UNSCANNABLE, detail)
    if decision.verdict is Verdict.ALLOW:
        return Decision(Verdict.FLAG, Reason.PROMPT_UNSCANNABLE, detail)
    return Decision(decision.verdict, decision.reason, detail)
