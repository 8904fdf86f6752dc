"""What is counted for Prometheus.

What an exchange counts is added up in plain numbers, one record per set of labels, and turned into metric families
(`exposition.py`) only when `/metrics` is read: counting through prometheus_client takes several times as long. Labels are
routes, outcomes, reasons, places, and names of deployments and rules: never a name that a client chose, a user or a key.
`docs/metrics.md` lists all.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from sluicegate.core.decision import Decision
from sluicegate.core.exchange import Exchange

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `render` returns."""
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper borders of the histograms' buckets, in seconds."""
MAX_SERIES = 5_000
"""Sets of labels that are told apart; what comes after them is counted under `other`."""

EXPOSITION = "sluicegate.insight.exposition"
_OTHER = "other"
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


class Reading(NamedTuple):
    """A value that is read when metrics are: its name, what it is, how it is read, and whether it only grows."""

    name: str
    text: str
    read: Callable[[], float]
    grows: bool


class Metrics:
    """Counts exchanges, and renders everything for `/metrics`."""

    def __init__(self) -> None:
        self.series: dict[Labels, Series] = {}
        self.findings: dict[tuple[str, str], int] = {}
        """How often each rule found something, by stage and rule."""
        self.readings: list[Reading] = []
        self._plain: Sequence[tuple[str, Decision]] = []
        """The last decisions among which there were no findings: most exchanges are decided alike."""

    def observe(self, exchange: Exchange, now: float) -> None:
        """Count a finished exchange; `now` is `time.perf_counter()`."""
        known = exchange.__dict__
        target = known.get("target")
        surface, outcome, reason = exchange.arrival.surface, known["outcome"], known["reason"]
        if target is None:
            labels: Labels = (surface, outcome, reason, "", "")
        else:
            labels = (surface, outcome, reason, target.deployment, target.place)
        series = self.series.get(labels)
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
                    if key not in self.findings and len(self.findings) >= MAX_SERIES:
                        key = (stage, _OTHER)
                    self.findings[key] = self.findings.get(key, 0) + count
        if plain:
            self._plain = list(decisions)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a value that goes up and down, read when metrics are; `name` begins with `sluicegate_`."""
        self.readings.append(Reading(name, text, read, grows=False))

    def counter(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a value that only grows, read when metrics are; its name gets `_total`."""
        self.readings.append(Reading(name, text, read, grows=True))

    async def render(self) -> bytes:
        """All metrics in Prometheus' text format, version 0.0.4."""
        await asyncio.to_thread(import_module, EXPOSITION)  # only an installation that is scraped needs its memory
        from sluicegate.insight.exposition import exposed

        return exposed(self)

    def _add(self, labels: Labels) -> Series:
        if len(self.series) >= MAX_SERIES:
            labels = (_OTHER, _OTHER, _OTHER, _OTHER, _OTHER)
        return self.series.setdefault(labels, Series())
