"""Stage 5: the targets that may see this exchange's data, in the order they are tried."""

from collections.abc import Callable
from functools import lru_cache
from random import random
from typing import Protocol

from sluicegate.core.decision import Decision, Reason, Verdict, deny
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.exchange import Exchange
from sluicegate.core.identity import Classification
from sluicegate.core.provider import Place, Target
from sluicegate.core.stage import Passive
from sluicegate.routing.health import Health
from sluicegate.routing.rules import ordered, permitted


class Models(Protocol):
    """What a model name means (`routing/catalog.py`)."""

    def targets(self, model: str) -> tuple[Target, ...]:
        """The deployments of `model`; none if it is unknown."""


class Route(Passive):
    """Finds the model's deployments and keeps those whose place the classification permits; the rest is never called."""

    name = "s5_route"

    def __init__(self, catalog: Models, health: Health, chance: Callable[[], float] = random) -> None:
        self._catalog = catalog
        self._health = health
        self._chance = chance

    async def admit(self, exchange: Exchange) -> Decision:
        """Write `exchange.route`. Raises InvalidRequest (MODEL_UNKNOWN); denies with NO_PERMITTED_ROUTE."""
        targets = self._catalog.targets(exchange.ask.model)
        if not targets:
            raise InvalidRequest(Reason.MODEL_UNKNOWN, "There is no model of this name.", field="model")
        classification = exchange.grant.use_case.classification
        allowed = permitted(classification, exchange.on_prem_only, targets)
        if not allowed:
            return deny(
                Reason.NO_PERMITTED_ROUTE,
                classification=classification.value,
                on_prem_only=int(exchange.on_prem_only),
                places=tuple(sorted({target.place.value for target in targets})),
            )
        exchange.route = route = ordered(self._health.well(allowed), self._chance())
        deployments = tuple([target.deployment for target in route])
        return _routed(deployments, tuple([target.place for target in route]), classification)


@lru_cache(maxsize=4_096)
def _routed(deployments: tuple[str, ...], places: tuple[Place, ...], classification: Classification) -> Decision:
    """One object for what is decided again and again, so that the record encodes it once."""
    detail = {
        "deployments": deployments,
        "places": tuple(place.value for place in places),
        "classification": classification.value,
    }
    return Decision(Verdict.ALLOW, Reason.ROUTED, detail)
