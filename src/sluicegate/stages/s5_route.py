"""Stage 5: the targets that may see this exchange's data, in the order they are tried."""

from collections.abc import Callable
from functools import lru_cache
from random import random
from typing import Protocol

import msgspec

from sluicegate.core.decision import Decision, Reason, Verdict, deny
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.exchange import Exchange
from sluicegate.core.identity import Classification
from sluicegate.core.provider import Place, Target
from sluicegate.core.stage import Passive
from sluicegate.routing.health import Health
from sluicegate.routing.rules import ordered, permitted

REMEMBERED = 4_096
"""Ways that are remembered before all are forgotten."""


class Models(Protocol):
    """What a model name means (`routing/catalog.py`)."""

    def targets(self, model: str) -> tuple[Target, ...]:
        """The deployments of `model`, the same tuple until they change; none if it is unknown."""


class _Way(msgspec.Struct, frozen=True):
    """Where one model's data of one classification may go."""

    targets: tuple[Target, ...]
    classification: Classification
    allowed: tuple[Target, ...]
    routed: Decision | None
    """What is decided where there is one target, and so one order."""


class Route(Passive):
    """Finds the model's deployments and keeps those whose place the classification permits; the rest is never called."""

    name = "s5_route"

    def __init__(self, catalog: Models, health: Health, chance: Callable[[], float] = random) -> None:
        self._catalog = catalog
        self._health = health
        self._chance = chance
        self._ways: dict[tuple[int, int, bool], _Way] = {}
        """By the identities of the first two that a way holds, which keeps those two alive, and by `on_prem_only`."""

    async def admit(self, exchange: Exchange) -> Decision:
        """Write `exchange.route`. Raises InvalidRequest (MODEL_UNKNOWN); denies with NO_PERMITTED_ROUTE."""
        targets = self._catalog.targets(exchange.ask.model)
        if not targets:
            raise InvalidRequest(Reason.MODEL_UNKNOWN, "There is no model of this name.", field="model")
        classification, on_prem_only = exchange.grant.use_case.classification, exchange.on_prem_only
        way = self._ways.get((id(targets), id(classification), on_prem_only))
        if way is None:
            way = self._find(targets, classification, on_prem_only)
        allowed = way.allowed
        if way.routed is not None:
            exchange.route = allowed
            return way.routed
        if not allowed:
            return deny(
                Reason.NO_PERMITTED_ROUTE,
                classification=classification.value,
                on_prem_only=int(on_prem_only),
                places=tuple(sorted({target.place.value for target in targets})),
            )
        exchange.route = route = ordered(self._health.well(allowed), self._chance())
        return _decided(route, classification)

    def _find(self, targets: tuple[Target, ...], classification: Classification, on_prem_only: bool) -> _Way:
        """A way not gone before."""
        allowed = permitted(classification, on_prem_only, targets)
        way = _Way(targets, classification, allowed, _decided(allowed, classification) if len(allowed) == 1 else None)
        if len(self._ways) >= REMEMBERED:
            self._ways.clear()
        self._ways[id(targets), id(classification), on_prem_only] = way
        return way


def _decided(route: tuple[Target, ...], classification: Classification) -> Decision:
    return _routed(tuple([target.deployment for target in route]), tuple([target.place for target in route]), classification)


@lru_cache(maxsize=4_096)
def _routed(deployments: tuple[str, ...], places: tuple[Place, ...], classification: Classification) -> Decision:
    """One object for what is decided again and again, so that the record encodes it once."""
    detail = {
        "deployments": deployments,
        "places": tuple(place.value for place in places),
        "classification": classification.value,
    }
    return Decision(Verdict.ALLOW, Reason.ROUTED, detail)
