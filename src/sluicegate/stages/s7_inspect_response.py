"""May this answer leave? A guard inspects every event before it goes out; its verdict comes at the end."""

from sluicegate.core.decision import Decision
from sluicegate.core.exchange import Exchange
from sluicegate.core.stage import Guard, Passive
from sluicegate.dlp.outcome import NOT_RUN
from sluicegate.dlp.policy import PolicySource
from sluicegate.dlp.stream import StreamGuard
from sluicegate.settings import Dlp


class InspectResponse(Passive):
    """Lays a guard over the answer. Its entry among the decisions says `not_run` until the answer has been inspected."""

    name = "s7_inspect_response"

    def __init__(self, policies: PolicySource, settings: Dlp) -> None:
        self._policies = policies
        self._max_channels = settings.max_answer_channels
        self._max_held = settings.max_held_bytes
        self._guards: dict[str, tuple[StreamGuard, str]] = {}

    async def admit(self, exchange: Exchange) -> Decision:  # noqa: ARG002  the protocol's
        """Admit: there is nothing to inspect yet."""
        return NOT_RUN

    def guard(self, exchange: Exchange) -> Guard | None:
        """A guard that lives until the exchange is settled; None if the policy has nothing for answers."""
        grant = exchange.grant
        policy = self._policies.policy(grant.use_case.guardrail, grant.organisation)
        policy = policy.for_(grant.team, grant.role, grant.team_name)
        if policy.answer is None:
            return None
        guard = StreamGuard(
            policy.answer,
            exchange.dialect,
            self._max_channels,
            self._max_held,
            refuses=policy.refuses,
        )
        self._guards[exchange.id] = guard, policy.version
        return guard

    async def settle(self, exchange: Exchange) -> None:
        """Put what the guard found in the place of what admission left, or behind it where the intent entry holds that."""
        decision = NOT_RUN
        if laid := self._guards.pop(exchange.id, None):
            guard, version = laid
            if guard.ran:
                decision = guard.decision()
            if version != exchange.policy_version:
                # the policies were read again while the model was at work
                decision = Decision(decision.verdict, decision.reason, {**decision.detail, "policy_version": version})
        for index, (stage, _) in enumerate(exchange.decisions):
            # what the intent entry already holds stays as it was: the outcome entry tells what came of it
            if stage == self.name and (exchange.intended is None or index >= exchange.intended):
                exchange.decisions[index] = (self.name, decision)
                return
        exchange.decisions.append((self.name, decision))
