"""Guardrail policies, compiled: from a file and rows that name rules or kinds and what is done about each."""

from collections.abc import Container, Iterator, Mapping, Sequence, Set
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec

from sluicegate.core.decision import Decision
from sluicegate.dlp.detector import Detector
from sluicegate.dlp.engine import Scanner
from sluicegate.dlp.external.build import build
from sluicegate.dlp.external.doors import Doors
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.outcome import NOT_RUN, with_unasked
from sluicegate.dlp.packs import Rule, RuleError, Subject, library, placed
from sluicegate.dlp.panel import Heard, Panel
from sluicegate.dlp.policy_file import (
    Mode,
    Named,
    Override,
    PolicySpec,
    names,
    read_book,
    read_policy,
    refusals,
    treatments,
)
from sluicegate.dlp.policy_rows import PolicyRow, RowKey, said
from sluicegate.dlp.selection import selection
from sluicegate.settings import Dlp

SHIPPED = Path(__file__).parent / "policies.yaml"
MAX_POLICY_BYTES = 4 * 1024 * 1024
_SHARED = 4
"""A policy that looks for one of so many rules of the packs, or more, shares the automata of them all."""
MAX_CALLERS = 4_096
"""Callers for whom it is remembered which override fits, before all are forgotten."""


class PolicyError(Exception):
    """The policies cannot be used; the message names the place, and says why."""


class RowError(PolicyError):
    """A row cannot be used; `place` is what is wrong where in its document."""

    def __init__(self, row: PolicyRow, place: str) -> None:
        super().__init__(f"{row.where}: {place}")
        self.place = place


class Chosen(msgspec.Struct, frozen=True):
    """What a scanner looks for: the ids of its rules, and those that are not of the packs, encoded."""

    rules: tuple[str, ...]
    own: tuple[bytes, ...]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy, compiled, for those callers whom no override fits. An inspection is None where there is nothing to do."""

    name: str
    version: str
    prompt: Inspection | None
    answer: Inspection | None
    shadow: bool = False
    """Whether nothing is done at all, not even where something could not be inspected."""
    not_run: Decision = NOT_RUN
    """Of a direction in which it has nothing to do."""
    unscannable: Mapping[str, bool]
    """Whether a kind of what cannot be read is refused (`*`: any other kind)."""
    overrides: Sequence[tuple[Override, "Policy"]] = ()
    _known: dict[tuple[str, str, str], "Policy"] = msgspec.field(default_factory=dict)

    def refuses(self, kind: str) -> bool:
        """Whether the policy, enforced or in shadow, names `block` for this kind of what cannot be read."""
        blocks = self.unscannable.get(kind)
        return self.unscannable["*"] if blocks is None else blocks

    def for_(self, team: str, role: str, team_name: str = "") -> "Policy":
        """The policy as it is for a caller of this team (by id and by name) in this role."""
        if not self.overrides:
            return self
        caller = team, role, team_name
        known = self._known.get(caller)
        if known is None:
            teams = (team, team_name) if team_name else (team,)
            known = next((policy for override, policy in self.overrides if override.fits(teams, role)), self)
            if len(self._known) >= MAX_CALLERS:
                self._known.clear()
            self._known[caller] = known
        return known


class Edition(msgspec.Struct, frozen=True):
    """All policies at one version: the beginning of the SHA-256 of the policy file, the packs and the rows."""

    version: str
    policies: Mapping[str, Policy]
    own: Mapping[tuple[str, str], Policy]
    """Those of one organisation alone, by its id and their name."""
    broken: Mapping[RowKey, str]
    """Rows that cannot be compiled and that nothing was in force instead of, and why: what names one of them is refused."""
    subjects: Sequence[Subject]
    """What every policy can name: the rules of the packs and of the file, and the signals of detectors."""
    file: Set[str]
    """The names of the file's policies."""
    scanners: Mapping[Chosen, Scanner]

    @property
    def scanner_bytes(self) -> int:
        """Bytes of the compiled automata."""
        return sum(scanner.size for scanner in self.scanners.values())

    def policy(self, name: str, organisation: str | None = None) -> Policy:
        """The policy that a use case of `organisation` means by `name`. Raises UnknownPolicy, which refuses the exchange."""
        if not self.own and not self.broken:
            policy = self.policies.get(name)
        else:
            policy = None if organisation is None else self.own.get((organisation, name))
            if policy is None and (organisation, name) not in self.broken and (None, name) not in self.broken:
                policy = self.policies.get(name)
        if policy is None:
            raise UnknownPolicy(f"no guardrail policy is called {name!r}")
        return policy


class PolicySource(Protocol):
    """Where the inspecting stages find the policy of a use case."""

    def policy(self, name: str, organisation: str | None = None) -> Policy:
        """The policy that a use case of `organisation` means by `name`. Raises UnknownPolicy."""


class UnknownPolicy(Exception):
    """A use case names a guardrail policy that there is not, or that cannot be compiled."""


def compile_edition(
    path: Path,
    settings: Dlp,
    kept: Path | None = None,
    detectors: Sequence[Detector] = (),
    rows: Sequence[PolicyRow] = (),
    known: Mapping[Chosen, Scanner] | None = None,
    excused: Set[RowKey] = frozenset(),
    doors: Doors | None = None,
    threads: int | None = None,
) -> Edition:
    """The file at `path` with `rows`, compiled; scanners that are among `known` are taken from there.

    So many `threads` compile; unless given, as many as there are processors: one leaves the rest to who is served meanwhile.
    The detectors that the file names go out by `doors`, once they are open.
    Raises PolicyError naming the place that is wrong. A wrong row that is `excused` is told in the edition instead.
    """
    try:
        content = path.read_bytes()
        if len(content) > MAX_POLICY_BYTES:
            raise PolicyError(f"{path}: larger than {MAX_POLICY_BYTES} bytes")
        book = read_book(content)
        outside = [build(name, spec, doors or Doors()) for name, spec in book.detectors.items()]
        packs, packs_digest = _packs(kept)
        own = placed(book.rules)
        version = sha256(b"\0".join((content, packs_digest, *filter(None, (said(rows),))))).hexdigest()[:16]
        press = _Press(
            settings,
            kept,
            packs,
            own,
            [*detectors, *outside],
            version,
            known or {},
            threads=threads,
        )
        policies = press.policies(book.policies)
    except (OSError, RuleError) as error:
        raise PolicyError(f"{path}: {error}") from None
    file = frozenset(policies)
    of, broken = _worked_in(press, rows, excused, policies)
    return Edition(version, policies, of, broken, press.subjects, file, press.scanners)


def _worked_in(
    press: "_Press", rows: Sequence[PolicyRow], excused: Set[RowKey], policies: dict[str, Policy]
) -> tuple[dict[tuple[str, str], Policy], dict[RowKey, str]]:
    """Add the rows of no organisation to `policies`; those of organisations, and what is wrong with the excused ones."""
    of: dict[tuple[str, str], Policy] = {}
    broken: dict[RowKey, str] = {}
    for row in rows:
        try:
            policy = press.row(row)
        except RuleError as error:
            wrong = RowError(row, str(error).removeprefix(f"policies.{row.name}").lstrip(".: "))
            if row.key not in excused:
                raise wrong from None
            broken[row.key] = str(wrong)
            continue
        if row.organisation is None:
            policies[row.name] = policy
        else:
            of[row.organisation, row.name] = policy
    return of, broken


@cache
def _packs(kept: Path | None) -> tuple[Sequence[Rule], bytes]:
    """The rules that ship and the digest of their packs, which stay what they are while the process lives."""
    return library(kept)


def _rules(rules: Sequence[Rule], most: int) -> Mapping[str, Rule]:
    if len(rules) > most:
        raise RuleError(f"more than {most} rules (dlp.max_rules), those of the packs among them")
    named: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in named:
            raise RuleError(f"rules: two are called {rule.id}")
        named[rule.id] = rule
    return named


class _Press:
    """Makes policies: each set of rules is compiled once, however many policies and directions look for it."""

    def __init__(
        self,
        settings: Dlp,
        kept: Path | None,
        packs: Sequence[Rule],
        own: Sequence[Rule],
        detectors: Sequence[Detector],
        version: str,
        known: Mapping[Chosen, Scanner],
        base: "_Press | None" = None,
        threads: int | None = None,
    ) -> None:
        """`own` are the rules that are not of the packs. A row's press shares with its `base`, whose own ones come first."""
        self._settings = settings
        self._kept = kept
        self._packs = packs
        self._own = own
        self._detectors = detectors
        self._version = version
        self._ready = known
        self._threads = threads
        shared = 0 if base is None else len(base._own)
        self._groups = [group for group in (packs, own[:shared], own[shared:]) if group]
        """What is compiled together, and shared by all policies that name any of it."""
        self._rules = _rules([*packs, *own], settings.max_rules)
        subjects: list[Subject] = [*self._rules.values()]
        for signal in (signal for each in detectors for signal in each.signals):
            if any(signal.id == subject.id for subject in subjects):
                raise RuleError(f"rules: two are called {signal.id}")
            subjects.append(signal)
        self.subjects: Sequence[Subject] = subjects
        self._known = {name for subject in subjects for name in names(subject)}
        self._own_ids = frozenset(rule.id for rule in own)
        self._panels: dict[tuple[str, ...], Panel] = {} if base is None else base._panels
        self.scanners: dict[Chosen, Scanner] = {} if base is None else base.scanners
        self._judged: Judged = Judged(settings.judged_texts) if base is None else base._judged

    def policies(self, specs: Mapping[str, PolicySpec]) -> dict[str, Policy]:
        """All policies, compiled. Raises RuleError."""
        made = {name: self._policy(name, each) for name, each in specs.items()}
        self._refuse_unusable(self._own)
        return made

    def row(self, row: PolicyRow) -> Policy:
        """The policy of a row, whose own rules no other knows. Raises RuleError."""
        document = {key: value for key, value in row.document.items() if key != "rules"}
        try:
            rules = placed(msgspec.convert(row.document.get("rules", ()), tuple[Rule, ...]))
        except msgspec.ValidationError as error:
            raise RuleError(f"rules: {error}") from None
        spec = read_policy(row.name, document)
        if not rules:
            return self._policy(row.name, spec)
        own = [*self._own, *rules]
        press = _Press(
            self._settings, self._kept, self._packs, own, self._detectors, self._version, self._ready, self, self._threads
        )
        policy = press._policy(row.name, spec)
        press._refuse_unusable(rules)
        return policy

    def _refuse_unusable(self, rules: Sequence[Rule]) -> None:
        """Raises RuleError for one of the rules that cannot be used, even where no policy names it."""
        used = {each for chosen in self.scanners for each in chosen.own}
        unused = [rule for rule in rules if _encoded(rule) not in used]
        Scanner(unused, self._kept, self._threads, self._settings.max_compiled_bytes)

    def _policy(self, name: str, spec: PolicySpec) -> Policy:
        where = f"policies.{name}"
        overrides = []
        for number, override in enumerate(spec.overrides):
            place = f"{where}.overrides[{number}]"
            for direction, named in (("prompt", override.prompt), ("answer", override.answer)):
                self._check(f"{place}.{direction}", named)
            overrides.append((override, self._policy(name, spec.under(override))))
        self._check(f"{where}.prompt", spec.prompt)
        self._check(f"{where}.answer", spec.answer)
        unscannable = refusals(spec.unscannable)
        return Policy(
            name=name,
            version=self._version,
            prompt=self._inspection(spec.prompt, spec.mode),
            answer=self._inspection(spec.answer, spec.mode, always=True in unscannable.values()),
            shadow=spec.mode == "shadow",
            not_run=with_unasked(NOT_RUN, self._unasked(None)),
            unscannable=unscannable,
            overrides=overrides,
        )

    def _chosen(self, named: Named, mode: Mode) -> dict[str, Treatment]:
        """What is done about each subject that is looked for."""
        each = zip(self.subjects, treatments(self.subjects, named, mode), strict=True)
        return {subject.id: treatment for subject, treatment in each if treatment.action is not Action.ALLOW}

    def _check(self, where: str, named: Named) -> None:
        for name in named:
            if name not in self._known:
                raise RuleError(f"{where}.{name}: no rule and no kind is called that")

    def _inspection(self, named: Named, mode: Mode, *, always: bool = False) -> Inspection | None:
        chosen = self._chosen(named, mode)
        if not chosen and not always:
            return None
        settings = self._settings
        scanner = selection([self._scanner(group) for group in self._compiled_for(chosen)], chosen)
        decoded = settings.max_decode_depth, settings.max_encoded_run
        panel, bounds = self._panel(chosen), (settings.max_findings, self._judged, settings.max_candidates)
        return Inspection(scanner, chosen, *bounds, panel, decoded, self._unasked(panel))

    def _compiled_for(self, chosen: Container[str]) -> Iterator[Sequence[Rule]]:
        """Of each group with a rule that is looked for all rules, which others share; or those alone if they are few."""
        for group in self._groups:
            wanted = [rule for rule in group if rule.id in chosen]
            if wanted:
                yield group if len(wanted) * _SHARED >= len(group) else wanted

    def _panel(self, chosen: Mapping[str, Treatment]) -> Panel | None:
        """The detectors that can find what is looked for; those who look for the same share what they remember."""
        detectors = [each for each in self._detectors if any(signal.id in chosen for signal in each.signals)]
        if not detectors:
            return None
        names = tuple(each.name for each in detectors)
        if names not in self._panels:
            self._panels[names] = Panel(detectors, self._settings.judged_texts)
        return self._panels[names]

    def _unasked(self, panel: Panel | None) -> tuple[str, ...]:
        """The verdicts of the detectors that are not on the panel."""
        asked = panel.detectors if panel else ()
        return tuple([f"{each.name}:{Heard.NOT_RUN}" for each in self._detectors if each not in asked])

    def _scanner(self, rules: Sequence[Rule]) -> Scanner:
        """All of the rules, compiled, or as they already are."""
        own = tuple(_encoded(rule) for rule in rules if rule.id in self._own_ids)
        key = Chosen(tuple(rule.id for rule in rules), own)
        scanner = self.scanners.get(key) or self._ready.get(key)
        if scanner is None:
            scanner = Scanner(rules, self._kept, self._threads, self._settings.max_compiled_bytes)
        self.scanners[key] = scanner
        return scanner


def _encoded(rule: Rule) -> bytes:
    return msgspec.json.encode(rule)
