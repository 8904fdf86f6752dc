"""Who calls and for what: everything a virtual key implies, compiled when the key is loaded."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

import msgspec

from sluicegate.core.dialect import Feature, SystemMode


class Classification(StrEnum):
    """How sensitive a use case's data is; `routing/rules.py` says which places each may reach."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    SENSITIVE = "sensitive"


class Period(StrEnum):
    """Over what time a budget counts, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class OverBudget(StrEnum):
    """What becomes of a request that a budget does not cover."""

    REFUSE = "refuse"
    ON_PREM = "on_prem"
    """It goes to deployments on the premises, as far as the budget covers those."""


class CacheMode(StrEnum):
    """Which earlier answers of a use case may be given again."""

    OFF = "off"
    EXACT = "exact"
    """Those to the same document."""
    SEMANTIC = "semantic"
    """Those as well to a document whose last text, the user's, means the same, and whose rest is the same."""


class Caching(msgspec.Struct, frozen=True):
    """How answers of a use case are kept to be given again."""

    mode: CacheMode
    """Never `off`: a use case without a cache has no Caching."""
    ttl_seconds: int
    """How long an answer may be given again after it was made."""
    threshold: float = 1.0
    """How alike two texts are that mean the same: the cosine of their vectors, at least; `semantic` alone asks."""


class Budget(msgspec.Struct, frozen=True):
    """A bound on what a scope may spend in a period; None does not bound that unit."""

    scope: str
    """`key:<id>` or `team:<id>`."""
    period: Period
    usd: Decimal | None
    tokens: int | None


class RateLimit(msgspec.Struct, frozen=True):
    """Bounds per virtual key; None does not bound."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None


class UseCase(msgspec.Struct, frozen=True, kw_only=True):
    """The approved binding of a key, at one version."""

    id: str
    name: str
    version: int
    purpose: str
    classification: Classification
    system_prompt: str | None
    system_mode: SystemMode
    models: re.Pattern[str]
    """Full match of the names that may be asked for."""
    names: tuple[str, ...] = ()
    """Those of the names that hold no wildcard."""
    wildcards: tuple[str, ...] = ()
    """The others."""
    features: frozenset[Feature]
    tools: re.Pattern[str] | None
    """Full match of the tool names that may be declared; None allows each once TOOLS is allowed."""
    networks: Sequence[IPv4Network | IPv6Network]
    """Where calls may come from; empty allows anywhere."""
    guardrail: str
    """The name of the guardrail policy that inspects prompt and answer."""
    regions: tuple[str, ...] = ()
    """Regions, or patterns of them, in which its data may be processed; none permits every one."""
    aliases: Mapping[str, str] = {}
    """What the use case calls a model, to the model's name."""
    over_budget: OverBudget = OverBudget.REFUSE
    cache: Caching | None = None
    """None where no answer is kept; so for sensitive data, whatever was asked for."""
    active: bool = True
    """Whether it may be used at all; its keys are kept, and refused, while it may not."""
    own_credentials: bool = False
    """Whether a client may show its provider a credential of its own, beside the key that names it here."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A loaded virtual key. Valid while not revoked and before `expires_at`."""

    key_id: str
    key_name: str
    organisation: str
    team: str
    team_name: str = ""
    principal: str
    """The user or service account the key is bound to, `user:<name or id>` or `service_account:<name>`."""
    role: str = ""
    """The role of that user, or `service_account`; empty for a user nobody knows."""
    use_case: UseCase
    rate: RateLimit
    budgets: tuple[Budget, ...]
    expires_at: float | None
    """Seconds since the epoch."""
