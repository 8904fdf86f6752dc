"""Prometheus metrics, on a registry of their own.

What an exchange counts is added up in plain numbers, one record per set of labels, and turned into metric families only when
`/metrics` is read: counting through prometheus_client takes several times as long. Labels are routes, outcomes, reasons,
places, and names of deployments and rules: never a name that a client chose, a user or a key. `docs/metrics.md` lists all.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sluicegate.core.decision import Decision
from sluicegate.core.exchange import Exchange

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `render` returns."""
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper borders of the histograms' buckets, in seconds."""
MAX_SERIES = 5_000
"""Sets of labels that are told apart; what comes after them is counted under `other`."""

_OTHER = "other"
_NANO = 1e9
_INSPECTING = ("s4_inspect_prompt", "s7_inspect_response")

Labels = tuple[str, str, str, str, str]
"""Surface, outcome, reason, deployment, place."""


class Histogram:
    """Counts of durations, by bucket, and their sum."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def merge(self, other: "Histogram") -> None:
        """Add what `other` has counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


class Series:
    """Everything counted for one set of labels."""

    __slots__ = ("cache_write", "cached", "exchanges", "first", "input", "nano_usd", "output", "own", "reasoning", "total")

    def __init__(self) -> None:
        self.exchanges = self.nano_usd = 0
        self.input = self.output = self.cached = self.cache_write = self.reasoning = 0
        self.total, self.own, self.first = Histogram(), Histogram(), Histogram()


class Metrics(Collector):
    """Counts exchanges, and renders everything for `/metrics`."""

    def __init__(self) -> None:
        self._series: dict[Labels, Series] = {}
        self._findings: dict[tuple[str, str], int] = {}
        self._plain: Sequence[tuple[str, Decision]] = []
        """The last decisions among which there were no findings: most exchanges are decided alike."""
        self._readings: list[tuple[type[CounterMetricFamily] | type[GaugeMetricFamily], str, str, Callable[[], float]]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def observe(self, exchange: Exchange, now: float) -> None:
        """Count a finished exchange; `now` is `time.perf_counter()`."""
        known = exchange.__dict__
        target = known.get("target")
        surface, outcome, reason = exchange.arrival.surface, known["outcome"], known["reason"]
        if target is None:
            labels: Labels = (surface, outcome, reason, "", "")
        else:
            labels = (surface, outcome, reason, target.deployment, target.place)
        series = self._series.get(labels)
        if series is None:
            series = self._add(labels)
        if exchange.decisions != self._plain:
            self._find(exchange.decisions)
        started, called = exchange.started, exchange.called
        total = now - started
        series.exchanges += 1
        bucket = bisect_left(BOUNDS, total)
        series.total.counts[bucket] += 1
        series.total.sum += total
        if called is None:
            series.own.counts[bucket] += 1
            series.own.sum += total
            return
        own = called - started
        first = exchange.first_event
        if first is not None:
            series.first.counts[bisect_left(BOUNDS, first - started)] += 1
            series.first.sum += first - started
            if not known["ask"].stream:  # what follows the only event is the gateway's own work
                own += now - first
        series.own.counts[bisect_left(BOUNDS, own)] += 1
        series.own.sum += own
        usage = exchange.usage
        series.input += usage.input
        series.output += usage.output
        if usage.cached or usage.cache_write or usage.reasoning:
            series.cached += usage.cached
            series.cache_write += usage.cache_write
            series.reasoning += usage.reasoning
        series.nano_usd += known.get("cost", 0)

    def _find(self, decisions: Sequence[tuple[str, Decision]]) -> None:
        """Count the findings that inspections name in their decisions' detail, as `rule:<id>`."""
        plain = True
        for stage, decision in decisions:
            if stage not in _INSPECTING:
                continue
            for name, count in decision.detail.items():
                if name.startswith("rule:") and isinstance(count, int):
                    plain = False
                    key = (stage, name[5:])
                    if key not in self._findings and len(self._findings) >= MAX_SERIES:
                        key = (stage, _OTHER)
                    self._findings[key] = self._findings.get(key, 0) + count
        if plain:
            self._plain = list(decisions)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a value that goes up and down, read when metrics are; `name` begins with `sluicegate_`."""
        self._readings.append((GaugeMetricFamily, name, text, read))

    def counter(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a value that only grows, read when metrics are; its name gets `_total`."""
        self._readings.append((CounterMetricFamily, name, text, read))

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metric families, for the registry."""
        yield from self._counted()
        yield self._histogram("sluicegate_exchange_seconds", "Whole exchanges, until their settlement.", "total")
        yield self._histogram("sluicegate_own_seconds", "The part the gateway itself took, as far as it can be told.", "own")
        yield self._histogram("sluicegate_first_event_seconds", "Until the provider's first event.", "first")
        found = CounterMetricFamily("sluicegate_findings", "Findings of data loss prevention.", labels=("stage", "rule"))
        for key, count in self._findings.items():
            found.add_metric(key, count)
        yield found
        for family, name, text, read in self._readings:
            yield family(name, text, value=read())

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
        for key, series in self._series.items():
            sums[tuple(str(key[label]) for label in labels)] += read(series)
        return sums

    def _histogram(self, name: str, text: str, field: str) -> Metric:
        merged: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        for key, series in self._series.items():
            merged[key[0], str(key[1])].merge(getattr(series, field))
        family = HistogramMetricFamily(name, text, labels=("surface", "outcome"))
        borders = [*(str(bound) for bound in BOUNDS), "+Inf"]
        for labels, histogram in merged.items():
            buckets = list(zip(borders, accumulate(histogram.counts), strict=True))
            family.add_metric(labels, buckets, histogram.sum)
        return family

    def _add(self, labels: Labels) -> Series:
        if len(self._series) >= MAX_SERIES:
            labels = (_OTHER, _OTHER, _OTHER, _OTHER, _OTHER)
        return self._series.setdefault(labels, Series())
