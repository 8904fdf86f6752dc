"""Packs: rules as data. A pack that ships is a file in `packs/`; an installation's own rules stand in its policy file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

from sluicegate.dlp.pattern import MAX_WIDTH, Node, PatternError, Ranges, one_class, parse, width
from sluicegate.dlp.validators import VALIDATORS

PACKS = Path(__file__).parent / "packs"

RuleId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]{0,31}$")]
Example = str | list[str]
"""A text, or its parts to be joined: what looks like a credential never stands whole in a file."""

CONTEXT_REACH = 64
"""How many characters before a match may hold its context words."""
MAX_REGION = 32_768
"""The most characters a region (from a pattern until another) may hold."""

_BOUNDARIES = {"none": "", "alnum": "[A-Za-z0-9]", "word": "[A-Za-z0-9_]", "digit": "[0-9]"}


class RuleError(ValueError):
    """A rule cannot be used; the message names it and says why."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing to find."""

    id: RuleId
    kind: RuleId
    severity: Literal["low", "medium", "high", "critical"]
    pattern: str
    label: Label
    """What stands in place of a finding, in brackets."""
    ignore_case: bool = False
    validator: str | None = None
    """A name of `validators.VALIDATORS`."""
    before: str = "alnum"
    """What may not stand right before a match: `none`, `alnum`, `word`, `digit`, or a class such as `[A-Za-z0-9._-]`."""
    after: str = "alnum"
    """What may not stand right after a match, in the same words."""
    context: tuple[str, ...] = ()
    """Words of which one must stand in the CONTEXT_REACH characters before a match, in any case."""
    until: str | None = None
    """With it a finding goes from a match on to the end of the next match of this pattern, or `reach` characters."""
    reach: Annotated[int, msgspec.Meta(gt=0, le=MAX_REGION)] = MAX_REGION
    source: str = ""
    """Where the format is published."""
    match: tuple[Example, ...] = ()
    no_match: tuple[Example, ...] = ()

    @property
    def replacement(self) -> str:
        """What stands in place of a finding."""
        return f"[{self.label}]"

    @property
    def rank(self) -> int:
        """The severity as a number, greater for more severe."""
        return ("low", "medium", "high", "critical").index(self.severity)


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a pack."""

    pack: RuleId
    description: str
    rules: tuple[Rule, ...]


class Form(msgspec.Struct, frozen=True):
    """A rule's pattern as the scanner compiles it: the trees, and what may not stand around a match."""

    node: Node
    closing: Node | None
    before: Ranges
    after: Ranges
    width: int


def form(rule: Rule) -> Form:
    """The compiled form of `rule`. Raises RuleError."""
    try:
        node = parse(rule.pattern)
        closing = None if rule.until is None else parse(rule.until)
        before, after = _boundary(rule.before), _boundary(rule.after)
    except PatternError as error:
        raise RuleError(f"rule {rule.id}: pattern refused: {error}") from None
    if rule.validator is not None and rule.validator not in VALIDATORS:
        raise RuleError(
            f"rule {rule.id}: no validator is called {rule.validator}; there are {', '.join(sorted(VALIDATORS))}"
        )
    if any(not word or len(word) > CONTEXT_REACH for word in rule.context):
        raise RuleError(f"rule {rule.id}: a context word has 1 to {CONTEXT_REACH} characters")
    return Form(node, closing, before, after, max(width(node)[1], 0 if closing is None else width(closing)[1]))


def _boundary(source: str) -> Ranges:
    named = _BOUNDARIES.get(source, source)
    return one_class(named) if named else ()


def example(parts: Example) -> str:
    """The text of an example."""
    return parts if isinstance(parts, str) else "".join(parts)


def shipped() -> tuple[Sequence[Pack], bytes]:
    """The packs that ship, in the order of their file names, and their bytes for the policy version."""
    contents = [path.read_bytes() for path in sorted(PACKS.glob("*.yaml"))]
    return [read_pack(content) for content in contents], b"\0".join(contents)


def read_pack(content: bytes) -> Pack:
    """A pack from its YAML. Raises RuleError naming the place that is wrong."""
    try:
        return msgspec.convert(yaml.safe_load(content), Pack)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise RuleError(f"a pack cannot be read: {error}") from None


__all__ = ["CONTEXT_REACH", "MAX_WIDTH", "Form", "Pack", "Rule", "RuleError", "example", "form", "read_pack", "shipped"]
