import pytest

from sluicegate.core.decision import Verdict
from sluicegate.core.errors import Denied
from sluicegate.core.event import Event, sse
from sluicegate.dlp.account import Account
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.observe import Observer
from tests.support.guardrails import AWS, CARD, SSN, PlainDialect, event, every_rule

RULES = every_rule()
SHADOW = Inspection(RULES, {r.id: Treatment(Action.BLOCK, shadow=True) for r in RULES.rules}, 100, Judged(10))


def observer(*, max_channels: int = 10, shadow: bool = True, blocks: bool = False) -> tuple[Account, Observer]:
    account = Account(SHADOW, lambda _: blocks, shadow=shadow)
    return account, Observer(account, PlainDialect(), max_channels)  # type: ignore[arg-type]  # all it asks of a dialect


def test_everything_leaves_at_once_and_everything_is_noted() -> None:
    account, laid = observer()
    events = [event(f"key {AWS[:9]}"), event(AWS[9:]), event(CARD, "b"), event(f'"{SSN}"', json=True)]
    raw = [each.raw for each in events]
    for each in events:
        assert laid.feed([each]) == [each]
    assert laid.flush() == ()
    assert [each.raw for each in events] == raw
    decision = account.decision()
    assert decision.verdict is Verdict.FLAG
    assert set(decision.detail["shadow"]) >= {"block:aws_access_key_id", "block:payment_card", "block:us_ssn"}  # type: ignore[arg-type]  # names


def test_bounds_end_the_looking_and_not_the_answer() -> None:
    account, laid = observer(max_channels=1)
    for name in "abc":
        assert laid.feed([event(CARD, name)])
    laid.flush()
    assert account.decision().detail["bound"] == "max_answer_channels"
    few = Inspection(RULES, {r.id: Treatment(Action.BLOCK, shadow=True) for r in RULES.rules}, 100, Judged(10), 3)
    account = Account(few, shadow=True)
    laid = Observer(account, PlainDialect(), 10)  # type: ignore[arg-type]  # all it asks of a dialect
    assert laid.feed([event(f"{CARD} " * 20)])
    assert laid.feed([event("more")])
    assert account.decision().detail["bound"] == "max_candidates"
    assert account.decision().detail["inspection"] == "not_run"


@pytest.mark.parametrize("shadow", [True, False])
def test_what_cannot_be_read_is_refused_unless_in_shadow(shadow: bool) -> None:
    _, laid = observer(shadow=shadow, blocks=True)
    sound: list[Event] = [sse([{"channel": "0", "text": "", "unread": "audio"}])]
    if shadow:
        assert laid.feed(sound) == sound
    else:
        with pytest.raises(Denied):
            laid.feed(sound)
