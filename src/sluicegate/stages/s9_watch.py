"""What can be seen of a finished exchange: its trace row and its metrics. It decides nothing and waits for nothing."""

from time import perf_counter

from sluicegate.core.exchange import Exchange
from sluicegate.core.stage import Passive
from sluicegate.insight.metrics import Metrics
from sluicegate.insight.traces import Traces


class Watch(Passive):
    """Hands every finished exchange, refused and failed ones too, to traces and metrics."""

    name = "s9_watch"

    def __init__(self, traces: Traces, metrics: Metrics) -> None:
        self._traces = traces
        self._metrics = metrics

    async def settle(self, exchange: Exchange) -> None:
        """Count it, and offer its row."""
        now = perf_counter()
        self._metrics.observe(exchange, now)
        self._traces.offer(exchange, now)
