"""Targets and tables."""

import json
from pathlib import Path

import pytest

from bench.detection_injection import Classifier, lines
from bench.detection_kinds import OURS
from bench.detection_report import BEGIN, END, PAGE, TARGETS, Report, cell, markdown, plain, write
from bench.detection_rows import Row, row
from bench.detection_score import Finding, Line, Scores, Share, weakest

TEXT = "private words"


def sample() -> list[Row]:
    """A row for every target."""
    raw: list[tuple[str, dict[str, object]]] = [
        ("secrets", {"label": "positive", "kind": "k", "real_world": True, "family": "aws"}),
        ("secrets", {"label": "negative", "kind": "k", "real_world": True}),
        ("pii", {"label": "positive", "kind": "CREDIT_CARD"}),
        ("pii", {"label": "positive", "kind": "IBAN_CODE"}),
        ("pii", {"label": "positive", "kind": "EMAIL_ADDRESS"}),
        ("pii", {"label": "positive", "kind": "US_SSN"}),
        ("pii", {"label": "positive", "kind": "PHONE_NUMBER", "region": "en-IE"}),
        ("pii", {"label": "positive", "kind": "UK_NINO", "form": "sentence"}),
        ("pii", {"label": "negative", "kind": "UK_NINO"}),
        ("benign", {"kind": "prompt"}),
        ("benign", {"kind": "lockfile"}),
        ("injection", {"label": "positive", "type": "jailbreak"}),
        ("injection", {"label": "negative", "type": "quote"}),
    ]
    return [row({"text": TEXT, **each}, stem, number) for number, (stem, each) in enumerate(raw)]


def report(costs: dict[str, float] | None = None) -> Report:
    rows = sample()
    found = [[Finding(each.accepts, 0, 4)] if each.positive else [] for each in rows]
    classifier = Classifier(lambda _: 0.5, lambda _: True)
    scored = [*Scores(rows, {OURS: found, "LLM Guard": [[]] * len(rows)}).lines, *lines(rows, found, classifier)]
    return Report(["about"], scored, costs or {}, weakest(scored, 5))


def test_every_target_that_is_a_share_is_measured() -> None:
    """So that no section can be renamed away from its target."""
    shares = [target.title for target, value, _ in report().verdicts() if value is not None]
    assert shares == [target.title for target in TARGETS if target.unit == "%"]


def test_what_is_not_measured_is_not_met() -> None:
    assert not report().met()
    assert {met for target, _, met in report().verdicts() if target.unit != "%"} == {None}


@pytest.mark.parametrize(("at_least", "hits", "met"), [(True, 97, True), (True, 96, False)])
def test_a_bound_itself_is_enough(at_least: bool, hits: int, met: bool) -> None:
    line = Line("personal data", "card, all", "found", {OURS: Share(hits, 100)})
    verdicts = {target.key: met for target, _, met in Report([], [line], {}, []).verdicts()}
    assert verdicts[line.key] is met


def test_costs_are_ceilings() -> None:
    name = "compiled rules, MB"
    for value, met in ((25.0, True), (25.1, False)):
        assert {t.key: m for t, _, m in Report([], [], {name: value}, []).verdicts()}[name] is met


@pytest.mark.parametrize("full", [True, False])
def test_no_text_of_a_row_is_printed(full: bool) -> None:
    done = report({"compiled rules, MB": 3.0})
    for printed in (plain(done, full=full), markdown(done, full=full), done.as_json()):
        assert TEXT not in printed
        assert "LLM Guard" in printed


def test_json_holds_everything() -> None:
    document = json.loads(report({"compiled rules, MB": 3.0}).as_json())
    found = {(line["section"], line["name"], line["measure"]): line["shares"] for line in document["lines"]}
    card = found["personal data", "card, all", "found"]
    assert card[OURS] == {"hits": 1, "of": 1, "percent": 100.0, "interval": [20.65, 100.0]}
    assert card["LLM Guard"]["hits"] == 0
    assert document["costs"] == {"compiled rules, MB": 3.0}
    assert len(document["targets"]) == len(TARGETS)


def test_tables_are_tables() -> None:
    for _, rows in report().tables(full=True):
        assert len({len(cells) for cells in rows}) == 1
    text = markdown(report(), full=False)
    assert "| real code lines | found | 100.0 % [20.7, 100.0] 1/1 | 0.0 % [0.0, 79.3] 0/1 |" in text
    assert "by kind and country" not in text


def test_a_system_that_does_not_look_has_an_empty_cell() -> None:
    assert cell(None) == ""
    assert cell(Share(1, 2)) == "50.0 % [9.5, 90.5] 1/2"


def test_figures_stand_between_their_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        write(report(), "make bench-detect", page)
        text = page.read_text()
        assert text.startswith(f"before\n{BEGIN}\n")
        assert text.endswith(f"\n{END}\nafter\n")
        assert "old" not in text
        assert text.count("### Targets") == 1


def test_the_page_has_its_marks() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)
