"""The table: every figure, with its target beside it."""

import os
import platform
import sysconfig
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench.systems import ROOT

PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    unit: str
    digits: int
    target: float | None
    at_least: bool = False
    """Whether the target is a floor; else it is a ceiling."""


FIGURES = {
    "rate": Figure("requests, 1 KB prompt, 32 connections", "1/s", 0, 5_000, at_least=True),
    "cost": Figure("CPU per 1 KB request", "µs", 0, 200),
    "event": Figure("CPU per event of a 200-event stream, 32 streams", "µs", 1, 45),
    "per_read": Figure("events per read at the client (1 = singly)", "", 2, None),
    "event_few": Figure("CPU per event, 8 streams (the core sleeps between events)", "µs", 1, None),
    "large": Figure("CPU per 100 KB prompt", "ms", 2, 2),
    "p50": Figure("added latency at one connection, p50", "ms", 2, 0.8),
    "p99": Figure("added latency at one connection, p99", "ms", 2, None),
    "memory": Figure("idle memory (RSS of the process group)", "MB", 0, 100),
    "loaded": Figure("memory after the load", "MB", 0, None),
    "start": Figure("start to first answer", "s", 2, 1.5),
    "first_start": Figure("the very first start: database made, guardrails compiled", "s", 2, None),
    "growth": Figure("memory growth, request {first} to {last}", "MB", 1, 5),
}


def table(results: dict[str, dict[str, float]], span: tuple[int, int]) -> str:
    """The figures of each system in Markdown. The targets are Sluicegate's."""
    systems = list(results)
    lines = ["| figure | target | " + " | ".join(systems) + " |", "|---|---|" + "---|" * len(systems)]
    for key, figure in FIGURES.items():
        if not any(key in result for result in results.values()):
            continue
        name = figure.name.format(first=f"{span[0]:,}", last=f"{span[1]:,}")
        sign = "≥" if figure.at_least else "≤"
        target = "" if figure.target is None else f"{sign} {figure.target:,g} {figure.unit}".strip()
        cells = [_cell(figure, system, results[system].get(key)) for system in systems]
        lines.append(f"| {name} | {target} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(figure: Figure, system: str, value: float | None) -> str:
    if value is None:
        return ""
    text = f"{value:,.{figure.digits}f} {figure.unit}".strip()
    if system != "sluicegate" or figure.target is None:
        return text
    met = value >= figure.target if figure.at_least else value <= figure.target
    return f"{text} ({'met' if met else 'missed'})"


def machine() -> str:
    """What was measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "",
    )
    cores = len(os.sched_getaffinity(0))
    optimised = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    python = f"Python {platform.python_version()} built {'with' if optimised else 'without'} profile-guided optimisation"
    return f"{model or platform.machine()}, {cores} cores, Linux {platform.release()}, {python}"


def write(text: str, command: str) -> None:
    """Put the figures into the page, between its marks."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    stamp = datetime.now(UTC).date().isoformat()
    figures = f"{BEGIN}\n{stamp}, {machine()}; `{command}`:\n\n{text}\n{END}"
    PAGE.write_text(before + figures + after, encoding="utf-8")
