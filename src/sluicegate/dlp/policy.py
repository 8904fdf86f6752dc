"""Guardrail policies: a file that names rules or kinds and what is done about each, read again when it changes."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from sluicegate.dlp.detector import Detector
from sluicegate.dlp.engine import Scanner
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.packs import Rule, RuleError, placed, shipped
from sluicegate.dlp.policy_file import (
    Mode,
    Named,
    Override,
    PolicySpec,
    Subject,
    names,
    read_book,
    refusals,
    treatments,
)
from sluicegate.settings import Dlp

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "policies.yaml"
MAX_POLICY_BYTES = 4 * 1024 * 1024
MAX_RULES = 10_000
_SHARED = 0.8
"""The part of another policy's rules from which on a policy uses the automata of that one."""
_NOTHING = Treatment(Action.ALLOW)
MAX_CALLERS = 4_096
"""Callers for whom it is remembered which override fits, before all are forgotten."""


class PolicyError(Exception):
    """A policy file cannot be used; the message names the place in it, and says why."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy, compiled, for those callers whom no override fits. An inspection is None where there is nothing to do."""

    name: str
    version: str
    prompt: Inspection | None
    answer: Inspection | None
    shadow: bool = False
    """Whether nothing is done at all, not even where something could not be inspected."""
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
    """All policies at one version; `version` is the beginning of the SHA-256 of the policy file and the packs."""

    version: str
    policies: Mapping[str, Policy]
    scanner_bytes: int


class UnknownPolicy(Exception):
    """A use case names a guardrail policy that the policy file does not have."""


class Policies:
    """The policies in force. An edition is swapped whole, so that one look-up sees one version."""

    def __init__(self, settings: Dlp, kept: Path | None = None, detectors: Sequence[Detector] = ()) -> None:
        """Read and compile, which takes a while, unless the folder `kept` has the automata already. Raises PolicyError.

        `detectors` are those beside the patterns; what they can find is named in policies as rules are.
        """
        self._settings = settings
        self._kept = kept
        self._detectors = tuple(detectors)
        self.path = Path(settings.policies) if settings.policies else SHIPPED
        self.edition = _compile(self.path, settings, kept, self._detectors)
        self.failure: str | None = None
        """Why the file as it stands now is not the one in force; None where it is."""

    @property
    def version(self) -> str:
        """The version in force."""
        return self.edition.version

    def policy(self, name: str) -> Policy:
        """The policy called `name`. Raises UnknownPolicy, which refuses the exchange."""
        policy = self.edition.policies.get(name)
        if policy is None:
            raise UnknownPolicy(f"no guardrail policy is called {name!r}")
        return policy

    async def reload(self) -> bool:
        """Read the file again, off the event loop; a broken one leaves the old edition in force. True if it was good."""
        try:
            edition = await asyncio.to_thread(_compile, self.path, self._settings, self._kept, self._detectors)
        except PolicyError as error:
            self.failure = str(error)
            log.error("the guardrail policy file is broken; the old one stays in force: %s", error)
            return False
        self.failure = None
        if edition.version != self.edition.version:
            self.edition = edition
            log.info("guardrail policies read", extra={"policy_version": edition.version})
        return True

    async def watch(self, after: Callable[[bool], None] | None = None) -> None:
        """Read the file again whenever it changes, until cancelled. Returns at once for the file that ships.

        `after` is told of each reading whether the file was good.
        """
        if not self._settings.policies:
            return
        from watchfiles import awatch  # only an installation with its own file needs its memory

        path = self.path.absolute()
        names = (path.name, "..data")  # the second is how a mounted configuration map changes
        # The folder is watched: an editor replaces the file, and a watch on the file itself would be lost with it.
        changes = awatch(
            path.parent, watch_filter=lambda _, changed: Path(changed).name in names, debounce=100, step=20, recursive=False
        )
        async for _ in changes:
            good = await self.reload()
            if after is not None:
                after(good)


def _compile(path: Path, settings: Dlp, kept: Path | None, detectors: Sequence[Detector]) -> Edition:
    try:
        content = path.read_bytes()
        if len(content) > MAX_POLICY_BYTES:
            raise PolicyError(f"{path}: larger than {MAX_POLICY_BYTES} bytes")
        book = read_book(content)
        packs, pack_bytes = shipped()
        own = placed(book.rules)
        rules = _rules([*(rule for pack in packs for rule in pack.rules), *own])
        version = sha256(content + b"\0" + pack_bytes).hexdigest()[:16]
        return _Press(settings, kept, rules, detectors, version).edition(book.policies, own)
    except (OSError, RuleError) as error:
        raise PolicyError(f"{path}: {error}") from None


def _rules(rules: Sequence[Rule]) -> Mapping[str, Rule]:
    if len(rules) > MAX_RULES:
        raise RuleError(f"more than {MAX_RULES} rules")
    named: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in named:
            raise RuleError(f"rules: two are called {rule.id}")
        named[rule.id] = rule
    return named


class _Press:
    """Makes an edition: each set of rules is compiled once, however many policies and directions look for it."""

    def __init__(
        self,
        settings: Dlp,
        kept: Path | None,
        rules: Mapping[str, Rule],
        detectors: Sequence[Detector],
        version: str,
    ) -> None:
        self._settings = settings
        self._kept = kept
        self._rules = rules
        self._detectors = detectors
        self._version = version
        self._subjects: list[Subject] = [*rules.values()]
        for signal in (signal for each in detectors for signal in each.signals):
            if signal.id in rules or any(signal.id == subject.id for subject in self._subjects[len(rules) :]):
                raise RuleError(f"rules: two are called {signal.id}")
            self._subjects.append(signal)
        self._known = {name for subject in self._subjects for name in names(subject)}
        self._wanted: set[tuple[str, ...]] = set()
        self._scanners: dict[tuple[str, ...], Scanner] = {}
        self._judged = Judged(settings.judged_texts)

    def edition(self, specs: Mapping[str, PolicySpec], own: Sequence[Rule]) -> Edition:
        """All policies, compiled. Raises RuleError."""
        for each in specs.values():
            for spec in (each, *(each.under(override) for override in each.overrides)):
                self._wanted |= {self._ids(self._chosen(named, spec.mode)) for named in (spec.prompt, spec.answer)}
        policies = {name: self._policy(name, each) for name, each in specs.items()}
        unused = [rule for rule in own if not any(rule.id in ids for ids in self._scanners)]
        Scanner(unused)  # refused even while unused
        return Edition(self._version, policies, sum(scanner.size for scanner in self._scanners.values()))

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
            unscannable=unscannable,
            overrides=overrides,
        )

    def _chosen(self, named: Named, mode: Mode) -> dict[str, Treatment]:
        """What is done about each subject that is looked for."""
        each = zip(self._subjects, treatments(self._subjects, named, mode), strict=True)
        return {subject.id: treatment for subject, treatment in each if treatment.action is not Action.ALLOW}

    def _ids(self, chosen: Mapping[str, Treatment]) -> tuple[str, ...]:
        return tuple(sorted(id for id in chosen if id in self._rules))

    def _host(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        """The rules to be compiled for these: those of another policy that has them all and few more, else they alone.

        Automata take megabytes; a hit of a rule that is not looked for costs less than a second automaton.
        """
        wanted = set(ids)
        hosts = [each for each in self._wanted if len(each) * _SHARED <= len(ids) and wanted.issubset(each)]
        return max(hosts, key=lambda each: (len(each), each), default=ids)

    def _check(self, where: str, named: Named) -> None:
        for name in named:
            if name not in self._known:
                raise RuleError(f"{where}.{name}: no rule and no kind is called that")

    def _inspection(self, named: Named, mode: Mode, *, always: bool = False) -> Inspection | None:
        chosen = self._chosen(named, mode)
        if not chosen and not always:
            return None
        settings = self._settings
        ids = self._host(self._ids(chosen))
        if ids not in self._scanners:
            self._scanners[ids] = Scanner([self._rules[id] for id in ids], self._kept)
        chosen = {**dict.fromkeys(ids, _NOTHING), **chosen}
        detectors = [each for each in self._detectors if any(signal.id in chosen for signal in each.signals)]
        return Inspection(
            self._scanners[ids], chosen, settings.max_findings, self._judged, settings.max_candidates, detectors
        )
