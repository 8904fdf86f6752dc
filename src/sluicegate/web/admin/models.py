"""What the admin API takes and gives. An unknown field is an error, and a field that a client may not set is one."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from sluicegate.core.provider import Place, Quirk
from sluicegate.identity.passwords import MAX_BYTES
from sluicegate.objects import (
    BudgetSpec,
    DeploymentSpec,
    Name,
    OrganisationSpec,
    PriceSpec,
    RateSpec,
    Section,
    Wildcard,
)

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")]
Prompt = Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")]
Principal = Annotated[str, StringConstraints(pattern=r"^(user|service_account):[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$")]
Upstream = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
Region = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")]
Small = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Output = Annotated[int, Field(gt=0, le=2**31 - 1)]
Wildcards = Annotated[tuple[Wildcard, ...], Field(max_length=1_000)]
Budgets = Annotated[tuple[BudgetSpec, ...], Field(max_length=16)]


class Login(Section):
    """Name and password of an administrator."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=MAX_BYTES)]


class TeamNew(Section):
    """A new team."""

    organisation_id: Id
    name: Name
    budgets: Budgets = ()


class TeamChange(Section):
    """What may change about a team."""

    budgets: Budgets = ()


class KeyNew(Section):
    """A new virtual key, bound for good to one use case (and its team) and one user or service account."""

    use_case_id: Id
    name: Name
    principal: Principal
    rate: RateSpec = RateSpec()
    budgets: Budgets = ()
    expires_at: AwareDatetime | None = None


class KeyRotation(Section):
    """How a key is rotated; without `overlap_seconds` as `identity.rotation_overlap` says."""

    overlap_seconds: Annotated[float, Field(ge=0, le=2_592_000)] | None = None


class DeploymentNew(DeploymentSpec):
    """A new deployment."""

    upstream_model: Upstream | None = None
    region: Region | None = None
    order: Small = 0
    max_output_tokens: Output = 32_768


class DeploymentChange(Section):
    """What may change about a deployment. Only the fields that are sent change."""

    upstream_model: Upstream = "-"
    place: Place = Place.CLOUD
    region: Region = ""
    order: Small = 0
    weight: Annotated[int, Field(ge=0, le=1_000)] = 1
    max_output_tokens: Output = 32_768
    rate: RateSpec = RateSpec()
    quirks: tuple[Quirk, ...] = ()
    price: PriceSpec | None = None


class Owned(BaseModel):
    """What every object says of itself; one of origin `file` or `retired` is read-only here."""

    origin: str
    created_at: datetime
    updated_at: datetime


class User(BaseModel):
    """Who is logged in."""

    id: str
    name: str
    role: str
    organisation_id: str | None


class Session(BaseModel):
    """A session."""

    user: User
    expires_at: datetime


class SessionNew(Session):
    """A new session: its token is shown here and never again."""

    token: str


class Organisation(Owned):
    """A tenant."""

    id: str
    name: str


class Team(Owned):
    """A team."""

    id: str
    organisation_id: str
    name: str
    budgets: list[BudgetSpec]


class Key(Owned):
    """A virtual key, by everything but itself."""

    id: str
    name: str
    hint: str
    organisation_id: str
    team_id: str
    use_case_id: str
    principal: str
    rate: RateSpec
    budgets: list[BudgetSpec]
    expires_at: datetime | None
    revoked_at: datetime | None
    state: Literal["valid", "expired", "revoked"]


class KeyIssued(Key):
    """A virtual key just made or rotated: `key` is shown here and never again."""

    key: str
    previous_works_until: datetime | None = None
    """Until when the key that was rotated still works."""


class Deployment(Owned):
    """A model at a provider."""

    name: str
    model: str
    provider: str
    upstream_model: str
    place: str
    region: str
    order: int
    weight: int
    max_output_tokens: int
    rate: RateSpec
    quirks: list[Quirk] | None
    price: dict[str, str | None] | None


class Model(BaseModel):
    """A name that clients ask for, and where it leads."""

    model: str
    deployments: list[Deployment]


class AuditEntry(BaseModel):
    """One entry of the audit log, decoded; `body` is what was hashed."""

    index: int
    kind: str
    exchange_id: str | None
    organisation_id: str | None
    at: datetime
    body: dict[str, Any]


class Checkpoint(BaseModel):
    """A signed checkpoint of the audit log."""

    size: int
    at: datetime
    note: str


class PublicKey(BaseModel):
    """What verifies the signature of a checkpoint (C2SP signed note)."""

    verifier_key: str


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


OrganisationNew = OrganisationSpec


class Page(BaseModel):
    """A page of a list: `next`, where there is more, is the `cursor` of the page after it."""

    next: str | None


class Organisations(Page):
    """A page of organisations."""

    items: list[Organisation]


class Teams(Page):
    """A page of teams."""

    items: list[Team]


class Keys(Page):
    """A page of virtual keys."""

    items: list[Key]


class Deployments(Page):
    """A page of deployments."""

    items: list[Deployment]


class Models(BaseModel):
    """Every model."""

    items: list[Model]


class AuditEntries(Page):
    """A page of audit entries."""

    items: list[AuditEntry]


class Checkpoints(Page):
    """A page of checkpoints."""

    items: list[Checkpoint]
