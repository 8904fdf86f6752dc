"""`python -m bench.detection [PATH]`: what detectors find in labelled sets, ours beside its peers, on the same rows.

PATH is a folder of JSON lines (`*.jsonl`, `*.jsonl.gz`), or one such file: rows with `text`, `label` (positive, negative;
none in ordinary texts) and `kind` or `type`; `spans`, `form`, `weak` and `real_world` where they apply. They are read where
they stand, and no text of them is printed. How it is scored: bench/detection_score.py; the peers: bench/detection_peers.py.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from bench import detection_injection as injection
from bench import detection_report as report
from bench.detection_kinds import OURS
from bench.detection_ours import shipped
from bench.detection_peers import PEERS, Peer, Unavailable, ask
from bench.detection_rows import Row, read
from bench.detection_score import Finding, Scores, weakest
from bench.systems import ROOT
from sluicegate.dlp.classifier import ModelError

DEFAULT = ROOT.parent / "shared" / "eval"
WEAKEST = 15


def main() -> None:
    """Score, print, and do what the options say. Ends with 1 if targets are missed that `--require` asks for."""
    options = _options()
    rows = read(options.path)
    ours, version = shipped()
    found = {OURS: [ours.find(row.text) for row in rows]}
    if options.misses is not None:
        for name, what in Scores(rows, found).missed(options.misses):
            print(f"{name} {what}")
        return
    about = [_described(options.path, rows), f"{OURS}: policy `default`, version {version}"]
    costs = {OURS: ours.per_kilobyte([row.text for row in rows])}
    for peer in PEERS:
        if peer.name in options.peers:
            found |= _asked(peer, rows, about, costs)
    lines = [*Scores(rows, found).lines, *injection.lines(rows, found[OURS], _classifier(about))]
    costs = {f"all rows by {name}, µs per 1,000 characters": cost for name, cost in costs.items()}
    costs = {} if options.no_cost else ours.cost(rows) | costs
    done = report.Report(about, lines, costs, weakest(lines, WEAKEST))
    _show(done, options)
    if options.require and not done.met():
        sys.exit(1)


def _show(done: report.Report, options: argparse.Namespace) -> None:
    if options.json:
        print(done.as_json())
    else:
        print((report.markdown if options.markdown else report.plain)(done, full=options.full))
    if options.write:
        given = [each for each in sys.argv[1:] if Path(each) != options.path]
        report.write(done, f'make bench-detect ARGS="{" ".join(given)}"')


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.detection", description=__doc__)
    parser.add_argument(
        "path", type=Path, nargs="?", default=DEFAULT, help="a folder of JSON lines, or one file (%(default)s)"
    )
    parser.add_argument("--peers", nargs="*", choices=[peer.name for peer in PEERS], default=[peer.name for peer in PEERS])
    parser.add_argument("--no-cost", action="store_true", help="leave out what depends on the machine")
    parser.add_argument("--full", action="store_true", help="also each kind in each country")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument(
        "--misses", metavar="KIND", help="print the ids of rows of a kind (kind.COUNTRY, family) that ours got wrong"
    )
    parser.add_argument("--require", action="store_true", help="end with 1 unless every target is met")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/detection.md")
    return parser.parse_args()


def _asked(peer: Peer, rows: list[Row], about: list[str], costs: dict[str, float]) -> dict[str, list[list[Finding]]]:
    """What a peer found; nothing, and a line that says why, if it could not be asked."""
    try:
        asked = ask(peer, [row.text for row in rows])
    except Unavailable as error:
        about.append(f"{peer.name}: NOT MEASURED, {error}")
        return {}
    about.append(f"{', '.join(asked.found)}: {asked.version}")
    costs[peer.name] = asked.seconds * 1e9 / max(1, sum(len(row.text) for row in rows))
    return asked.found


def _classifier(about: list[str]) -> injection.Classifier | None:
    """The classifier of injections; none, and a line that says why, if it cannot be used."""
    try:
        return injection.shipped()
    except ModelError as error:
        about.append(f"classifier of injections: NOT MEASURED, {error}")
        return None


def _described(path: Path, rows: list[Row]) -> str:
    """How many rows of what."""
    counts = Counter(row.subject for row in rows)
    return f"{path.name}: {len(rows)} rows (" + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) + ")"


if __name__ == "__main__":
    main()
