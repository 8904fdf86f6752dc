from sluicegate.core.decision import Reason, Verdict
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.outcome import NOTHING, PATTERNS_RAN, actions, by_group, decide, totals, with_unasked

REASONS = {
    Action.ALERT: Reason.PROMPT_ALERTED,
    Action.TOKENISE: Reason.PROMPT_TOKENISED,
    Action.REDACT: Reason.PROMPT_REDACTED,
    Action.REROUTE: Reason.PROMPT_REROUTED,
    Action.BLOCK: Reason.PROMPT_BLOCKED,
}
COUNTED = Treatment(Action.BLOCK, count=3, below=Action.REDACT, group=1)


def test_the_gravest_action_gives_verdict_and_reason() -> None:
    ids = ["a", "b", "c", "d", "e"]
    each = [Treatment(action) for action in (Action.ALERT, Action.TOKENISE, Action.REDACT, Action.REROUTE, Action.BLOCK)]
    told = []
    for last in range(5):
        decision = decide(ids, each, dict.fromkeys(range(last + 1), 1), REASONS, (PATTERNS_RAN,))
        told.append((decision.verdict, decision.reason))
    assert told == [
        (Verdict.FLAG, Reason.PROMPT_ALERTED),
        (Verdict.REDACT, Reason.PROMPT_TOKENISED),
        (Verdict.REDACT, Reason.PROMPT_REDACTED),
        (Verdict.REROUTE, Reason.PROMPT_REROUTED),
        (Verdict.DENY, Reason.PROMPT_BLOCKED),
    ]
    assert decision.detail["rerouted"] == ("d",)
    assert decision.detail["tokenised"] == ("b",)


def test_findings_of_one_entry_count_together() -> None:
    each = [COUNTED, COUNTED, Treatment(Action.ALERT)]
    assert totals({0: 1, 1: 1, 2: 9}, each) == {1: 2}
    assert actions({0: 1, 1: 1, 2: 9}, each) == {0: Action.REDACT, 1: Action.REDACT, 2: Action.ALERT}
    assert by_group({0: 1, 1: 1, 2: 9}, each) == {1: Action.REDACT}
    assert by_group({0: 1, 1: 2}, each) == {1: Action.BLOCK}
    assert decide("abc", each, {0: 1, 1: 2}, REASONS, (PATTERNS_RAN,)).verdict is Verdict.DENY


def test_shadow_says_what_would_have_been_done() -> None:
    each = [Treatment(Action.BLOCK, shadow=True), Treatment(Action.REDACT, True, 3, Action.ALLOW, 1)]
    decision = decide(["a", "b"], each, {0: 2, 1: 1}, REASONS, (PATTERNS_RAN,))
    assert (decision.verdict, decision.reason) == (Verdict.FLAG, Reason.PROMPT_ALERTED)
    assert decision.detail == {
        "inspection": "ran",
        "detectors": (PATTERNS_RAN,),
        "rule:a": 2,
        "rule:b": 1,
        "shadow": ("block:a",),
    }
    assert by_group({1: 9}, each) == {}


def test_nothing_found_is_one_object_and_a_detector_that_did_not_run_is_told() -> None:
    assert decide([], [], {}, REASONS, (PATTERNS_RAN,)) is NOTHING
    told = decide([], [], {}, REASONS, (PATTERNS_RAN, "judge:not_run")).detail
    assert told == {"inspection": "not_run", "detectors": (PATTERNS_RAN, "judge:not_run")}
    assert decide([], [], {}, REASONS, (PATTERNS_RAN, "judge:unscannable")).detail["inspection"] == "ran"


def test_detectors_that_are_not_asked_are_named_and_change_nothing_else() -> None:
    assert with_unasked(NOTHING, ()) is NOTHING
    told = with_unasked(NOTHING, ("judge:not_run",))
    assert told.detail == {"inspection": "ran", "detectors": ("patterns:ran", "judge:not_run")}
    assert (told.verdict, told.reason) == (NOTHING.verdict, NOTHING.reason)
