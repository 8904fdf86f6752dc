from sluicegate.core.decision import ALLOWED, Reason, Verdict, deny


def test_codes_are_their_own_names() -> None:
    for reason in Reason:
        assert reason.value == reason.name.lower()


def test_deny_keeps_what_it_is_told() -> None:
    decision = deny(Reason.BUDGET_EXCEEDED, scope="team:1", unit="usd")
    assert decision.verdict is Verdict.DENY
    assert decision.detail == {"scope": "team:1", "unit": "usd"}
    assert ALLOWED.verdict is Verdict.ALLOW
