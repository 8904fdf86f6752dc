"""The rules of routing, without input or output: where data may go, in which order, and what a model name means."""

from collections.abc import Iterable, Sequence

from sluicegate.core.identity import Classification
from sluicegate.core.provider import Place, Target

_EVERYWHERE = frozenset(Place)
_ON_PREM = frozenset({Place.ON_PREM})

PLACES: dict[Classification, frozenset[Place]] = {
    Classification.PUBLIC: _EVERYWHERE,
    Classification.INTERNAL: _EVERYWHERE,
    Classification.CONFIDENTIAL: frozenset({Place.ON_PREM, Place.PRIVATE_CLOUD}),
    Classification.SENSITIVE: _ON_PREM,
}
"""The places each classification may reach. One that is not listed reaches none."""

MAX_MODEL = 256
"""Characters of a model name; a longer one names nothing."""


def places(classification: Classification, *, on_prem_only: bool) -> frozenset[Place]:
    """Where data of `classification` may go; `on_prem_only` says that the prompt held what must stay on the premises."""
    allowed = PLACES.get(classification, frozenset())
    return allowed & _ON_PREM if on_prem_only else allowed


def permitted(
    classification: Classification, on_prem_only: bool, regions: Sequence[str], targets: Iterable[Target]
) -> tuple[Target, ...]:
    """The targets that may see the data, in the order they came in; no other rule may add to them.

    `regions` are names or patterns (`eu-*`); none permits every region, and a target without one is in no region.
    """
    allowed = places(classification, on_prem_only=on_prem_only)
    return tuple([target for target in targets if target.place in allowed and within(target.region, regions)])


def within(region: str, regions: Sequence[str]) -> bool:
    """Whether `region` is one of `regions`."""
    return not regions or any(region and matches(pattern, region) for pattern in regions)


def matches(pattern: str, name: str) -> bool:
    """Whether `name` is what `pattern` says, where `*` stands for any text. Linear in time, whatever the pattern."""
    if len(name) > MAX_MODEL:
        return False
    first, *middle = pattern.split("*")
    if not middle:
        return name == first
    last = middle.pop()
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
