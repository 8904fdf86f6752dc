"""Grants, targets and exchanges as the stages see them, for tests."""

import re
from typing import Any, cast

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Ask, Dialect, DialectName, SystemMode
from sluicegate.core.exchange import Arrival, Exchange, Outcome
from sluicegate.core.identity import Budget, Classification, Grant, RateLimit, UseCase
from sluicegate.core.provider import Place, Target

KEY, TEAM = "k" * 32, "t" * 32


class Named:
    """As much of a dialect as limits and traces ask for."""

    def __init__(self, name: DialectName) -> None:
        self.name = name


def grant(*budgets: Budget, rate: RateLimit | None = None, key: str = KEY, system: str | None = None) -> Grant:
    """A grant of key `key`, in team TEAM."""
    use_case = UseCase(
        id="u" * 32,
        name="test",
        version=1,
        purpose="test",
        classification=Classification.INTERNAL,
        system_prompt=system,
        system_mode=SystemMode.APPEND,
        models=re.compile(".*"),
        features=frozenset(),
        tools=None,
        networks=(),
        guardrail="default",
    )
    return Grant(
        key_id=key,
        key_name="test",
        organisation="o" * 32,
        team=TEAM,
        principal="user:test",
        use_case=use_case,
        rate=rate or RateLimit(),
        budgets=budgets,
        expires_at=None,
    )


def target(deployment: str = "a", upstream_model: str = "m", max_output_tokens: int = 1_000) -> Target:
    """A deployment in the cloud."""
    return Target(
        deployment=deployment,
        model="m",
        upstream_model=upstream_model,
        provider="p",
        kind="scripted",
        dialects=(DialectName.OPENAI_CHAT,),
        base_url="http://127.0.0.1",
        credential=None,
        headers={},
        place=Place.CLOUD,
        region="",
        order=0,
        weight=1,
        max_output_tokens=max_output_tokens,
        circuit=deployment,
    )


def admitted(
    granted: Grant,
    ask: Ask | None = None,
    *,
    body: bytes = b"x" * 300,
    document: dict[str, Any] | None = None,
    dialect: DialectName = DialectName.OPENAI_CHAT,
) -> Exchange:
    """An exchange that has passed authentication and scope."""
    arrival = Arrival("/v1/chat/completions", "127.0.0.1", {}, body)
    exchange = Exchange("e" * 32, cast(Dialect, Named(dialect)), arrival)
    exchange.grant = granted
    exchange.ask = ask or Ask("m", False, 100)
    exchange.document = document or {}
    return exchange


def end(exchange: Exchange, outcome: Outcome = Outcome.ANSWERED, reason: Reason = Reason.ALLOWED) -> None:
    """Write what the pipeline writes when an exchange is over."""
    exchange.outcome, exchange.reason = outcome, reason
