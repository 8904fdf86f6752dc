"""Packs: rules as data. A pack that ships is a file in `packs/`; an installation's own rules stand in its policy file."""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml
from yaml import CSafeLoader

from sluicegate.dlp import kept as folder
from sluicegate.dlp.pattern import MAX_WIDTH, Node, PatternError, Ranges, one_class, parse, width
from sluicegate.dlp.validators import UnknownValidator, Validator, validator_of
from sluicegate.dlp.values import VALUES, Finder

PACKS = Path(__file__).parent / "packs"

RuleId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]{0,31}$")]
Jurisdiction = Annotated[str, msgspec.Meta(pattern=r"^(?:[A-Z]{2}|INT)$")]
"""Where a rule's numbers are given out: a country (ISO 3166-1 alpha-2), `EU`, or `INT` for what is bound to none."""
Example = str | list[str]
"""A text, or its parts to be joined: what looks like a credential never stands whole in a file."""

CONTEXT_REACH = 64
"""How many characters before a match may hold its context words."""
MAX_REGION = 32_768
"""The most characters a region (from a pattern until another) may hold."""

_BOUNDARIES = {"none": "", "alnum": "[A-Za-z0-9]", "word": "[A-Za-z0-9_]", "digit": "[0-9]"}


class RuleError(ValueError):
    """A rule cannot be used; the message names it and says why."""


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a policy can name: something that can be found, by a rule or by a detector."""

    id: RuleId
    kind: RuleId
    severity: Literal["low", "medium", "high", "critical"]
    label: Label
    """What stands in place of a finding, in brackets."""
    jurisdiction: Jurisdiction | Literal[""]

    @property
    def replacement(self) -> str:
        """What stands in place of a finding."""
        return f"[{self.label}]"

    @property
    def rank(self) -> int:
        """The severity as a number, greater for more severe."""
        return ("low", "medium", "high", "critical").index(self.severity)


class Rule(Subject, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing to find by its pattern."""

    pattern: str
    jurisdiction: Jurisdiction | Literal[""] = ""
    """Its pack's where the rule says none; after reading it is never empty."""
    ignore_case: bool = False
    validator: str | None = None
    """A name that `validators.validator_of` knows."""
    value: str | None = None
    """What tells where in a match the value stands, which alone is redacted or tokenised: a name of `values.VALUES`."""
    before: str = "alnum"
    """What may not stand right before a match: `none`, `alnum`, `word`, `digit`, or a class such as `[A-Za-z0-9._-]`."""
    after: str = "alnum"
    """What may not stand right after a match, in the same words."""
    context: tuple[str, ...] = ()
    """Words of which one must stand in the CONTEXT_REACH characters before a match, in any case.

    One written in capitals (`NIF`) is an abbreviation: neither letter nor digit may stand beside it.
    """
    until: str | None = None
    """With it a finding goes from a match on to the end of the next match of this pattern, or `reach` characters."""
    reach: Annotated[int, msgspec.Meta(gt=0, le=MAX_REGION)] = MAX_REGION
    source: str = ""
    """Where the format is published."""
    match: tuple[Example, ...] = ()
    no_match: tuple[Example, ...] = ()


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a pack."""

    pack: RuleId
    description: str
    rules: tuple[Rule, ...]
    jurisdiction: Jurisdiction = "INT"
    """Of the rules that name none."""


class Form(msgspec.Struct, frozen=True):
    """A rule's pattern as the scanner compiles it: the trees, and what may not stand around a match."""

    node: Node
    closing: Node | None
    before: Ranges
    after: Ranges
    width: int


def form(rule: Rule) -> Form:
    """The compiled form of `rule`, all of which can be used. Raises RuleError."""
    try:
        node = parse(rule.pattern)
        closing = None if rule.until is None else parse(rule.until)
        before, after = _boundary(rule.before), _boundary(rule.after)
    except PatternError as error:
        raise RuleError(f"rule {rule.id}: pattern refused: {error}") from None
    check_of(rule)
    value_of(rule)
    if any(not word or len(word) > CONTEXT_REACH for word in rule.context):
        raise RuleError(f"rule {rule.id}: a context word has 1 to {CONTEXT_REACH} characters")
    return Form(node, closing, before, after, max(width(node)[1], 0 if closing is None else width(closing)[1]))


def check_of(rule: Rule) -> Validator | None:
    """What a match must pass, if anything. Raises RuleError."""
    try:
        return None if rule.validator is None else validator_of(rule.validator, rule.jurisdiction)
    except UnknownValidator as error:
        raise RuleError(f"rule {rule.id}: {error}") from None


def value_of(rule: Rule) -> Finder | None:
    """What tells where in a match the value stands; None where that is all of it. Raises RuleError."""
    if rule.value is None:
        return None
    if rule.value not in VALUES:
        raise RuleError(f"rule {rule.id}: no value is called {rule.value}; there are {', '.join(VALUES)}")
    if rule.until is not None:
        raise RuleError(f"rule {rule.id}: a finding that goes on until something is redacted whole: it has no `value`")
    return VALUES[rule.value]


def near_of(rule: Rule) -> Validator | None:
    """What tells if the characters before a match hold a context word; None where none is needed.

    The first of those characters is only what stands before the others.
    """
    return _near(rule.context) if rule.context else None


def _near(context: Sequence[str]) -> Validator:
    plain = [word.lower() for word in context if not word.isupper()]
    whole = [re.escape(word.lower()) for word in context if word.isupper()]
    abbreviation = re.compile(rf"(?<![^\W_])(?:{'|'.join(whole)})(?![^\W_])").search if whole else None

    def near(text: str) -> bool:
        text = text.lower()
        return any(text.find(word, 1) > 0 for word in plain) or (
            abbreviation is not None and abbreviation(text, 1) is not None
        )

    return near


def _boundary(source: str) -> Ranges:
    named = _BOUNDARIES.get(source, source)
    return one_class(named) if named else ()


def example(parts: Example) -> str:
    """The text of an example."""
    return parts if isinstance(parts, str) else "".join(parts)


def shipped() -> tuple[Sequence[Pack], bytes]:
    """The packs that ship, in the order of their file names, and their bytes."""
    contents = _contents()
    return [read_pack(content) for content in contents], b"\0".join(contents)


def library(kept: Path | None = None) -> tuple[Sequence[Rule], bytes]:
    """The rules of the packs that ship, without their examples, and the digest of the packs. Raises RuleError.

    They are kept in the folder `kept`, where a start reads them in a tenth of the time.
    """
    contents = _contents()
    digest = sha256(b"\0".join(contents)).digest()
    name = folder.name_of("rules", folder.program(), digest)
    data = None if kept is None else folder.read(kept, name)
    if data is not None:
        return msgspec.msgpack.decode(data, type=tuple[Rule, ...]), digest
    rules = [plain(rule) for content in contents for rule in read_pack(content).rules]
    if kept is not None:
        folder.keep(kept, name, msgspec.msgpack.encode(rules))
    return rules, digest


def plain(rule: Rule) -> Rule:
    """The rule without what only people and tests read."""
    return msgspec.structs.replace(rule, source="", match=(), no_match=())


def _contents() -> Sequence[bytes]:
    return [path.read_bytes() for path in sorted(PACKS.glob("*.yaml"))]


def read_yaml(content: bytes) -> object:
    """What the YAML says, as `yaml.safe_load` reads it, in a tenth of the time. Raises yaml.YAMLError."""
    loader = CSafeLoader(content)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def read_pack(content: bytes) -> Pack:
    """A pack from its YAML. Raises RuleError naming the place that is wrong."""
    try:
        pack = msgspec.convert(read_yaml(content), Pack)  # safe, and written in C
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise RuleError(f"a pack cannot be read: {error}") from None
    return msgspec.structs.replace(pack, rules=placed(pack.rules, pack.jurisdiction))


def placed(rules: Sequence[Rule], jurisdiction: str = "INT") -> tuple[Rule, ...]:
    """The rules, with the jurisdiction given where they name none."""
    return tuple(rule if rule.jurisdiction else msgspec.structs.replace(rule, jurisdiction=jurisdiction) for rule in rules)


__all__ = [
    "CONTEXT_REACH",
    "MAX_WIDTH",
    "Form",
    "Pack",
    "Rule",
    "RuleError",
    "check_of",
    "example",
    "form",
    "library",
    "near_of",
    "placed",
    "plain",
    "read_pack",
    "read_yaml",
    "shipped",
    "value_of",
]
