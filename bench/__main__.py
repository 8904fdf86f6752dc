"""`python -m bench`: Sluicegate with everything on, LiteLLM's proxy and nginx under the same load, in one run."""

import argparse
import shutil
import sys
from pathlib import Path

from bench import load, report
from bench.systems import SYSTEMS, System, mock, workspace

GAPS = {"sluicegate": 2.0, "litellm": 80.0, "nginx": 2.0}
"""Milliseconds between two events of a stream, long enough for each system to see them singly."""
SHORT, LONG = (2_000, 20_000), (50_000, 500_000)


def main() -> None:
    """Measure, print, and with `--write` put the table into the page."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS), help="the systems to measure")
    parser.add_argument("--seconds", type=int, default=10, help="how long each load lasts")
    parser.add_argument("--long", action="store_true", help="watch Sluicegate's memory up to request 500,000")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    for program in ("wrk", "taskset"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing (Debian packages: wrk, util-linux)")
    span = LONG if options.long else SHORT
    results: dict[str, dict[str, float]] = {}
    with workspace() as directory, mock() as upstream:
        direct = load.latency(upstream, "none")
        for name in options.only:
            (directory / name).mkdir()
            with SYSTEMS[name](upstream, directory / name) as system:
                results[name] = _measure(system, upstream, directory / name, direct, options.seconds, span)
    table = report.table(results, span)
    print(report.machine())
    print(f"direct to the mock at one connection: p50 {direct[0]:.3f} ms, p99 {direct[1]:.3f} ms\n")
    print(table)
    if options.write:
        report.write(table, " ".join(["python -m bench", *sys.argv[1:]]))


def _measure(
    system: System, upstream: int, directory: Path, direct: tuple[float, float], seconds: int, span: tuple[int, int]
) -> dict[str, float]:
    """Every figure of one system."""
    found = {"start": system.started, "memory": system.memory()}
    if system.first_start is not None:
        found["first_start"] = system.first_start
    print(f"{system.name}: started in {system.started:.2f} s", file=sys.stderr)
    p50, p99 = load.latency(system.port, system.key, 500 if system.name == "litellm" else load.LATENCY_REQUESTS)
    found["p50"], found["p99"] = p50 - direct[0], p99 - direct[1]
    load.requests(system, directory, size=900, connections=32, seconds=2)
    small = load.requests(system, directory, size=900, connections=32, seconds=seconds)
    found["rate"], found["cost"] = small.rate, small.cost
    found["large"] = load.requests(system, directory, size=100_000, connections=8, seconds=seconds).cost / 1e3
    gap = GAPS[system.name]
    stream = load.streams(system, upstream, count=32, gap=gap, seconds=seconds)
    found["event"], found["per_read"] = stream.cost, stream.per_read
    found["event_few"] = load.streams(system, upstream, count=8, gap=gap, seconds=seconds).cost
    found["loaded"] = system.memory()
    if system.name == "sluicegate":
        found["growth"] = _growth(system, directory, span)
    return found


def _growth(system: System, directory: Path, span: tuple[int, int]) -> float:
    """Megabytes by which memory grew between the first and the last request of `span`, counted from here."""
    done = 0
    marks = []
    for mark in span:
        while done < mark:
            done += load.requests(system, directory, size=900, connections=32, seconds=2).requests
        marks.append(system.memory())
    return marks[1] - marks[0]


if __name__ == "__main__":
    main()
