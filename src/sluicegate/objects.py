"""What the settings may declare: organisations, teams, use cases, keys, providers, deployments; and how values look."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sluicegate.core.dialect import ANSWERED_HERE, DialectName, Feature, SystemMode
from sluicegate.core.identity import CacheMode, Classification, OverBudget, Period
from sluicegate.core.provider import AuthKind, ClientHeader, Place, Quirk

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]
Bytes = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@*-]{0,127}$")]
"""What people call an object: letters, digits and `. _ : / @ * -`, at most 128."""
Wildcard = Annotated[str, Field(pattern=r"^[A-Za-z0-9*][A-Za-z0-9._:/@*-]{0,127}$")]
"""A name, or a wildcard such as `claude-*` or `*`."""


Region = Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")]
PATH = r"^/[A-Za-z0-9_.~!$&'()*+,;=:@%/{}?-]{0,512}$"
QueryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
QueryValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{0,128}$")]


class Section(BaseModel):
    """A group of settings; an unknown name in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


OWN_AND_PROMPT = (
    "own_credentials and system_prompt exclude each other: a client with its own credential sends requests that its "
    "provider may check as a whole, and a prompt put in front would change them"
)
"""Why a use case cannot have both."""


class BudgetSpec(Section):
    """A bound on spending; at least one of `usd` and `tokens`."""

    period: Period
    usd: Annotated[Decimal, Field(gt=0)] | None = None
    tokens: Count | None = None


class RateSpec(Section):
    """Bounds per virtual key, or per deployment."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent: Count | None = None


class OrganisationSpec(Section):
    """A tenant."""

    name: Name


class TeamSpec(Section):
    """A team of an organisation."""

    organisation: Name
    name: Name
    budgets: tuple[BudgetSpec, ...] = ()


class CacheSpec(Section):
    """Which answers of a use case are kept to be given again; none of one that is `sensitive`."""

    mode: CacheMode = CacheMode.OFF
    """`off`; `exact`: those to the same document; `semantic`: also where only the user's last text differs, and means the
    same."""
    ttl_seconds: Annotated[int, Field(gt=0, le=2_592_000)] = 3_600
    """How long an answer may be given again."""
    threshold: Annotated[float, Field(ge=0.5, le=1)] = 0.95
    """How alike two texts are that mean the same: the cosine of their vectors, at least."""


class UseCaseSpec(Section):
    """The approved binding that a virtual key carries."""

    organisation: Name
    team: Name
    name: Name
    purpose: Annotated[str, Field(min_length=1, max_length=2_000)]
    classification: Classification = Classification.INTERNAL
    system_prompt: Annotated[str, Field(max_length=100_000)] | None = None
    system_mode: SystemMode = SystemMode.APPEND
    models: tuple[Wildcard, ...] = ()
    """Names or wildcards (`claude-*`) that may be asked for; none allows nothing."""
    features: frozenset[Feature] = frozenset()
    tools: tuple[Wildcard, ...] = ("*",)
    networks: tuple[str, ...] = ()
    guardrail: Name = "default"
    regions: tuple[Wildcard, ...] = ()
    """Regions, or wildcards (`eu-*`), in which its data may be processed; none permits every one."""
    aliases: dict[Name, Name] = {}
    """What this use case calls a model, to the name of the model, which must be allowed."""
    over_budget: OverBudget = OverBudget.REFUSE
    """What becomes of a request that a budget in money or tokens does not cover: `refuse`, or `on_prem`."""
    cache: CacheSpec = CacheSpec()
    """Whether answers are kept to be given again."""
    rate: RateSpec = RateSpec()
    active: bool = True
    own_credentials: bool = False

    @model_validator(mode="after")
    def _compatible(self) -> Self:
        if self.own_credentials and self.system_prompt is not None:
            raise ValueError(OWN_AND_PROMPT)
        return self

    @field_validator("networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        from ipaddress import ip_network

        for network in networks:
            ip_network(network)
        return networks


class KeySpec(Section):
    """A virtual key. In a file it is declared by its SHA-256, in hexadecimal: the key itself is nowhere."""

    use_case: Name
    organisation: Name
    name: Name
    principal: Annotated[str, Field(pattern=r"^(user|service_account):[^\s]{1,128}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rate: RateSpec = RateSpec()
    budgets: tuple[BudgetSpec, ...] = ()
    expires_at: str | None = None
    """RFC 3339."""


class PriceSpec(Section):
    """USD per million tokens; overrides the price list. What is not given is priced as its whole (`input`, `output`)."""

    input: Annotated[Decimal, Field(ge=0)]
    output: Annotated[Decimal, Field(ge=0)]
    cached: Annotated[Decimal, Field(ge=0)] | None = None
    cache_write: Annotated[Decimal, Field(ge=0)] | None = None
    image: Annotated[Decimal, Field(ge=0)] | None = None
    """USD for each image that is made."""
    characters: Annotated[Decimal, Field(ge=0)] | None = None
    """USD per million characters that are spoken."""
    minute: Annotated[Decimal, Field(ge=0)] | None = None
    """USD per minute of sound that is written down."""


class AuthSpec(Section):
    """How a provider knows the gateway: a header, or a token or signature made from the credential."""

    kind: AuthKind = AuthKind.HEADER
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,32}$")] = ""
    authority: Annotated[str, Field(pattern=r"^https?://[^\s?#]{1,256}$")] = "https://login.microsoftonline.com"
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{0,128}$")] = ""
    client: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,128}$")] = ""
    scope: Annotated[str, Field(pattern=r"^[!-~]{0,256}$")] = ""
    federated: bool = False
    service: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,32}$")] = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind is AuthKind.ENTRA and not (self.tenant and self.client and self.scope):
            raise ValueError("an Entra token needs tenant, client and scope")
        if self.kind is AuthKind.AWS and not self.service:
            raise ValueError("a signature needs a service")
        if self.kind is AuthKind.GOOGLE and not self.scope:
            raise ValueError("a Google token needs a scope")
        return self


class PathSpec(Section):
    """Where a dialect is called, behind the base URL; `{model}` stands for the model's name."""

    whole: Annotated[str, Field(pattern=PATH)]
    stream: Annotated[str, Field(pattern=PATH)] = ""
    """The same for an answer in events, where that differs."""


class ProviderSpec(Section):
    """An address and a credential. `preset` fills what is not given (`openai`, `anthropic`, `ollama`, …)."""

    name: Name
    preset: str | None = None
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")] = "http"
    """`http`, `demo`, or the name of an entry point of the group `sluicegate.providers`."""
    dialects: Annotated[tuple[DialectName, ...], Field(min_length=1)] | None = None
    """Unless given, its preset's; the first is what a client that speaks none of them is translated to."""
    base_url: str | None = None
    credential: Annotated[str, Field(pattern=r"^(file|env):.+$")] | None = None
    credentials: Annotated[tuple[Annotated[str, Field(pattern=r"^(file|env):.+$")], ...], Field(max_length=32)] = ()
    """In place of `credential`: several, over which the calls are spread; each fails and recovers by itself."""
    headers: dict[str, str] = {}
    place: Place | None = None
    region: Region = ""
    paths: dict[DialectName, PathSpec] | None = None
    query: dict[QueryName, QueryValue] | None = None
    auth: AuthSpec | None = None
    client_headers: tuple[ClientHeader, ...] | None = None
    quirks: tuple[Quirk, ...] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "ProviderSpec":
        if self.credential is not None and self.credentials:
            raise ValueError("give `credential` or `credentials`, not both")
        if not ANSWERED_HERE.isdisjoint(self.dialects or ()):
            raise ValueError("no provider is asked for lists of models: the gateway answers those itself")
        return self


class DeploymentSpec(Section):
    """A model at a provider: `model` is what clients ask for, `upstream_model` what the provider calls it."""

    name: Name
    model: Name
    provider: Name
    upstream_model: str | None = None
    place: Place | None = None
    """Unless given, the provider's."""
    region: str | None = None
    order: int = 0
    weight: Annotated[int, Field(ge=0, le=1_000)] = 1
    max_output_tokens: Count = 32_768
    rate: RateSpec = RateSpec()
    """What it may be asked, with each credential; beyond it the next target is tried."""
    quirks: tuple[Quirk, ...] = ()
    """Beside those of its provider."""
    price: PriceSpec | None = None
