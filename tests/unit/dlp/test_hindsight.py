"""What a policy would do about recorded findings is what it did when it found them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.decision import Reason
from sluicegate.dlp.engine import Scanner
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.hindsight import Recorded, done, gravest_shadow, gravity, outlook, recorded
from sluicegate.dlp.inspection import Inspection, Judged
from tests.support.guardrails import rule

RULES = [rule("A-[0-9]", id="a"), rule("B-[0-9]", id="b"), rule("C-[0-9]", id="c")]
SCANNER = Scanner(RULES)
REASONS = dict.fromkeys(Action, Reason.PROMPT_ALERTED)

treatments = st.builds(
    Treatment,
    action=st.sampled_from(Action),
    shadow=st.booleans(),
    count=st.integers(1, 3),
    below=st.sampled_from(Action),
    group=st.integers(0, 2),
)


@given(st.lists(treatments, min_size=3, max_size=3), st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_it_agrees_with_the_decision_that_was_made(chosen: list[Treatment], numbers: list[int]) -> None:
    inspection = Inspection(SCANNER, dict(zip("abc", chosen, strict=True)), 10, Judged(1))
    counts = {index: number for index, number in enumerate(numbers) if number}
    decision = inspection.decide(counts, REASONS)
    stored = msgspec.json.decode(msgspec.json.encode(decision.detail))
    kept = Recorded("s4_inspect_prompt", decision.verdict, decision.reason, stored)
    assert kept.counts == {"abc"[index]: number for index, number in counts.items()}
    again = outlook(inspection, kept.counts)
    assert again.done == kept.done == done(decision)
    assert again.shadow == kept.shadow == gravest_shadow(decision.detail)


def test_what_a_policy_does_not_look_for_it_does_nothing_about() -> None:
    inspection = Inspection(SCANNER, {"a": Action.BLOCK, "b": Action.ALERT, "c": Action.ALERT}, 10, Judged(1))
    assert outlook(inspection, {"gone": 3}).done is Action.ALLOW
    assert outlook(inspection, {"gone": 3, "a": 1}).rules == ("a",)
    assert outlook(None, {"a": 1}).done is Action.ALLOW


@pytest.mark.parametrize(
    ("verdict", "detail", "was"),
    [
        ("deny", {"inspection": "not_run"}, Action.BLOCK),
        ("flag", {"unscannable": ["image"]}, Action.ALLOW),
        ("redact", {"redacted": ["a"], "alerted": ["b"]}, Action.REDACT),
    ],
)
def test_what_was_done_is_read_from_the_record(verdict: str, detail: dict[str, Any], was: Action) -> None:
    (found,) = recorded({"decisions": [["s4_inspect_prompt", verdict, "r", detail]]})
    assert found.done is was


def test_actions_are_ordered_by_gravity() -> None:
    assert sorted(Action, key=gravity) == list(Action)
