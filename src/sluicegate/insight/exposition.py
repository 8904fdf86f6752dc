"""Prometheus metrics, on a registry of their own, from what was counted. Imported when `/metrics` is first read."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sluicegate.insight.metrics import BOUNDS, Histogram, Metrics, Series

_NANO = 1e9


def exposed(metrics: Metrics) -> bytes:
    """All metrics in Prometheus' text format, version 0.0.4."""
    registry = CollectorRegistry()
    registry.register(Families(metrics))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class Families(Collector):
    """The metric families of what was counted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """The metric families, for the registry."""
        yield from self._counted()
        yield self._histogram("sluicegate_exchange_seconds", "Whole exchanges, until their settlement.", "total")
        yield self._histogram("sluicegate_own_seconds", "The part the gateway itself took, as far as it can be told.", "own")
        yield self._histogram("sluicegate_first_event_seconds", "Until the provider's first event.", "first")
        found = CounterMetricFamily("sluicegate_findings", "Findings of data loss prevention.", labels=("stage", "rule"))
        for key, count in self._metrics.findings.items():
            found.add_metric(key, count)
        yield found
        for name, text, read, grows in self._metrics.readings:
            yield (CounterMetricFamily if grows else GaugeMetricFamily)(name, text, value=read())

    def _counted(self) -> Iterator[Metric]:
        names = ("surface", "outcome", "reason", "place")
        exchanges = CounterMetricFamily("sluicegate_exchanges", "Finished exchanges.", labels=names)
        for key, count in self._sums(lambda s: s.exchanges, 0, 1, 2, 4).items():
            exchanges.add_metric(key, count)
        yield exchanges
        tokens = CounterMetricFamily("sluicegate_tokens", "Tokens, each kind apart.", labels=("deployment", "kind"))
        for kind in ("input", "output", "cached", "cache_write", "reasoning"):
            for key, count in self._sums(lambda s, kind=kind: int(getattr(s, kind)), 3).items():  # type: ignore[misc]  # a default binds the loop's value
                tokens.add_metric((*key, kind), count)
        yield tokens
        cost = CounterMetricFamily("sluicegate_cost_usd", "Settled cost.", labels=("deployment",))
        for key, nano in self._sums(lambda s: s.nano_usd, 3).items():
            cost.add_metric(key, nano / _NANO)
        yield cost

    def _sums(self, read: Callable[[Series], int], *labels: int) -> Mapping[tuple[str, ...], int]:
        """One number of every series, added up over all labels but those named by position."""
        sums: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for key, series in self._metrics.series.items():
            sums[tuple(str(key[label]) for label in labels)] += read(series)
        return sums

    def _histogram(self, name: str, text: str, field: str) -> Metric:
        merged: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        for key, series in self._metrics.series.items():
            merged[key[0], str(key[1])].merge(getattr(series, field))
        family = HistogramMetricFamily(name, text, labels=("surface", "outcome"))
        borders = [*(str(bound) for bound in BOUNDS), "+Inf"]
        for labels, histogram in merged.items():
            buckets = list(zip(borders, accumulate(histogram.counts), strict=True))
            family.add_metric(labels, buckets, histogram.sum)
        return family
