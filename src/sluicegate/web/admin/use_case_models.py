"""What the admin API takes and gives about use cases."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, field_validator

from sluicegate.core.dialect import Feature, SystemMode
from sluicegate.core.identity import Classification, OverBudget
from sluicegate.objects import CacheSpec, Name, RateSpec, Section, Wildcard
from sluicegate.web.admin.models import Id, Owned, Page, Prompt, Text, Wildcards

Networks = Annotated[tuple[str, ...], Field(max_length=1_000)]
Regions = Annotated[tuple[Wildcard, ...], Field(max_length=100)]
Aliases = Annotated[dict[Name, Name], Field(max_length=100)]


class UseCaseChange(Section):
    """What may change about a use case; each change is a new version. Only the fields that are sent change."""

    purpose: Text = "-"
    classification: Classification = Classification.INTERNAL
    system_prompt: Prompt | None = None
    system_mode: SystemMode = SystemMode.APPEND
    models: Wildcards = ()
    features: frozenset[Feature] = frozenset()
    tools: Wildcards = ("*",)
    networks: Networks = ()
    guardrail: Name = "default"
    regions: Regions = ()
    aliases: Aliases = {}
    over_budget: OverBudget = OverBudget.REFUSE
    cache: CacheSpec = CacheSpec()
    rate: RateSpec = RateSpec()
    active: bool = True
    own_credentials: bool = False

    @field_validator("networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError("each is an IPv4 or IPv6 network, `10.1.0.0/16`") from None
        return networks


class UseCaseNew(UseCaseChange):
    """A new use case, in its team's organisation."""

    team_id: Id
    name: Name
    purpose: Text


class UseCase(Owned):
    """The approved binding that a virtual key carries."""

    id: str
    organisation_id: str
    team_id: str
    name: str
    version: int
    purpose: str
    classification: Classification
    system_prompt: str | None
    system_mode: SystemMode
    models: list[str]
    features: list[Feature]
    tools: list[str]
    networks: list[str]
    guardrail: str
    regions: list[str]
    aliases: dict[str, str]
    over_budget: OverBudget
    cache: CacheSpec
    rate: RateSpec
    active: bool
    own_credentials: bool


class UseCases(Page):
    """A page of use cases."""

    items: list[UseCase]
