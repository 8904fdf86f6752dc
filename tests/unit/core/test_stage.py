from sluicegate.core.decision import ALLOWED
from sluicegate.core.stage import Passive
from tests.unit.core.test_exchange import make


async def test_a_passive_stage_lets_everything_be() -> None:
    stage, exchange = Passive(), make()
    assert await stage.admit(exchange) is ALLOWED
    assert stage.guard(exchange) is None
    await stage.settle(exchange)
    assert exchange.decisions == []
