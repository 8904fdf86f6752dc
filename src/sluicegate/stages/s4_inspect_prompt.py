"""May this prompt leave? Everything the request says is inspected, and dealt with as the policy has it."""

from collections.abc import Sequence

from sluicegate.core.decision import Decision, Detail, Reason, Verdict
from sluicegate.core.dialect import Bounds, Place, Span
from sluicegate.core.exchange import Exchange
from sluicegate.core.stage import Passive
from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.documents import Documents, fixed
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.outcome import unscannable
from sluicegate.dlp.policy import Policy, PolicySource
from sluicegate.dlp.prompt import Judgement, edit, judge
from sluicegate.dlp.vault import Placeholders, Vault, owner_of
from sluicegate.settings import Server

SYSTEM = Place.SYSTEM
DENY = Verdict.DENY
FLAG = Verdict.FLAG


class InspectPrompt(Passive):
    """Writes `policy_version`; may edit the document, and then says so in `edited`; may confine it to `on_prem_only`."""

    name = "s4_inspect_prompt"

    def __init__(
        self, policies: PolicySource, limits: Server, documents: Documents, vault: Vault, max_placeholders: int
    ) -> None:
        """JSON inside strings is held to the `limits` of the body; tokenised values go to the `vault`."""
        self._bounds = Bounds(limits.max_json_depth, limits.max_json_values)
        self._policies = policies
        self._documents = documents
        self._vault = vault
        self._max_placeholders = max_placeholders

    async def admit(self, exchange: Exchange) -> Decision:
        """Inspect. Raises UnknownPolicy where the use case names a policy that is not there, which refuses the exchange,
        and InvalidRequest for JSON inside a string that is beyond the bounds of the body, or a session with no name.
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
        inspection = policy.prompt
        if inspection is None:
            decision = policy.not_run
        else:
            try:
                judged = await judge(inspection, spans)
            except TooManyReports:  # a control that cannot run refuses
                detail: Detail = {**inspection.not_run.detail, "bound": "max_candidates"}
                decision = Decision(FLAG if policy.shadow else DENY, Reason.PROMPT_UNSCANNABLE, detail)
            else:
                decision = self._act(exchange, inspection, spans, judged)
        if reading.unread and decision.verdict is not DENY:
            decision = _unscannable(decision, reading.unread, policy)
        return decision

    def _act(self, exchange: Exchange, inspection: Inspection, spans: Sequence[Span], judged: Judgement) -> Decision:
        """Do to the exchange what was decided."""
        decision = judged.decision
        if judged.failed and decision.verdict is not DENY:
            return Decision(DENY, Reason.CONTROL_FAILED, decision.detail)
        if decision.verdict is DENY:
            return decision
        if kinds := fixed(spans, [index for index, each in judged.edits.items() if each]):
            return Decision(DENY, Reason.PROMPT_BLOCKED, {**decision.detail, "in": kinds})
        if "rerouted" in decision.detail:
            exchange.on_prem_only = True
        if inspection.tokenises:
            self._tokenise(exchange, spans, judged)
        elif judged.edits and edit(spans, judged.edits, None):
            exchange.edited = True
        return decision

    def _tokenise(self, exchange: Exchange, spans: Sequence[Span], judged: Judgement) -> None:
        owner = owner_of(exchange)
        known = self._vault.recall(owner) if owner.named else {}
        placeholders = Placeholders(self._max_placeholders, known)
        placeholders.avoid([exchange.grant.use_case.system_prompt or "", *(span.text for span in spans)])
        if judged.edits and edit(spans, judged.edits, placeholders):
            exchange.edited = True
        if placeholders.values:
            exchange.sealed_values = self._vault.seal(owner, placeholders.values)
        if owner.named and (placeholders.values or known):  # also that none is left
            self._vault.keep(owner, exchange.sealed_values or self._vault.seal(owner, {}))


def _unscannable(decision: Decision, unread: Sequence[str], policy: Policy) -> Decision:
    refused = any(map(policy.refuses, unread))
    told = unscannable(decision, unread, Reason.PROMPT_UNSCANNABLE, would_block=refused and policy.shadow)
    return Decision(DENY, Reason.PROMPT_UNSCANNABLE, told.detail) if refused and not policy.shadow else told
