import pytest

from sluicegate.core.decision import Reason, Verdict
from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.findings import CLEAN, Action, redact
from sluicegate.dlp.inspection import REMEMBERED_FROM, Inspection, Judged
from tests.support.guardrails import CARD, EMAIL, PEM, SSN, inspection, judge, rule

REASONS = {
    Action.ALERT: Reason.PROMPT_ALERTED,
    Action.REDACT: Reason.PROMPT_REDACTED,
    Action.BLOCK: Reason.PROMPT_BLOCKED,
}
REDACTING = inspection({"card": Action.REDACT, "ssn": Action.REDACT, "private_key": Action.REDACT})


def redacted(text: str, by: Inspection = REDACTING) -> str:
    return redact(text, by.find([("", text)])[0].edits)


def test_texts_are_scanned_together_and_do_not_touch_each_other() -> None:
    half, rest = CARD[:9], CARD[9:]
    found = REDACTING.find([("", half), ("", rest), ("", CARD), ("content", ""), ("", f"x {SSN}")])
    assert [len(each.edits) for each in found] == [0, 0, 1, 0, 1]
    assert found[0] is CLEAN


def test_the_name_of_a_value_is_its_context() -> None:
    by = judge([rule("[0-9]{4}", context=("pin",))])
    assert by.find([("pin_code", "1234"), ("year", "1234")])[0].counts == {0: 1}
    assert by.find([("pin_code", "x"), ("year", "1234")]) == [CLEAN, CLEAN]


def test_a_region_is_one_finding() -> None:
    assert redacted(f"key: {PEM} and {SSN}") == "key: [PRIVATE_KEY] and [SSN]"
    assert redacted(f"key: {PEM[:200]}") == "key: [PRIVATE_KEY]"


def test_more_findings_than_the_bound_redact_the_rest() -> None:
    by = inspection({"ssn": Action.REDACT}, bound=3)
    assert redacted(f"{SSN} " * 5 + "the end", by) == "[SSN] [SSN] [SSN] [SSN]"


def test_a_long_text_is_judged_once() -> None:
    judged = Judged(2)
    by = Inspection(REDACTING.scanner, dict.fromkeys((r.id for r in REDACTING.scanner.rules), Action.ALERT), 10, judged)
    text = "all is well. " * 400 + SSN
    assert len(text) > REMEMBERED_FROM
    first = by.find([("", text)])[0]
    assert by.find([("", text)])[0] is first
    assert len(judged) == 1
    for more in "abc":
        by.find([("", text + more)])
    assert len(judged) == 2


def test_the_one_asked_for_longest_ago_is_forgotten() -> None:
    judged = Judged(2)
    judged.put((1, b"a"), CLEAN)
    judged.put((1, b"b"), CLEAN)
    judged.get((1, b"a"))
    judged.put((1, b"c"), CLEAN)
    assert judged.get((1, b"b")) is None
    assert judged.get((1, b"a")) is CLEAN


def test_a_decision_has_counts_and_names_and_no_text() -> None:
    by = inspection({"card": Action.REDACT, "ssn": Action.BLOCK})
    counts: dict[int, int] = {}
    assert by.decide(counts, REASONS).verdict is Verdict.ALLOW
    for text, verdict, reason in (
        (EMAIL, Verdict.FLAG, Reason.PROMPT_ALERTED),
        (CARD, Verdict.REDACT, Reason.PROMPT_REDACTED),
        (SSN, Verdict.DENY, Reason.PROMPT_BLOCKED),
    ):
        counts |= by.find([("", text)])[0].counts
        decision = by.decide(counts, REASONS)
        assert (decision.verdict, decision.reason) == (verdict, reason)
    assert decision.detail == {
        "inspection": "ran",
        "detectors": ("patterns:ran",),
        "rule:email_address": 1,
        "rule:payment_card": 1,
        "rule:us_ssn": 1,
        "alerted": ("email_address",),
        "redacted": ("payment_card",),
        "blocked": ("us_ssn",),
    }


@pytest.mark.parametrize("near_misses", [("phone " + "1 " * 28) * 800, f"{CARD} " * 20])
def test_more_candidates_than_the_bound_are_refused(near_misses: str) -> None:
    by = inspection({"card": Action.REDACT})
    by.max_candidates = 50
    with pytest.raises(TooManyReports):
        by.find([("", near_misses)])
    work = by.work()
    assert by.find([("", CARD)], work)[0].counts
    assert 0 <= work.left < 50
