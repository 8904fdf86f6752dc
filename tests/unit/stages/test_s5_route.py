import msgspec
import pytest

from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.exchange import Exchange
from sluicegate.core.identity import Classification
from sluicegate.core.provider import Place, Target
from sluicegate.routing.health import FAILURES, Health
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
    return Route(Models(*targets), health or Health(), lambda: 0.0)


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
    await route(CLOUD, LOCAL, health=health).admit(asked)
    assert asked.route == (LOCAL,)
    other = exchange()
    await route(CLOUD, LOCAL, health=health).admit(other)
    assert other.route == (CLOUD,)


async def test_an_unknown_model() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await route().admit(exchange())
    assert (caught.value.reason, caught.value.field, caught.value.status) == (Reason.MODEL_UNKNOWN, "model", 400)


async def test_the_same_way_is_decided_by_the_same_object_until_the_targets_change() -> None:
    models = Models(LOCAL)
    stage = Route(models, Health(), lambda: 0.0)
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
    stage = Route(models, Health(), lambda: 0.0)
    for n in range(REMEMBERED + 2):
        models._found = (msgspec.structs.replace(LOCAL, deployment=f"d{n}"),)
        asked = exchange()
        await stage.admit(asked)
        assert asked.route == models._found
    assert len(stage._ways) == 2
