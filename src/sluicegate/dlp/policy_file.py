"""The words of guardrail policies: what a file (or a row) may say, and which entry decides about a rule."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import msgspec
import yaml
from pydantic import TypeAdapter, ValidationError

from sluicegate.dlp.external.build import DetectorSpec
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.packs import Rule, RuleError, Subject
from sluicegate.dlp.strict_yaml import read_strict_yaml
from sluicegate.objects import Name

_NAME: TypeAdapter[str] = TypeAdapter(Name)
MAX_OVERRIDES = 100
"""Overrides that one policy may have."""

Mode = Literal["enforce", "shadow"]
Severity = Literal["low", "medium", "high", "critical"]
Allowed = Literal["allow", "block"]
Kind = Literal["image", "audio", "video", "pdf", "document", "archive", "file", "remote", "data", "*"]
"""What cannot be read, by its kind; `*`: any other."""
Unscannable = Allowed | dict[Kind, Allowed]
Role = Literal["owner", "admin", "security_officer", "auditor", "team_lead", "developer", "viewer", "service_account"]
"""The role of a user, or that of a key which is bound to none."""

PROMPT_ONLY = frozenset({Action.TOKENISE, Action.REROUTE})
_SEVERITIES = ("low", "medium", "high", "critical")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is done about a name, where one word does not say it."""

    action: Action
    mode: Mode = "enforce"
    severity: Severity = "low"
    """The least severe rules that it decides about; for others the next wider name counts."""
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    """From how many findings on, of all rules that it decides about."""
    below: Action | None = None
    """What is done about fewer; unless given, alert."""


Named = Mapping[str, Action | Entry]


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is different for some callers: single names of the policy above, or its mode. Both lists given, both must fit."""

    teams: tuple[str, ...] = ()
    """Names or ids of teams."""
    roles: tuple[Role, ...] = ()
    prompt: Named = {}
    answer: Named = {}
    mode: Mode | None = None
    unscannable: Unscannable | None = None

    def fits(self, teams: Iterable[str], role: str) -> bool:
        """Whether it is meant for a caller of the team with these names, in this role."""
        return (not self.roles or role in self.roles) and (not self.teams or any(team in self.teams for team in teams))


class PolicySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One policy as written. A name in `prompt` and `answer` is one of `names`; the narrowest one counts."""

    prompt: Named
    answer: Named
    unscannable: Unscannable = "allow"
    mode: Mode = "enforce"
    overrides: Annotated[tuple[Override, ...], msgspec.Meta(max_length=MAX_OVERRIDES)] = ()
    """The first that fits a caller counts."""
    description: str = ""

    def under(self, override: Override) -> "PolicySpec":
        """The policy as it is for the callers of `override`."""
        return PolicySpec(
            {**self.prompt, **override.prompt},
            {**self.answer, **override.answer},
            self.unscannable if override.unscannable is None else override.unscannable,
            override.mode or self.mode,
        )


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: policies by name, and rules of one's own beside the packs that ship."""

    policies: dict[str, dict[str, object]]
    rules: tuple[Rule, ...] = ()
    detectors: dict[str, dict[str, object]] = {}


class Book(msgspec.Struct, frozen=True):
    """What a policy file says, read and checked as far as it can be without compiling."""

    policies: Mapping[str, PolicySpec]
    rules: tuple[Rule, ...] = ()
    detectors: Mapping[str, DetectorSpec] = {}


def read_book(content: bytes) -> Book:
    """A policy file. Raises RuleError naming the place that is wrong."""
    try:
        file = msgspec.convert(read_strict_yaml(content), PolicyFile)
    except yaml.YAMLError as error:
        raise RuleError(_place(error)) from None
    except (UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RuleError(str(error)) from None
    detectors = {name: _detector(name, each) for name, each in file.detectors.items()}
    return Book({name: read_policy(name, each) for name, each in file.policies.items()}, file.rules, detectors)


def _detector(name: str, written: dict[str, object]) -> DetectorSpec:
    try:
        spec: DetectorSpec = msgspec.convert(written, DetectorSpec)
    except msgspec.ValidationError as error:
        raise RuleError(f"detectors.{name}: {error}") from None
    return spec


def _place(error: yaml.YAMLError) -> str:
    """What is wrong where, without a quotation of the file: what this says goes to logs."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return str(error) if type(error) is yaml.YAMLError else "no YAML"
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return said if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {said}"


def read_policy(name: str, written: object) -> PolicySpec:
    """One policy from its document. Raises RuleError naming the place that is wrong."""
    try:
        _NAME.validate_python(name)
    except ValidationError:
        why = (
            "a policy's name has letters, digits and `. _ : / @ * -`, begins with a letter or digit, and is at most 128 long"
        )
        raise RuleError(f"policies.{json.dumps(name)}: {why}") from None
    where = f"policies.{name}"
    try:
        spec = msgspec.convert(written, PolicySpec)
    except msgspec.ValidationError as error:
        raise RuleError(f"{where}: {error}") from None
    _check(f"{where}.prompt", spec.prompt, frozenset())
    _check(f"{where}.answer", spec.answer, PROMPT_ONLY)
    for number, override in enumerate(spec.overrides):
        place = f"{where}.overrides[{number}]"
        if not override.teams and not override.roles:
            raise RuleError(f"{place}: names neither teams nor roles")
        _check(f"{place}.prompt", override.prompt, frozenset())
        _check(f"{place}.answer", override.answer, PROMPT_ONLY)
    return spec


def _check(where: str, named: Named, refused: frozenset[Action]) -> None:
    for name, entry in named.items():
        written = entry if isinstance(entry, Entry) else Entry(action=entry)
        for action in (written.action, written.below):
            if action in refused:
                raise RuleError(f"{where}.{name}: {action} is for prompts only")
        if written.below is not None and written.count == 1:
            raise RuleError(f"{where}.{name}: `below` says nothing without a `count` of 2 or more")
        if written.count > 1 and written.action is Action.ALLOW:
            raise RuleError(f"{where}.{name}: `count` says nothing about what is allowed")


def names(subject: Subject) -> tuple[str, ...]:
    """What a policy can call `subject`, the narrowest first; `*` last, which is always known."""
    place = subject.jurisdiction
    return subject.id, f"{subject.kind}.{place}", f"*.{place}", subject.kind, "*"


def treatments(subjects: Sequence[Subject], named: Named, mode: Mode) -> list[Treatment]:
    """What is done about each of the subjects; ALLOW where no entry decides."""
    made = {name: _treatment(entry, number, mode) for number, (name, entry) in enumerate(named.items(), 1)}
    nothing = Treatment(Action.ALLOW)
    return [made[name] if (name := _deciding(subject, named)) is not None else nothing for subject in subjects]


def _deciding(subject: Subject, named: Named) -> str | None:
    """The name of the entry that decides about `subject`."""
    for name in names(subject):
        entry = named.get(name)
        if entry is not None and (not isinstance(entry, Entry) or subject.rank >= _SEVERITIES.index(entry.severity)):
            return name
    return None


def _treatment(entry: Action | Entry, number: int, mode: Mode) -> Treatment:
    if not isinstance(entry, Entry):
        return Treatment(entry, mode == "shadow")
    shadow = "shadow" in (mode, entry.mode)
    if entry.count == 1:
        return Treatment(entry.action, shadow)
    return Treatment(entry.action, shadow, entry.count, entry.below or Action.ALERT, number)


def refusals(unscannable: Unscannable) -> Mapping[str, bool]:
    """Whether a kind of what cannot be read is refused; `*` for the kinds that are not named."""
    written = {"*": unscannable} if isinstance(unscannable, str) else {"*": "allow", **unscannable}
    return {kind: allowed == "block" for kind, allowed in written.items()}
