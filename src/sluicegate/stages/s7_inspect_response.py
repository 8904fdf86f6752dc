"""May this answer leave? Guards inspect every event before it goes out; their verdict comes at the end."""

import asyncio

import msgspec

from sluicegate.core.decision import Decision
from sluicegate.core.dialect import restates
from sluicegate.core.exchange import Exchange
from sluicegate.core.stage import Guard, Passive
from sluicegate.dlp.account import Account
from sluicegate.dlp.chain import Chain
from sluicegate.dlp.observe import Observer
from sluicegate.dlp.outcome import NOT_RUN
from sluicegate.dlp.policy import Policy, PolicySource, UnknownPolicy
from sluicegate.dlp.restated import Restated
from sluicegate.dlp.restore import RestoreGuard
from sluicegate.dlp.stream import StreamGuard
from sluicegate.dlp.vault import Vault, owner_of
from sluicegate.dlp.whole import Reader, WholeGuard
from sluicegate.settings import Dlp


class _Laid(msgspec.Struct, frozen=True):
    """What looks at one answer."""

    account: Account | None
    """None where policy has nothing for answers."""
    not_run: Decision
    version: str
    reader: Reader | None


class InspectResponse(Passive):
    """Lays guards over the answer. Its entry among the decisions says `not_run` until the answer has been inspected."""

    name = "s7_inspect_response"

    def __init__(self, policies: PolicySource, settings: Dlp, vault: Vault) -> None:
        self._policies = policies
        self._vault = vault
        self._max_channels = settings.max_answer_channels
        self._max_held = settings.max_held_bytes
        self._laid: dict[str, _Laid] = {}

    async def admit(self, exchange: Exchange) -> Decision:
        """Admit: there is nothing to inspect yet."""
        return self._not_run(exchange)

    def guard(self, exchange: Exchange) -> Guard | None:
        """A guard that lives until the exchange is settled; None if the policy has nothing for answers, and the prompt
        held no placeholders.
        """
        policy = self._policy(exchange)
        guards, dialect = self._inspecting(exchange, policy), exchange.dialect
        if restates(dialect):
            bound = exchange.grant.use_case.system_prompt is not None
            guards = [Restated(Chain(guards), dialect, exchange.document, bound=bound)] if guards or bound else []
        if exchange.sealed_values:
            values = self._vault.open(owner_of(exchange), exchange.sealed_values)
            restoring = RestoreGuard(values, dialect, self._max_channels, self._max_held)
            if restates(dialect):
                guards.append(Restated(restoring, dialect, exchange.document, judging=False))
            else:
                guards.append(restoring)
        return guards[0] if len(guards) == 1 else Chain(guards) if guards else None

    async def settle(self, exchange: Exchange) -> None:
        """Put what the guard found in the place of what admission left, or behind it where the intent entry holds that."""
        laid = self._laid.pop(exchange.id, None)
        try:
            if laid is not None and laid.reader is not None:
                await laid.reader.settle()
        except asyncio.CancelledError:  # the client has gone, and what is known so far is recorded
            self._record(exchange, laid)
            raise
        self._record(exchange, laid)

    def _policy(self, exchange: Exchange) -> Policy:
        grant = exchange.grant
        policy = self._policies.policy(grant.use_case.guardrail, grant.organisation)
        return policy.for_(grant.team, grant.role, grant.team_name)

    def _not_run(self, exchange: Exchange) -> Decision:
        """Who did not look at an answer that there is not, or not yet."""
        if not exchange.knows("grant"):
            return NOT_RUN
        try:
            return self._policy(exchange).not_run
        except UnknownPolicy:
            return NOT_RUN

    def _inspecting(self, exchange: Exchange, policy: Policy) -> list[Guard]:
        """The guards that look, in their order: whole texts before what patterns take out of them."""
        inspection = policy.answer
        if inspection is None:
            self._laid[exchange.id] = _Laid(None, policy.not_run, policy.version, None)
            return []
        dialect, most, held = exchange.dialect, self._max_channels, self._max_held
        account = Account(inspection, policy.refuses, shadow=policy.shadow)
        reader = None
        if inspection.panel is not None:
            reader = (WholeGuard if inspection.holds else Reader)(account, dialect, most, held)
        self._laid[exchange.id] = _Laid(account, policy.not_run, policy.version, reader)
        patterns: Guard
        if inspection.acts:
            patterns = StreamGuard(inspection, dialect, most, held, account=account)
        else:
            patterns = Observer(account, dialect, most)
        return [patterns] if reader is None else [reader, patterns]

    def _record(self, exchange: Exchange, laid: _Laid | None) -> None:
        if laid is None:
            decision = self._not_run(exchange)
        else:
            decision = laid.not_run if laid.account is None else laid.account.decision()
            if laid.version != exchange.policy_version:
                # the policies were read again while the model was at work
                decision = Decision(decision.verdict, decision.reason, {**decision.detail, "policy_version": laid.version})
        for index, (stage, _) in enumerate(exchange.decisions):
            # what the intent entry already holds stays as it was: the outcome entry tells what came of it
            if stage == self.name and (exchange.intended is None or index >= exchange.intended):
                exchange.decisions[index] = (self.name, decision)
                return
        exchange.decisions.append((self.name, decision))
