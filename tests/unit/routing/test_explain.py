import msgspec

from sluicegate.core.provider import Place, Strategy
from sluicegate.routing.explain import Explained, explain
from sluicegate.routing.health import FAILURES, Health
from sluicegate.routing.plan import Plan
from sluicegate.routing.scores import Scores
from sluicegate.routing.strategies import Weights
from tests.support.calls import target
from tests.support.exchanges import grant

NEAR, SLOW = (target(deployment=name, place=Place.ON_PREM, region="eu") for name in ("near", "slow"))
FAR = target(deployment="far", region="us")
NOWHERE = target(deployment="nowhere", place=Place.ON_PREM)
REGIONAL = msgspec.structs.replace(grant().use_case, regions=("eu",))


def shown(health: Health, strategy: Strategy, *, on_prem_only: bool = False) -> list[Explained]:
    scores = Scores(lambda: 0.0)
    scores.answered("slow", 3.0)
    scores.answered("near", 1.0)
    plan = Plan(scores, lambda _target: 5, strategy, {}, Weights())
    found = explain([SLOW, FAR, NOWHERE, NEAR], "m", REGIONAL, health, plan, on_prem_only=on_prem_only)
    assert (found.model, found.strategy) == ("m", strategy)
    return list(found.targets)


def test_the_permitted_ones_in_their_order_and_why_others_are_refused() -> None:
    found = shown(Health(), Strategy.LEAST_LATENCY, on_prem_only=True)
    assert [(one.deployment, one.refused) for one in found] == [
        ("near", ""),
        ("slow", ""),
        ("far", "place"),
        ("nowhere", "region"),
    ]
    assert [one.score and one.score.first_event for one in found] == [1.0, 3.0, None, None]


def test_what_is_not_called_now() -> None:
    health = Health(lambda: 0.0)
    health.throttle("slow", 5)
    for _ in range(FAILURES):
        health.failed("near")
    found = {one.deployment: one for one in shown(health, Strategy.ADAPTIVE)}
    assert [(found[name].state, found[name].wait) for name in ("near", "slow")] == [("open", 1.0), ("throttled", 0.0)]
    assert found["near"].score is None
    assert found["slow"].score is not None


def test_a_strategy_that_measures_nothing_has_no_scores() -> None:
    assert all(one.score is None for one in shown(Health(), Strategy.WEIGHTED))
