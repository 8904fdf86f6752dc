"""Guardrail policies: a file that names rules or kinds and what is done about each, read again when it changes."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache
from hashlib import sha256
from pathlib import Path
from time import time
from typing import Literal

import msgspec
import yaml

from sluicegate.dlp.engine import Scanner
from sluicegate.dlp.findings import Action
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.packs import Pack, Rule, RuleError, placed, shipped
from sluicegate.dlp.policy_rows import PolicyRow, RowKey, said
from sluicegate.settings import Dlp

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "policies.yaml"
MAX_POLICY_BYTES = 4 * 1024 * 1024
MAX_RULES = 10_000


class PolicyError(Exception):
    """The policies cannot be used; the message names the place, and says why."""


class RowError(PolicyError):
    """A row cannot be used; `place` is what is wrong where in its document."""

    def __init__(self, row: PolicyRow, place: str) -> None:
        super().__init__(f"{row.where}: {place}")
        self.place = place


class PolicySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One policy as written. A name in `prompt` and `answer` is one of `names`; the narrowest one counts."""

    prompt: dict[str, Action]
    answer: dict[str, Action]
    unscannable: Literal["allow", "block"] = "allow"
    description: str = ""


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: policies by name, and rules of one's own beside the packs that ship."""

    policies: dict[str, dict[str, object]]
    rules: tuple[Rule, ...] = ()


class Chosen(msgspec.Struct, frozen=True):
    """What a scanner looks for: the ids of its rules, and those that are not of the packs, encoded."""

    rules: tuple[str, ...]
    own: bytes


class Policy(msgspec.Struct, frozen=True):
    """A policy, compiled. An inspection is None where the policy has nothing for that direction."""

    name: str
    version: str
    prompt: Inspection | None
    answer: Inspection | None
    unscannable_blocks: bool


class Edition(msgspec.Struct, frozen=True):
    """All policies at one version: the beginning of the SHA-256 of the policy file, the packs and the rows."""

    version: str
    policies: Mapping[str, Policy]
    own: Mapping[tuple[str, str], Policy]
    """Those of one organisation alone, by its id and their name."""
    broken: Mapping[RowKey, str]
    """Rows that cannot be compiled and that nothing was in force instead of, and why: what names one of them is refused."""
    rules: Sequence[Rule]
    """What every policy can name: the rules of the packs and of the file."""
    file: Set[str]
    """The names of the file's policies."""
    scanners: Mapping[Chosen, Scanner]

    @property
    def scanner_bytes(self) -> int:
        """Bytes of the compiled automata."""
        return sum(scanner.size for scanner in self.scanners.values())

    def policy(self, name: str, organisation: str | None = None) -> Policy:
        """The policy that a use case of `organisation` means by `name`. Raises UnknownPolicy, which refuses the exchange."""
        policy = self.own.get((organisation, name)) if self.own and organisation is not None else None
        if policy is None and (organisation, name) not in self.broken and (None, name) not in self.broken:
            policy = self.policies.get(name)
        if policy is None:
            raise UnknownPolicy(f"no guardrail policy is called {name!r}")
        return policy


class UnknownPolicy(Exception):
    """A use case names a guardrail policy that there is not, or that cannot be compiled."""


class State(msgspec.Struct):
    """How the last readings of the policies went."""

    loaded_at: float
    """Seconds since the epoch of the last one that was good."""
    failure: str | None = None
    """Why what stands in the file and the rows now is not what is in force; None where it is."""
    failed: int = 0
    """How many failed since the start."""


class Policies:
    """The policies in force. An edition is swapped whole, so that one look-up sees one version."""

    def __init__(self, settings: Dlp, kept: Path | None = None, rows: Sequence[PolicyRow] = ()) -> None:
        """Read and compile, which takes a while, unless the folder `kept` has the automata already. Raises PolicyError."""
        self._settings = settings
        self._kept = kept
        self.path = Path(settings.policies) if settings.policies else SHIPPED
        self.rows = tuple(rows)
        """The rows in force beside the file, or those that could not be compiled with it."""
        self._alone = asyncio.Lock()
        self._warm: Mapping[Chosen, Scanner] = {}
        self.edition = compile_edition(self.path, settings, kept, self.rows)
        self.state = State(time())

    @property
    def version(self) -> str:
        """The version in force."""
        return self.edition.version

    @property
    def failure(self) -> str | None:
        """Why the file and the rows as they are now are not what is in force; None where they are."""
        return self.state.failure

    def policy(self, name: str, organisation: str | None = None) -> Policy:
        """The policy in force that a use case of `organisation` means by `name`. Raises UnknownPolicy."""
        return self.edition.policy(name, organisation)

    async def reload(self) -> bool:
        """Read the file again, off the event loop; a broken one leaves the old edition in force. True if it was good."""
        return await self.adopt(None)

    async def adopt(self, rows: Sequence[PolicyRow] | None, *, first: bool = False) -> bool:
        """Compile the file with these rows, unless None with the ones known; True if that is in force now.

        The `first` time nothing is in force that could stay in place of a row that cannot be compiled: it is left out, and
        what names it is refused until it is put right.
        """
        async with self._alone:
            if rows is not None:
                self.rows = tuple(rows)
            try:
                excused = frozenset(row.key for row in self.rows) if first else frozenset(self.edition.broken)
                edition = await self._compiled(self.rows, excused)
            except PolicyError as error:
                self._failed(str(error))
                return False
            if edition.version != self.edition.version:
                self.edition = edition
                log.info("guardrail policies read", extra={"policy_version": edition.version})
            self._warm = {}
            self.state.loaded_at = time()
            self.state.failure = None
            if edition.broken:
                self._failed("; ".join(edition.broken.values()))
            return not edition.broken

    async def check(self, row: PolicyRow) -> None:
        """Whether `row` could be in force beside the file; rows know nothing of each other. Raises PolicyError."""
        async with self._alone:
            edition = await self._compiled([row])
            self._warm = edition.scanners  # it is about to be asked for

    async def _compiled(self, rows: Sequence[PolicyRow], excused: Set[RowKey] = frozenset()) -> Edition:
        known = {**self._warm, **self.edition.scanners}
        return await asyncio.to_thread(compile_edition, self.path, self._settings, self._kept, rows, known, excused)

    def _failed(self, why: str) -> None:
        self.state.failure = why
        self.state.failed += 1
        log.error("the guardrail policies are broken; the old ones stay in force: %s", why)

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


def compile_edition(
    path: Path,
    settings: Dlp,
    kept: Path | None = None,
    rows: Sequence[PolicyRow] = (),
    known: Mapping[Chosen, Scanner] | None = None,
    excused: Set[RowKey] = frozenset(),
) -> Edition:
    """The file at `path` with `rows`, compiled; scanners that are among `known` are taken from there.

    Raises PolicyError naming the place that is wrong. A wrong row that is `excused` is told in the edition instead.
    """
    try:
        content = path.read_bytes()
        if len(content) > MAX_POLICY_BYTES:
            raise PolicyError(f"{path}: larger than {MAX_POLICY_BYTES} bytes")
        spec = msgspec.convert(yaml.safe_load(content), PolicyFile)
        packs, pack_bytes = _packs()
        version = sha256(b"\0".join((content, pack_bytes, *filter(None, (said(rows),))))).hexdigest()[:16]
        compiler = _Compiler([rule for pack in packs for rule in pack.rules], spec, version, settings, kept, known or {})
        policies = {name: compiler.policy(name, each, where=f"policies.{name}") for name, each in spec.policies.items()}
        compiler.finish()
    except yaml.YAMLError as error:
        raise PolicyError(f"{path}: {_place(error)}") from None
    except (OSError, UnicodeDecodeError, msgspec.ValidationError, RuleError) as error:
        raise PolicyError(f"{path}: {error}") from None
    own: dict[tuple[str, str], Policy] = {}
    broken: dict[RowKey, str] = {}
    for row in rows:
        try:
            policy = compiler.row(row)
        except RuleError as error:
            if row.key not in excused:
                raise RowError(row, str(error)) from None
            broken[row.key] = f"{row.where}: {error}"
            continue
        if row.organisation is None:
            policies[row.name] = policy
        else:
            own[row.organisation, row.name] = policy
    return Edition(version, policies, own, broken, compiler.rules, frozenset(spec.policies), compiler.scanners)


@cache
def _packs() -> tuple[Sequence[Pack], bytes]:
    """The packs that ship, which stay what they are while the process lives."""
    return shipped()


def _place(error: yaml.YAMLError) -> str:
    """What is wrong where, without a quotation of the file."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return "no YAML"
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return said if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {said}"


class _Compiler:
    """Makes the policies of one edition, which share what they can."""

    def __init__(
        self,
        packs: Sequence[Rule],
        file: PolicyFile,
        version: str,
        settings: Dlp,
        kept: Path | None,
        known: Mapping[Chosen, Scanner],
    ) -> None:
        self._own = placed(file.rules)
        self._rules = _rules([*packs, *self._own])
        self._packs = frozenset(rule.id for rule in packs)
        self._version = version
        self._settings = settings
        self._kept = kept
        self._known = known
        self._judged = Judged(settings.judged_texts)
        self._used: set[int] = set()
        """The identities of the rules, other than the packs', that a scanner was made for."""
        self.scanners: dict[Chosen, Scanner] = {}

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that every policy knows."""
        return tuple(self._rules.values())

    def policy(self, name: str, written: object, rules: Sequence[Rule] = (), where: str = "") -> Policy:
        """The policy written so; `rules` are its own, which no other knows. Raises RuleError."""
        try:
            spec = msgspec.convert(written, PolicySpec)
        except msgspec.ValidationError as error:
            raise RuleError(f"{where}: {error}" if where else str(error)) from None
        prefix = f"{where}." if where else ""
        known = _rules([*self._rules.values(), *rules]) if rules else self._rules
        return Policy(
            name,
            self._version,
            self._inspection(f"{prefix}prompt", spec.prompt, known),
            self._inspection(f"{prefix}answer", spec.answer, known, always=spec.unscannable == "block"),
            spec.unscannable == "block",
        )

    def row(self, row: PolicyRow) -> Policy:
        """The policy of a row. Raises RuleError."""
        try:
            rules = placed(msgspec.convert(row.document.get("rules", ()), tuple[Rule, ...]))
        except msgspec.ValidationError as error:
            raise RuleError(f"rules: {error}") from None
        policy = self.policy(row.name, {key: each for key, each in row.document.items() if key != "rules"}, rules)
        self._refuse_unusable(rules)
        return policy

    def finish(self) -> None:
        """Raises RuleError for a rule of the file that cannot be used, even where no policy names it."""
        self._refuse_unusable(self._own)

    def _refuse_unusable(self, rules: Sequence[Rule]) -> None:
        Scanner([rule for rule in rules if id(rule) not in self._used])

    def _inspection(
        self, where: str, named: Mapping[str, Action], rules: Mapping[str, Rule], *, always: bool = False
    ) -> Inspection | None:
        known = {name for rule in rules.values() for name in names(rule)}
        for name in named:
            if name not in known:
                raise RuleError(f"{where}.{name}: no rule and no kind is called that")
        chosen = {rule.id: _action(rule, named) for rule in rules.values()}
        looked_for = [rules[id] for id in sorted(chosen) if chosen[id] is not Action.ALLOW]
        if not looked_for and not always:
            return None
        scanner = self._scanner(looked_for)
        settings = self._settings
        return Inspection(scanner, chosen, settings.max_findings, self._judged, settings.max_candidates)

    def _scanner(self, rules: Sequence[Rule]) -> Scanner:
        own = [rule for rule in rules if rule.id not in self._packs]
        key = Chosen(tuple(rule.id for rule in rules), msgspec.json.encode(own) if own else b"")
        scanner = self.scanners.get(key) or self._known.get(key) or Scanner(rules, self._kept)
        self.scanners[key] = scanner
        self._used |= {id(rule) for rule in own}
        return scanner


def _rules(rules: Sequence[Rule]) -> Mapping[str, Rule]:
    if len(rules) > MAX_RULES:
        raise RuleError(f"more than {MAX_RULES} rules")
    named: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in named:
            raise RuleError(f"rules: two are called {rule.id}")
        named[rule.id] = rule
    return named


def names(rule: Rule) -> tuple[str, ...]:
    """What a policy can call `rule`, the narrowest first; `*` last, which is always known."""
    place = rule.jurisdiction
    return rule.id, f"{rule.kind}.{place}", f"*.{place}", rule.kind, "*"


def _action(rule: Rule, named: Mapping[str, Action]) -> Action:
    return next((named[name] for name in names(rule) if name in named), Action.ALLOW)
