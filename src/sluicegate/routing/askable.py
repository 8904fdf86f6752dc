"""The models that a use case may ask for, as far as they have names."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from sluicegate.core.identity import UseCase
from sluicegate.core.provider import Target
from sluicegate.routing.catalog import Listed
from sluicegate.routing.rules import permitted


class Models(Protocol):
    """What the catalogue says (`routing/catalog.py`)."""

    def models(self) -> Sequence[Listed]:
        """Every model that has a name of its own."""

    def patterns(self) -> Sequence[str]:
        """The names with wildcards that deployments have."""

    def targets(self, model: str) -> tuple[Target, ...]:
        """The deployments of a model."""


class Askable(msgspec.Struct, frozen=True):
    """`models` in alphabetical order; `patterns` of names that may be asked for as well and cannot be listed."""

    models: tuple[Listed, ...]
    patterns: tuple[str, ...]


def askable(catalog: Models, use_case: UseCase) -> Askable:
    """What `use_case` may ask for: allowed by name, and at a place that its data may go to.

    A name that the use case spells out counts where a deployment's pattern (`claude-*`) serves it, and so does an alias.
    """
    found = {model.name: model for model in _allowed(catalog, use_case)}
    patterns = [
        pattern
        for pattern in catalog.patterns()
        if any(_overlap(pattern, wildcard) for wildcard in use_case.wildcards)
        and _reachable(use_case, catalog.targets(pattern))
    ]
    return Askable(tuple(found[name] for name in sorted(found)), tuple(sorted(patterns)))


def one(catalog: Models, use_case: UseCase, name: str) -> Listed | None:
    """The model `name`, if `use_case` may ask for it."""
    meant = use_case.aliases.get(name, name)
    if use_case.models.fullmatch(meant) is None or not _reachable(use_case, targets := catalog.targets(meant)):
        return None
    return next((model for model in catalog.models() if model.name == name), Listed(name, targets[0].provider, 0))


def _allowed(catalog: Models, use_case: UseCase) -> Iterator[Listed]:
    listed = {model.name: model for model in catalog.models()}
    for model in listed.values():
        if use_case.models.fullmatch(model.name) and _reachable(use_case, catalog.targets(model.name)):
            yield model
    for name in use_case.names:
        if name not in listed and _reachable(use_case, targets := catalog.targets(name)):
            yield Listed(name, targets[0].provider, 0)
    for name in use_case.aliases:
        if (meant := one(catalog, use_case, name)) is not None:
            yield meant


def _reachable(use_case: UseCase, targets: Sequence[Target]) -> bool:
    return bool(permitted(use_case.classification, False, use_case.regions, targets))


def _overlap(one: str, other: str) -> bool:
    """Whether some name may be of both forms: their beginnings and their ends can be told from nothing else."""
    starts = one.partition("*")[0], other.partition("*")[0]
    ends = one.rpartition("*")[2], other.rpartition("*")[2]
    return (starts[0].startswith(starts[1]) or starts[1].startswith(starts[0])) and (
        ends[0].endswith(ends[1]) or ends[1].endswith(ends[0])
    )
