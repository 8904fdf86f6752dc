from collections.abc import Awaitable

import pytest

from sluicegate.core.decision import ALLOWED, Decision, Reason, Verdict
from sluicegate.core.errors import Denied
from sluicegate.core.event import Event
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.core.stage import Guard
from sluicegate.dlp.vault import Vault
from sluicegate.settings import Dlp
from sluicegate.stages.s7_inspect_response import InspectResponse
from tests.support.guardrails import AWS, CARD, PlainDialect, event, policies, read


class UseCase:
    def __init__(self, guardrail: str) -> None:
        self.guardrail = guardrail


class Grant:
    organisation = team = team_name = role = ""

    def __init__(self, guardrail: str) -> None:
        self.use_case = UseCase(guardrail)


def exchange(guardrail: str = "default") -> Exchange:
    made = Exchange("1", PlainDialect(), Arrival("/", "", {}, b""))  # type: ignore[arg-type]  # all the stage asks of a dialect
    made.grant = Grant(guardrail)  # type: ignore[assignment]  # all the stage asks of a grant
    made.policy_version = policies().version
    return made


async def passed(guard: Guard, *events: Event) -> dict[str, str]:
    """What a client reads of an answer of these events."""
    leaving = [*guard.feed(events)]
    rest = guard.flush()
    return read([*leaving, *(await rest if isinstance(rest, Awaitable) else rest)])


def stage() -> InspectResponse:
    return InspectResponse(policies(), Dlp(), Vault(10, 60))


def own(made: Exchange) -> list[Decision]:
    return [decision for name, decision in made.decisions if name == InspectResponse.name]


async def test_what_the_guard_found_takes_the_place_of_what_admission_left() -> None:
    made, tested = exchange(), stage()
    made.decisions.append((tested.name, await tested.admit(made)))
    made.decisions.append(("s8_record", ALLOWED))
    assert own(made)[0].detail == {"inspection": "not_run", "detectors": ("patterns:not_run",)}
    guard = tested.guard(made)
    assert guard is not None
    assert await passed(guard, event(f"it is {CARD}")) == {"0": "it is [CARD]"}
    await tested.settle(made)
    assert [name for name, _ in made.decisions] == [tested.name, "s8_record"]
    (decision,) = own(made)
    assert (decision.verdict, decision.reason) == (Verdict.REDACT, Reason.ANSWER_REDACTED)
    assert decision.detail == {
        "inspection": "ran",
        "detectors": ("patterns:ran",),
        "rule:payment_card": 1,
        "redacted": ("payment_card",),
    }
    assert not tested._laid


async def test_a_refusal_in_mid_answer_is_the_decision() -> None:
    made, tested = exchange("strict"), stage()
    guard = tested.guard(made)
    assert guard is not None
    with pytest.raises(Denied):
        guard.feed([event(f"{AWS} is the key")])
    await tested.settle(made)
    assert own(made)[0].verdict is Verdict.DENY


async def test_an_answer_with_nothing_in_it() -> None:
    made, tested = exchange(), stage()
    guard = tested.guard(made)
    assert guard is not None
    guard.feed([event("all well. ")])
    await tested.settle(made)
    assert (own(made)[0].verdict, own(made)[0].detail) == (
        Verdict.ALLOW,
        {"inspection": "ran", "detectors": ("patterns:ran",)},
    )


@pytest.mark.parametrize("guarded", [True, False])
async def test_an_answer_that_never_came_was_not_inspected(guarded: bool) -> None:
    made, tested = exchange(), stage()
    if guarded:
        tested.guard(made)
    await tested.settle(made)
    assert own(made)[0].detail == {"inspection": "not_run", "detectors": ("patterns:not_run",)}


async def test_a_policy_with_nothing_for_answers_lays_no_guard() -> None:
    assert stage().guard(exchange("off")) is None


async def test_policies_read_again_meanwhile_are_named() -> None:
    made, tested = exchange(), stage()
    made.policy_version = "older"
    guard = tested.guard(made)
    assert guard is not None
    guard.feed([event("all well. ")])
    await tested.settle(made)
    assert own(made)[0].detail["policy_version"] == policies().version


async def test_what_the_intent_entry_holds_is_not_replaced_so_that_the_outcome_entry_tells() -> None:
    made, tested = exchange(), stage()
    made.decisions.append((tested.name, await tested.admit(made)))
    made.intended = len(made.decisions)
    made.decisions.append(("s8_record", ALLOWED))
    guard = tested.guard(made)
    assert guard is not None
    guard.feed([event(f"it is {CARD}")])
    guard.flush()
    await tested.settle(made)
    assert own(made)[0].detail == {"inspection": "not_run", "detectors": ("patterns:not_run",)}
    assert made.decisions[-1][0] == tested.name
    assert made.decisions[-1][1].reason is Reason.ANSWER_REDACTED
