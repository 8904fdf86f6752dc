import asyncio

from sluicegate.core.provider import Place, Target
from sluicegate.routing.checks import LASTING, MAX_ADDRESSES, Checks
from sluicegate.routing.health import Health
from tests.support.calls import target

HERE, TWIN = (target("http://a/v1", deployment=name, place=Place.ON_PREM) for name in ("here", "twin"))
CLOUD = target("http://c/v1", deployment="cloud")


class World:
    """One checker, a clock, and who is there."""

    def __init__(self, *targets: Target) -> None:
        self.now = 0.0
        self.there = True
        self.asked: list[str] = []
        self.health = Health(lambda: self.now)
        self.checks = Checks(lambda: targets, self.present, self.health, 10)

    async def present(self, asked: Target) -> bool:
        self.asked.append(asked.base_url)
        return self.there


async def test_each_address_on_the_premises_is_asked_once() -> None:
    world = World(HERE, TWIN, CLOUD, target("", deployment="demo", place=Place.ON_PREM))
    await world.checks.check()
    assert world.asked == ["http://a/v1"]


async def test_who_is_missed_twice_is_not_called_until_seen_again() -> None:
    world = World(HERE, TWIN)
    world.there = False
    await world.checks.check()
    assert world.health.available("here")
    await world.checks.check()
    assert not world.health.available("here")
    assert not world.health.available("twin")
    world.now += 10
    assert not world.health.available("here")
    world.there = True
    await world.checks.check()
    assert world.health.available("here")


async def test_a_finding_does_not_outlast_the_checker_for_long() -> None:
    world = World(HERE)
    world.there = False
    for _ in range(2):
        await world.checks.check()
    world.now += LASTING * 10
    assert world.health.available("here")


async def test_one_miss_between_signs_of_life_is_nothing() -> None:
    world = World(HERE)
    for there in (False, True, False, True, False):
        world.there = there
        await world.checks.check()
    assert world.health.available("here")


async def test_what_is_checked_is_bounded() -> None:
    world = World(*(target(f"http://{n}/v1", place=Place.ON_PREM) for n in range(MAX_ADDRESSES + 5)))
    await world.checks.check()
    assert len(world.asked) == MAX_ADDRESSES


async def test_switched_off_it_ends_at_once() -> None:
    world = World(HERE)
    checks = Checks(lambda: (HERE,), world.present, world.health, 0)
    await asyncio.wait_for(checks.run(), 5)
    assert world.asked == []
