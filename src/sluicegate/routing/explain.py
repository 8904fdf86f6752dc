"""Why a route is as it is: every target of a model, whether a use case's data may reach it, and how it stands."""

from collections.abc import Sequence

import msgspec

from sluicegate.core.identity import UseCase
from sluicegate.core.provider import Strategy, Target
from sluicegate.routing.health import Health
from sluicegate.routing.plan import MEASURED, Plan
from sluicegate.routing.rules import places, within
from sluicegate.routing.strategies import Score


class Explained(msgspec.Struct, frozen=True):
    """One target, as it stands now."""

    deployment: str
    circuit: str
    provider: str
    place: str
    region: str
    order: int
    weight: int
    refused: str
    """What keeps this use case's data from it: `place`, `region`, or nothing."""
    state: str
    """`well`, `throttled` (others come first) or `open` (it has failed repeatedly and is not called)."""
    wait: float
    """Seconds until it may be called again, if it is not called now."""
    score: Score | None
    """Where the model's strategy measures: how it stands among those that may be called; less is better."""


class Explanation(msgspec.Struct, frozen=True):
    """All targets of a model, those that are refused last."""

    model: str
    strategy: Strategy
    targets: tuple[Explained, ...]


def explain(
    targets: Sequence[Target], model: str, binding: UseCase, health: Health, plan: Plan, *, on_prem_only: bool
) -> Explanation:
    """Why `binding`'s requests for `model` go where they go."""
    allowed_places = places(binding.classification, on_prem_only=on_prem_only)
    refused = {
        id(target): "place" if target.place not in allowed_places else "region"
        for target in targets
        if target.place not in allowed_places or not within(target.region, binding.regions)
    }
    allowed = [target for target in targets if id(target) not in refused]
    strategy = plan.strategy(model)
    callable_now = health.well(allowed) if strategy in MEASURED else ()
    scores = {id(target): score for target, score in zip(callable_now, plan.scored(model, callable_now), strict=True)}
    shown = [
        Explained(
            deployment=target.deployment,
            circuit=target.circuit,
            provider=target.provider,
            place=target.place.value,
            region=target.region,
            order=target.order,
            weight=target.weight,
            refused=refused.get(id(target), ""),
            state=_state(health, target),
            wait=health.wait((target,)),
            score=scores.get(id(target)),
        )
        for target in targets
    ]
    shown.sort(key=lambda one: (bool(one.refused), one.order, one.score.points if one.score else 0.0))
    return Explanation(model, strategy, tuple(shown))


def _state(health: Health, target: Target) -> str:
    if not health.available(target.circuit):
        return "open"
    return "throttled" if health.throttled(target.circuit) else "well"
