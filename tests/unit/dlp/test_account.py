import pytest

from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.errors import Denied
from sluicegate.dlp.account import Account
from sluicegate.dlp.engine import Hit
from sluicegate.dlp.outcome import NOT_RUN, PATTERNS_RAN
from tests.support.guardrails import judge, rule

BY = judge([rule("ab"), rule("cd", id="two")])


def account(**more: bool) -> Account:
    made = Account(BY, lambda kind: kind == "image", **more)
    made.ran = True
    return made


def test_what_never_began_did_not_run() -> None:
    assert Account(BY).decision() is NOT_RUN


def test_ledgers_and_detectors_count_together() -> None:
    made = account()
    ledger = BY.ledger()
    made.ledger(ledger)
    ledger.take([Hit(0, 0, 2), Hit(1, 4, 6)])
    made.found([1, 1])
    decision = made.decision()
    assert (decision.detail["rule:own"], decision.detail["rule:two"]) == (1, 3)
    assert decision.reason is Reason.ANSWER_REDACTED


def test_what_must_be_readable_is_refused_but_never_in_shadow() -> None:
    made = account()
    made.unread(["audio"])
    decision = made.decision()
    assert (decision.verdict, decision.detail["detectors"]) == (Verdict.FLAG, ("patterns:unscannable",))
    with pytest.raises(Denied):
        made.unread(["image"])
    assert made.decision().verdict is Verdict.DENY
    shadow = account(shadow=True)
    shadow.unread(["image"])
    assert shadow.decision().detail["shadow"] == ("block:unscannable",)
    assert shadow.decision().detail["unscannable_parts"] == 1


def test_a_bound_is_told() -> None:
    made = account()
    made.beyond("max_candidates")
    made.beyond("max_answer_channels")
    decision = made.decision()
    assert decision.verdict is Verdict.FLAG
    assert decision.detail == {"inspection": "not_run", "detectors": ("patterns:not_run",), "bound": "max_candidates"}


def test_refusals_are_the_decision_from_then_on() -> None:
    made = account()
    with pytest.raises(Denied) as caught:
        made.refuse("max_held_bytes", Reason.CONTROL_FAILED)
    assert made.decision() is caught.value.decision
    assert made.decision().detail == {"inspection": "ran", "detectors": (PATTERNS_RAN,), "bound": "max_held_bytes"}


def test_what_cannot_be_replaced_where_it_stands() -> None:
    by = account()
    with pytest.raises(Denied) as caught:
        by.refuse_sealed()
    assert (caught.value.reason, by.decision().detail["in"]) == (Reason.ANSWER_BLOCKED, ("thinking",))
