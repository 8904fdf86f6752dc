"""Stage 5: the targets that may see this exchange's data, in the order they are tried."""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from typing import Protocol

import msgspec

from sluicegate.core.decision import Decision, Reason, Verdict, deny
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.exchange import Exchange, Kept
from sluicegate.core.identity import Classification, UseCase
from sluicegate.core.provider import Place, Target
from sluicegate.core.stage import Passive
from sluicegate.routing.health import Health
from sluicegate.routing.plan import Arranged
from sluicegate.routing.rules import permitted

ROUTE_HEADER = "x-sluicegate-route"
"""Tells the client how its deployments stood where a strategy measures them (`docs/routing.md`)."""

REMEMBERED = 4_096
"""Ways that are remembered before all are forgotten."""


OWN = Decision(Verdict.ALLOW, Reason.ROUTED, {"deployments": ()})
"""No model is asked for: the gateway answers by itself."""


class Models(Protocol):
    """What a model name means (`routing/catalog.py`)."""

    def targets(self, model: str) -> tuple[Target, ...]:
        """The deployments of `model`, the same tuple until they change; none if it is unknown."""


class _Way(msgspec.Struct, frozen=True):
    """Where one model's data of one use case may go."""

    targets: tuple[Target, ...]
    binding: UseCase
    allowed: tuple[Target, ...]
    routed: Decision | None
    """What is decided where there is one target, and so one order."""


class Arrangement(Protocol):
    """In which order the targets of a model are tried (`routing/plan.py`)."""

    def arrange(self, model: str, targets: Sequence[Target]) -> Arranged:
        """`targets`, at least two, in the order they are tried."""


class Route(Passive):
    """Finds the model's deployments and keeps those whose place and region are permitted; the rest is never called."""

    name = "s5_route"

    def __init__(self, catalog: Models, health: Health, plan: Arrangement) -> None:
        self._catalog = catalog
        self._health = health
        self._plan = plan
        self._ways: dict[tuple[int, int, bool], _Way] = {}
        """By the identities of the first two that a way holds, which keeps those two alive, and by `on_prem_only`."""

    async def admit(self, exchange: Exchange) -> Decision:
        """Write `exchange.route`. Raises InvalidRequest (MODEL_UNKNOWN); denies with NO_PERMITTED_ROUTE, CIRCUIT_OPEN."""
        model = exchange.ask.model
        if exchange.kept is not None:
            return self._confined(exchange, exchange.kept)
        if not model:
            exchange.route = ()
            return OWN
        targets = self._catalog.targets(model)
        if not targets:
            raise InvalidRequest(Reason.MODEL_UNKNOWN, "There is no model of this name.", field="model")
        binding, on_prem_only = exchange.grant.use_case, exchange.on_prem_only
        way = self._ways.get((id(targets), id(binding), on_prem_only))
        if way is None:
            way = self._find(targets, binding, on_prem_only)
        allowed = way.allowed
        if not allowed:
            return _unreachable(binding, on_prem_only, targets)
        well = self._health.well(allowed)
        if way.routed is not None and well:
            exchange.route = allowed
            return way.routed
        if not well:
            wait = ceil(self._health.wait(allowed))
            exchange.response_headers["retry-after"] = str(wait)
            return deny(Reason.CIRCUIT_OPEN, deployments=_names(allowed), retry_after=wait)
        if len(well) == 1:
            exchange.route = route = tuple(well)
        else:
            arranged = self._plan.arrange(exchange.ask.model, well)
            exchange.route = route = arranged.targets
            if arranged.told:
                exchange.response_headers[ROUTE_HEADER] = arranged.told
        return _decided(route, binding.classification)

    def _confined(self, exchange: Exchange, kept: Kept) -> Decision:
        """The targets that can reach a stored answer: those of its provider, with its credential."""
        binding, model = exchange.grant.use_case, exchange.ask.model or kept.model
        targets = [target for target in self._catalog.targets(model) if _account(target) == (kept.provider, kept.account)]
        if not targets:
            about = "no longer here" if not exchange.ask.model else "not where that answer is kept"
            raise InvalidRequest(Reason.ANSWER_UNKNOWN, f"The model's deployment is {about}.", field="previous_response_id")
        allowed = permitted(binding.classification, exchange.on_prem_only, binding.regions, targets)
        if not allowed:
            return _unreachable(binding, exchange.on_prem_only, targets)
        exchange.route = allowed
        return _decided(allowed, binding.classification)

    def _find(self, targets: tuple[Target, ...], binding: UseCase, on_prem_only: bool) -> _Way:
        """A way not gone before."""
        classification = binding.classification
        allowed = permitted(classification, on_prem_only, binding.regions, targets)
        way = _Way(targets, binding, allowed, _decided(allowed, classification) if len(allowed) == 1 else None)
        if len(self._ways) >= REMEMBERED:
            self._ways.clear()
        self._ways[id(targets), id(binding), on_prem_only] = way
        return way


def _account(target: Target) -> tuple[str, str]:
    """Whose answers a target reaches."""
    return target.provider, "" if target.credential is None else target.credential.reference


def _unreachable(binding: UseCase, on_prem_only: bool, targets: Sequence[Target]) -> Decision:
    return deny(
        Reason.NO_PERMITTED_ROUTE,
        classification=binding.classification.value,
        on_prem_only=int(on_prem_only),
        places=tuple(sorted({target.place.value for target in targets})),
    )


def _decided(route: tuple[Target, ...], classification: Classification) -> Decision:
    return _routed(_names(route), tuple([target.place for target in route]), classification)


def _names(targets: Sequence[Target]) -> tuple[str, ...]:
    return tuple([target.deployment for target in targets])


@lru_cache(maxsize=4_096)
def _routed(deployments: tuple[str, ...], places: tuple[Place, ...], classification: Classification) -> Decision:
    """One object for what is decided again and again, so that the record encodes it once."""
    detail = {
        "deployments": deployments,
        "places": tuple(place.value for place in places),
        "classification": classification.value,
    }
    return Decision(Verdict.ALLOW, Reason.ROUTED, detail)
