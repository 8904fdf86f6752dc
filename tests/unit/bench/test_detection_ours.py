"""Our detectors under the bench."""

from bench.detection_ours import Ours
from bench.detection_report import TARGETS
from bench.detection_rows import Row
from bench.detection_score import Finding
from sluicegate.dlp.engine import Scanner
from tests.support.guardrails import rule

RULES = [
    rule("[0-9]{4}", id="digits", kind="card"),
    rule("a[0-9]{4}b", id="framed", kind="passport"),
    rule("[0-9]{2}", id="pair", kind="card", before="none", after="none"),
]


def test_places_of_kinds_that_overlap_are_kept_apart() -> None:
    found = Ours(Scanner(RULES), 1_000_000).find("x a1234b")
    assert found == [Finding(frozenset({"card"}), 3, 7), Finding(frozenset({"passport"}), 2, 8)]


def test_the_same_text_gives_the_same_findings_again() -> None:
    ours = Ours(Scanner(RULES), 1_000_000)
    text = "1234 " * 2_000
    assert ours.find(text) == ours.find(text)
    assert len(ours.find(text)) == 2_000
    assert ours.find("nothing") == []


def test_every_cost_that_has_a_target_is_measured() -> None:
    row = Row(id="x", text="Some words. " * 1_000, subject="ordinary", positive=False, kind="prompt")
    costs = Ours(Scanner(RULES), 1_000_000).cost([row] * 10)
    assert costs["compiled rules, MB"] == 1.0
    assert {target.key for target in TARGETS if target.unit != "%"} <= set(costs)


def test_with_little_prose_only_the_size_is_known() -> None:
    assert list(Ours(Scanner(RULES), 1_000_000).cost([])) == ["compiled rules, MB"]
