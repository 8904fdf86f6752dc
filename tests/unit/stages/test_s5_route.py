import msgspec
import pytest

from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.dialect import Ask
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.exchange import Exchange, Kept
from sluicegate.core.identity import Classification
from sluicegate.core.provider import Place, Strategy, Target
from sluicegate.routing.health import FAILURES, Health
from sluicegate.routing.plan import Plan
from sluicegate.routing.scores import Scores
from sluicegate.routing.strategies import Weights
from sluicegate.stages.s5_route import REMEMBERED, Route
from tests.support.calls import target
from tests.support.exchanges import admitted, grant

CLOUD, PRIVATE, LOCAL = (
    target(deployment="cloud"),
    target(deployment="private", place=Place.PRIVATE_CLOUD, order=1),
    target(deployment="local", place=Place.ON_PREM, order=2),
)


class Models:
    """A catalogue of one model."""

    def __init__(self, *targets: Target) -> None:
        self._found = targets

    def targets(self, model: str) -> tuple[Target, ...]:
        return self._found if model == "m" else ()


def route(*targets: Target, health: Health | None = None) -> Route:
    return Route(Models(*targets), health or Health(), plan())


def plan(strategy: Strategy = Strategy.WEIGHTED) -> Plan:
    return Plan(Scores(), lambda _target: 0, strategy, {}, Weights(), lambda: 0.0)


def exchange(classification: Classification = Classification.INTERNAL) -> Exchange:
    given = grant()
    use_case = msgspec.structs.replace(given.use_case, classification=classification)
    return admitted(msgspec.structs.replace(given, use_case=use_case))


async def test_every_permitted_target_in_order() -> None:
    asked = exchange()
    decision = await route(LOCAL, PRIVATE, CLOUD).admit(asked)
    assert asked.route == (CLOUD, PRIVATE, LOCAL)
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.ROUTED)
    assert decision.detail == {
        "deployments": ("cloud", "private", "local"),
        "places": ("cloud", "private_cloud", "on_prem"),
        "classification": "internal",
    }


async def test_sensitive_data_stays_on_the_premises() -> None:
    for classification, on_prem_only in ((Classification.SENSITIVE, False), (Classification.PUBLIC, True)):
        asked = exchange(classification)
        asked.on_prem_only = on_prem_only
        await route(CLOUD, PRIVATE, LOCAL).admit(asked)
        assert asked.route == (LOCAL,)


async def test_no_permitted_target_is_a_refusal_even_where_the_cloud_is_well() -> None:
    asked = exchange(Classification.SENSITIVE)
    decision = await route(CLOUD, PRIVATE).admit(asked)
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.NO_PERMITTED_ROUTE)
    assert decision.detail == {"classification": "sensitive", "on_prem_only": 0, "places": ("cloud", "private_cloud")}
    assert not asked.knows("route")


async def test_a_sick_deployment_on_the_premises_does_not_open_the_way_to_the_cloud() -> None:
    health = Health(lambda: 0.0)
    for _ in range(FAILURES):
        health.failed("local")
    asked = exchange(Classification.SENSITIVE)
    decision = await route(CLOUD, LOCAL, health=health).admit(asked)
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.CIRCUIT_OPEN)
    assert decision.detail == {"deployments": ("local",), "retry_after": 1}
    assert asked.response_headers == {"retry-after": "1"}
    assert not asked.knows("route")
    other = exchange()
    await route(CLOUD, LOCAL, health=health).admit(other)
    assert other.route == (CLOUD,)


async def test_an_unknown_model() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await route().admit(exchange())
    assert (caught.value.reason, caught.value.field, caught.value.status) == (Reason.MODEL_UNKNOWN, "model", 404)


async def test_the_same_way_is_decided_by_the_same_object_until_the_targets_change() -> None:
    models = Models(LOCAL)
    stage = Route(models, Health(), plan())
    first = await stage.admit(exchange())
    assert await stage.admit(exchange()) is first
    assert (await stage.admit(exchange(Classification.SENSITIVE))).detail["classification"] == "sensitive"
    models._found = (msgspec.structs.replace(LOCAL, place=Place.CLOUD),)
    asked = exchange()
    assert (await stage.admit(asked)).detail["places"] == ("cloud",)
    assert asked.route == models._found
    assert (await stage.admit(exchange(Classification.SENSITIVE))).verdict is Verdict.DENY


async def test_ways_are_remembered_up_to_a_bound() -> None:
    models = Models()
    stage = Route(models, Health(), plan())
    for n in range(REMEMBERED + 2):
        models._found = (msgspec.structs.replace(LOCAL, deployment=f"d{n}"),)
        asked = exchange()
        await stage.admit(asked)
        assert asked.route == models._found
    assert len(stage._ways) == 2


async def test_a_throttled_deployment_is_tried_where_there_is_no_other() -> None:
    health = Health(lambda: 0.0)
    health.throttle("local", 9)
    alone, asked = exchange(Classification.SENSITIVE), exchange()
    stage = route(CLOUD, LOCAL, health=health)
    await stage.admit(alone)
    await stage.admit(asked)
    assert (alone.route, asked.route) == ((LOCAL,), (CLOUD,))


async def test_only_the_use_case_s_regions() -> None:
    given = grant()
    use_case = msgspec.structs.replace(given.use_case, regions=("eu-*",))
    east, west = target(deployment="east", region="us-east"), target(deployment="west", region="eu-west")
    asked = admitted(msgspec.structs.replace(given, use_case=use_case))
    await route(east, west, LOCAL).admit(asked)
    assert asked.route == (west,)


async def test_a_strategy_that_measures_tells_how_they_stood() -> None:
    scores = Scores(lambda: 0.0)
    scores.answered("cloud", 2.0)
    scores.answered("other", 1.0)
    other = target(deployment="other")
    arranging = Plan(scores, lambda _: 0, Strategy.WEIGHTED, {"m*": Strategy.LEAST_LATENCY}, Weights(), lambda: 0.5)
    asked = exchange()
    await Route(Models(CLOUD, other), Health(), arranging).admit(asked)
    assert asked.route == (other, CLOUD)
    assert asked.response_headers == {"x-sluicegate-route": "least_latency; other=1.000; cloud=2.000"}


async def test_a_stored_answer_is_asked_for_where_it_is_kept() -> None:
    elsewhere = msgspec.structs.replace(LOCAL, provider="other")
    kept = Kept("m", CLOUD.provider, "")
    asked = exchange()
    asked.kept = kept
    await route(elsewhere, CLOUD, PRIVATE).admit(asked)
    assert sorted(target.deployment for target in asked.route) == ["cloud", "private"]
    about = exchange()
    about.__dict__["ask"] = Ask("", stream=False, max_tokens=0)
    about.kept = kept
    await route(elsewhere, CLOUD).admit(about)
    assert about.route == (CLOUD,)


async def test_where_nothing_reaches_a_stored_answer_it_is_unknown_or_refused() -> None:
    asked = exchange()
    asked.kept = Kept("m", "gone", "")
    with pytest.raises(InvalidRequest) as caught:
        await route(CLOUD).admit(asked)
    assert caught.value.reason is Reason.ANSWER_UNKNOWN
    sensitive = exchange(Classification.SENSITIVE)
    sensitive.kept = Kept("m", CLOUD.provider, "")
    assert (await route(CLOUD).admit(sensitive)).reason is Reason.NO_PERMITTED_ROUTE
