"""What the admin API takes and gives about guardrail policies. A policy's document is checked by compiling it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from sluicegate.core.dialect import DialectName
from sluicegate.objects import Name, Section
from sluicegate.web.admin.models import Id, Page

Document = Annotated[dict[str, Any], Field(description="One policy as docs/guardrails.md has it, with `rules` of its own.")]
Note = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


class GuardrailNew(Section):
    """A new policy; without an organisation it is everybody's, which only the installation's administrators write."""

    organisation_id: Id | None = None
    name: Name
    document: Document
    note: Note = ""


class GuardrailChange(Section):
    """A new version of a policy, which is in force from the next request on."""

    document: Document
    note: Note = ""


class GuardrailRevert(Section):
    """Which version is to be in force again, as a new one."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    note: Note = ""


class GuardrailEnd(Section):
    """Why a policy is taken out of force."""

    note: Note = ""


class GuardrailVersion(BaseModel):
    """One version of a policy, without its document."""

    version: int
    note: str
    active: bool
    created_by: str
    created_at: datetime


class Guardrail(GuardrailVersion):
    """A policy at one version."""

    id: str
    organisation_id: str | None
    name: str
    document: dict[str, Any]


class GuardrailHistory(Guardrail):
    """A policy at its last version, and its versions, the newest first."""

    versions: list[GuardrailVersion]


class Guardrails(Page):
    """A page of policies at their last versions."""

    items: list[Guardrail]


class GuardrailState(BaseModel):
    """What is in force, and whether that is what the file and the stored policies say now."""

    version: str
    stale: bool
    failure: str | None
    """What is wrong where; for administrators of the installation."""
    failed_loads: int
    loaded_at: datetime
    file: str | None
    """The policy file; for administrators of the installation. None: the one that ships."""
    policies: list[str]
    """The names that a use case within the caller's reach can give."""


class GuardrailRule(BaseModel):
    """Something that can be found."""

    id: str
    kind: str
    jurisdiction: str
    severity: str
    label: str


class GuardrailNames(BaseModel):
    """What a policy can name. A name is a rule's id, `kind.JURISDICTION`, `*.JURISDICTION`, a kind, or `*`."""

    rules: list[GuardrailRule]
    kinds: list[str]
    jurisdictions: list[str]
    policies: list[str]


class Try(Section):
    """A text or a document, and the policy to try on it: one in force by its name, or one that is only written down."""

    policy: Name | None = None
    """`default` where no document is given either."""
    document: Document | None = None
    organisation_id: Id | None = None
    direction: Literal["prompt", "answer"] = "prompt"
    text: Annotated[str, StringConstraints(max_length=262_144)] | None = None
    request: Annotated[dict[str, Any] | None, Field(description="A whole request, or for `answer` a whole answer.")] = None
    dialect: DialectName | None = None
    """Of `request`; `openai_chat` unless given."""
    team: Annotated[str, StringConstraints(max_length=128)] = ""
    """By name or by id."""
    role: Annotated[str, StringConstraints(max_length=32)] = ""


class TriedFinding(BaseModel):
    """What was found: code points `start` to `end` of the string at `path`."""

    path: str
    start: int
    end: int
    rule: str
    kind: str
    jurisdiction: str
    severity: str
    action: str
    mode: Literal["enforce", "shadow"]


class Tried(BaseModel):
    """What the policy finds and does."""

    policy: str
    version: str
    verdict: str
    reason: str
    detail: dict[str, Any]
    findings: list[TriedFinding]
    complete: bool
    """Whether `findings` are all."""
    edited: bool
    on_prem_only: bool
    text: str | None
    """As it would leave; null where it would not, or where a document was sent."""
    request: dict[str, Any] | None
