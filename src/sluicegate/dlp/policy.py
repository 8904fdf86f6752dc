"""Guardrail policies: a file that names rules or kinds and what is done about each, read again when it changes."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from sluicegate.dlp.engine import Scanner
from sluicegate.dlp.findings import Action
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.packs import Rule, RuleError, placed, shipped
from sluicegate.settings import Dlp

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "policies.yaml"
MAX_POLICY_BYTES = 4 * 1024 * 1024
MAX_RULES = 10_000


class PolicyError(Exception):
    """A policy file cannot be used; the message names the place in it, and says why."""


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


class Policy(msgspec.Struct, frozen=True):
    """A policy, compiled. An inspection is None where the policy has nothing for that direction."""

    name: str
    version: str
    prompt: Inspection | None
    answer: Inspection | None
    unscannable_blocks: bool


class Edition(msgspec.Struct, frozen=True):
    """All policies at one version; `version` is the beginning of the SHA-256 of the policy file and the packs."""

    version: str
    policies: Mapping[str, Policy]
    scanner_bytes: int


class UnknownPolicy(Exception):
    """A use case names a guardrail policy that the policy file does not have."""


class Policies:
    """The policies in force. An edition is swapped whole, so that one look-up sees one version."""

    def __init__(self, settings: Dlp, kept: Path | None = None) -> None:
        """Read and compile, which takes a while, unless the folder `kept` has the automata already. Raises PolicyError."""
        self._settings = settings
        self._kept = kept
        self.path = Path(settings.policies) if settings.policies else SHIPPED
        self.edition = _compile(self.path, settings, kept)
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
            edition = await asyncio.to_thread(_compile, self.path, self._settings, self._kept)
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


def _compile(path: Path, settings: Dlp, kept: Path | None) -> Edition:
    try:
        content = path.read_bytes()
        if len(content) > MAX_POLICY_BYTES:
            raise PolicyError(f"{path}: larger than {MAX_POLICY_BYTES} bytes")
        spec = msgspec.convert(yaml.safe_load(content), PolicyFile)
        packs, pack_bytes = shipped()
        own = placed(spec.rules)
        rules = _rules([*(rule for pack in packs for rule in pack.rules), *own])
        policies = {name: _policy(name, each) for name, each in spec.policies.items()}
        version = sha256(content + b"\0" + pack_bytes).hexdigest()[:16]
        return _edition(policies, own, rules, version, settings, kept)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError, RuleError) as error:
        raise PolicyError(f"{path}: {error}") from None


def _policy(name: str, written: dict[str, object]) -> PolicySpec:
    try:
        return msgspec.convert(written, PolicySpec)
    except msgspec.ValidationError as error:
        raise RuleError(f"policies.{name}: {error}") from None


def _rules(rules: Sequence[Rule]) -> Mapping[str, Rule]:
    if len(rules) > MAX_RULES:
        raise RuleError(f"more than {MAX_RULES} rules")
    named: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in named:
            raise RuleError(f"rules: two are called {rule.id}")
        named[rule.id] = rule
    return named


def _edition(
    specs: Mapping[str, PolicySpec],
    own: Sequence[Rule],
    rules: Mapping[str, Rule],
    version: str,
    settings: Dlp,
    kept: Path | None,
) -> Edition:
    known = {name for rule in rules.values() for name in names(rule)}
    scanners: dict[tuple[str, ...], Scanner] = {}
    judged = Judged(settings.judged_texts)

    def inspection(where: str, named: Mapping[str, Action], *, always: bool = False) -> Inspection | None:
        for name in named:
            if name not in known:
                raise RuleError(f"{where}.{name}: no rule and no kind is called that")
        chosen = {rule.id: _action(rule, named) for rule in rules.values()}
        ids = tuple(sorted(id for id, action in chosen.items() if action is not Action.ALLOW))
        if not ids and not always:
            return None
        if ids not in scanners:
            scanners[ids] = Scanner([rules[id] for id in ids], kept)
        decoded = settings.max_decode_depth, settings.max_encoded_run
        return Inspection(scanners[ids], chosen, settings.max_findings, judged, settings.max_candidates, decoded)

    policies = {
        name: Policy(
            name,
            version,
            inspection(f"policies.{name}.prompt", each.prompt),
            inspection(f"policies.{name}.answer", each.answer, always=each.unscannable == "block"),
            each.unscannable == "block",
        )
        for name, each in specs.items()
    }
    Scanner([rule for rule in own if not any(rule.id in ids for ids in scanners)])  # refused even while unused
    return Edition(version, policies, sum(scanner.size for scanner in scanners.values()))


def names(rule: Rule) -> tuple[str, ...]:
    """What a policy can call `rule`, the narrowest first; `*` last, which is always known."""
    place = rule.jurisdiction
    return rule.id, f"{rule.kind}.{place}", f"*.{place}", rule.kind, "*"


def _action(rule: Rule, named: Mapping[str, Action]) -> Action:
    return next((named[name] for name in names(rule) if name in named), Action.ALLOW)
