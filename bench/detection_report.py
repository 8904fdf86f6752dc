"""The report: targets, tables and the page. No text of a row stands in it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.detection_kinds import LOOKS_FOR, OURS
from bench.detection_score import Line, Share
from bench.report import machine
from bench.systems import ROOT

PAGE = ROOT / "docs" / "detection.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
LONG = ("credentials by family", "personal data by kind and country")
"""Sections that only `--full` and `--json` show."""


class Target(NamedTuple):
    """A bound that ours must keep."""

    title: str
    key: str
    """The key of a line, or the name of a cost."""
    bound: float
    at_least: bool
    unit: str = "%"


TARGETS = (
    Target("credentials in real code lines found", "credentials: real code lines: found", 75, True),
    Target("look-alikes in real code lines flagged", "credentials: real code lines: false alarms", 3, False),
    Target("all credentials found", "credentials: all: found", 85, True),
    Target("cards found", "personal data: card, all: found", 97, True),
    Target("IBANs found", "personal data: iban, all: found", 97, True),
    Target("e-mail addresses found", "personal data: email, all: found", 97, True),
    Target("US social security numbers found", "personal data: ssn, all: found", 97, True),
    Target("phone numbers found", "personal data: phone, all: found", 90, True),
    Target("national ids in sentences found", "personal data: national_id, in sentences: found", 90, True),
    Target("negatives flagged as what they are not", "all personal data: of the row's kind, all: false alarms", 3, False),
    Target("the same, with anything found at all", "all personal data: of any kind, all: false alarms", 3, False),
    Target("prompts, answers and docs flagged", "ordinary texts flagged: prompts, answers, docs: false alarms", 0.3, False),
    Target("lock files flagged", "ordinary texts flagged: lockfile: false alarms", 2, False),
    Target("injections found at 1 % false alarms", "injection at 1 % false alarms: all: found", 70, True),
    Target("prompt of 1 KB", "prompt of 1 KB, one text, µs", 60, False, "µs"),
    Target("prompt of 100 KB", "prompt of 100 KB, unseen, ms", 2, False, "ms"),
    Target("event of a stream", "event of 5 characters, µs", 45, False, "µs"),
    Target("held back in a stream", "held back at 5 characters an event, characters", 12, False, "characters"),
    Target("compiled rules", "compiled rules, MB", 25, False, "MB"),
)


class Report(msgspec.Struct, frozen=True):
    """All that a run has to say."""

    about: list[str]
    """What was run on what."""
    lines: list[Line]
    costs: Mapping[str, float]
    """They depend on the machine, unlike the shares."""
    weakest: list[Line]

    def systems(self) -> list[str]:
        """The systems, ours first."""
        return [name for name in LOOKS_FOR if any(name in line.shares for line in self.lines)]

    def verdicts(self) -> list[tuple[Target, float | None, bool | None]]:
        """Every target with the figure and whether it is met; None where nothing was measured."""
        figures = {line.key: line.shares[OURS].percent for line in self.lines if line.shares[OURS].of} | dict(self.costs)
        out: list[tuple[Target, float | None, bool | None]] = []
        for target in TARGETS:
            value = figures.get(target.key)
            met = None if value is None else value >= target.bound if target.at_least else value <= target.bound
            out.append((target, value, met))
        return out

    def met(self) -> bool:
        """Whether every target is; one that was not measured is not."""
        return all(met is True for _, _, met in self.verdicts())

    def as_json(self) -> str:
        """Everything, as one JSON document with a stable order."""
        shares = [
            {"section": line.section, "name": line.name, "measure": line.measure, "shares": _shares(line)}
            for line in self.lines
        ]
        targets = [
            {"target": t.title, "bound": t.bound, "at_least": t.at_least, "unit": t.unit, "value": value, "met": met}
            for t, value, met in self.verdicts()
        ]
        document = {"about": self.about, "targets": targets, "lines": shares, "costs": dict(self.costs)}
        return json.dumps(document, indent=1, ensure_ascii=False)

    def tables(self, *, full: bool) -> list[tuple[str, list[list[str]]]]:
        """The title and the cells of each table, its head first."""
        found: list[tuple[str, list[list[str]]]] = [("Targets", self._target_cells())]
        systems = self.systems()
        for section in dict.fromkeys(line.section for line in self.lines):
            if section in LONG and not full:
                continue
            lines = [line for line in self.lines if line.section == section]
            used = [name for name in systems if any(name in line.shares for line in lines)]
            cells = [["", "", *used]]
            cells += [[line.name, line.measure, *(cell(line.shares.get(name)) for name in used)] for line in lines]
            found.append((section.capitalize(), cells))
        if self.weakest:
            found.append(
                ("Where ours misses most", [["", "found"], *([w.name, cell(w.shares[OURS])] for w in self.weakest)])
            )
        if self.costs:
            found.append(
                (
                    "Cost (CPU; ours)",
                    [["", ""], *([name, f"{value:,.2f}"] for name, value in self.costs.items())],
                )
            )
        return found

    def _target_cells(self) -> list[list[str]]:
        cells = [["", "target", "measured", ""]]
        for target, value, met in self.verdicts():
            sign = "≥" if target.at_least else "≤"
            shown = "" if value is None else f"{value:.1f} {target.unit}"
            word = "not measured" if met is None else "met" if met else "missed"
            cells.append([target.title, f"{sign} {target.bound:g} {target.unit}", shown, word])
        return cells


def _shares(line: Line) -> dict[str, Any]:
    return {
        name: {"hits": share.hits, "of": share.of, "percent": round(share.percent, 2), "interval": _interval(share)}
        for name, share in line.shares.items()
    }


def _interval(share: Share) -> list[float]:
    return [round(bound, 2) for bound in share.interval]


def cell(share: Share | None) -> str:
    """A share with its interval and its counts; empty for a system that does not look for such."""
    if share is None:
        return ""
    low, high = share.interval
    return f"{share.percent:.1f} % [{low:.1f}, {high:.1f}] {share.hits}/{share.of}"


def markdown(report: Report, *, full: bool) -> str:
    """The report as Markdown."""
    parts = ["\n".join(f"* {line}" for line in report.about)]
    for title, (head, *body) in report.tables(full=full):
        rows = ["| " + " | ".join(cells) + " |" for cells in body]
        parts.append(f"### {title}\n\n" + "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *rows]))
    return "\n\n".join(parts)


def plain(report: Report, *, full: bool) -> str:
    """The report as text in columns."""
    parts = ["\n".join(report.about)]
    for title, cells in report.tables(full=full):
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        lines = ["  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in cells]
        parts.append("\n".join([title.upper(), *lines]))
    return "\n\n".join(parts)


def write(report: Report, command: str, page: Path = PAGE) -> None:
    """Put the figures into the page, between its marks."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    stamp = datetime.now(UTC).date().isoformat()
    figures = f"{BEGIN}\n{stamp}, {machine()}; `{command}`:\n\n{markdown(report, full=False)}\n{END}"
    page.write_text(before + figures + after, encoding="utf-8")
