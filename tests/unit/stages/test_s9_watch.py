from typing import Any

from sluicegate.core.decision import ALLOWED, Reason
from sluicegate.core.exchange import Outcome
from sluicegate.insight.exposition import exposed
from sluicegate.insight.metrics import Metrics
from sluicegate.insight.traces import Traces
from sluicegate.stages.s9_watch import Watch
from tests.support.exchanges import admitted, end, grant


class Full:
    """A writer that takes nothing."""

    def offer(self, batch: Any, item: Any) -> bool:
        return False


async def test_every_exchange_is_counted_and_offered_without_waiting() -> None:
    metrics, traces = Metrics(), Traces(Full())
    watch = Watch(traces, metrics)
    exchange = admitted(grant())
    assert await watch.admit(exchange) is ALLOWED
    assert watch.guard(exchange) is None
    end(exchange, Outcome.FAILED, Reason.UPSTREAM_TIMEOUT)
    await watch.settle(exchange)
    assert traces.dropped == 1
    assert b'outcome="failed",place="",reason="upstream_timeout"' in exposed(metrics)
