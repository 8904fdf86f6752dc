import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from sluicegate.core.decision import ALLOWED, Decision, Reason, Verdict
from sluicegate.core.errors import Denied
from sluicegate.core.event import Event
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.core.stage import Guard
from sluicegate.dlp.detector import Detection, Passage, ScriptedDetector, Signal
from sluicegate.dlp.vault import Owner, Vault, owner_of
from sluicegate.settings import Dlp
from sluicegate.stages.s7_inspect_response import InspectResponse
from tests.support.guardrails import AWS, CARD, PlainDialect, event, policies, read, written


class UseCase:
    def __init__(self, guardrail: str) -> None:
        self.guardrail = guardrail


class Grant:
    team = team_name = role = ""
    organisation, key_id = "o", "k"

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
    assert own(made)[0].detail == {"inspection": "not_run", "detectors": ("patterns:not_run", "injection:not_run")}
    guard = tested.guard(made)
    assert guard is not None
    assert await passed(guard, event(f"it is {CARD}")) == {"0": "it is [CARD]"}
    await tested.settle(made)
    assert [name for name, _ in made.decisions] == [tested.name, "s8_record"]
    (decision,) = own(made)
    assert (decision.verdict, decision.reason) == (Verdict.REDACT, Reason.ANSWER_REDACTED)
    assert decision.detail == {
        "inspection": "ran",
        "detectors": ("patterns:ran", "injection:not_run"),
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
        {"inspection": "ran", "detectors": ("patterns:ran", "injection:not_run")},
    )


@pytest.mark.parametrize("guarded", [True, False])
async def test_an_answer_that_never_came_was_not_inspected(guarded: bool) -> None:
    made, tested = exchange(), stage()
    if guarded:
        tested.guard(made)
    await tested.settle(made)
    assert own(made)[0].detail == {"inspection": "not_run", "detectors": ("patterns:not_run", "injection:not_run")}


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
    assert own(made)[0].detail == {"inspection": "not_run", "detectors": ("patterns:not_run", "injection:not_run")}
    assert made.decisions[-1][0] == tested.name
    assert made.decisions[-1][1].reason is Reason.ANSWER_REDACTED


NAME = Signal(id="person", kind="person", severity="low", label="PERSON")


def laid(answer: str, *detectors: ScriptedDetector, mode: str = "enforce") -> InspectResponse:
    spec = f"policies: {{default: {{mode: {mode}, prompt: {{}}, answer: {answer}}}}}"
    return InspectResponse(written(spec, *detectors), Dlp(), Vault(10, 60))


async def test_values_come_back_after_inspection() -> None:
    vault = Vault(10, 60)
    for policy, told in (("default", "[CARD] bob@example.org"), ("off", f"{CARD} bob@example.org")):
        tested, made = InspectResponse(policies(), Dlp(), vault), exchange(policy)
        made.sealed_values = vault.seal(owner_of(made), {"<EMAIL_1>": "bob@example.org"})
        guard = tested.guard(made)
        assert guard is not None
        assert await passed(guard, event(f"{CARD} <EMA"), event("IL_1>")) == {"0": told}
        await tested.settle(made)
        assert "rule:email_address" not in own(made)[0].detail


async def test_values_of_somebody_else_do_not_come_back() -> None:
    vault = Vault(10, 60)
    tested, made = InspectResponse(policies(), Dlp(), vault), exchange("off")
    made.sealed_values = vault.seal(Owner("o", "other", "1", False), {"<EMAIL_1>": "bob@example.org"})
    guard = tested.guard(made)
    assert guard is not None
    assert await passed(guard, event("<EMAIL_1>")) == {"0": "<EMAIL_1>"}


@pytest.mark.parametrize(("answer", "mode"), [("{card: alert}", "enforce"), ("{card: block, person: redact}", "shadow")])
async def test_where_nothing_is_done_nothing_is_held_and_all_is_recorded(answer: str, mode: str) -> None:
    detector = ScriptedDetector("names", {"Ann": NAME})
    tested, made = laid(answer, detector, mode=mode), exchange()
    guard = tested.guard(made)
    assert guard is not None
    events = [event("A"), event(f"nn {CARD[:8]}"), event(CARD[8:])]
    raw = [each.raw for each in events]
    for each in events:
        assert guard.feed([each]) == [each]
    assert await passed(guard) == {}
    assert [each.raw for each in events] == raw
    await tested.settle(made)
    decision = own(made)[0]
    assert decision.detail["rule:payment_card"] == 1
    if mode == "shadow":
        assert decision.detail["shadow"] == ("block:payment_card", "redact:person")
        assert decision.detail["detectors"] == ("patterns:ran", "names:ran")


async def test_an_answer_that_a_detector_may_change_is_held_to_its_end() -> None:
    tested, made = laid("{card: redact, person: redact}", ScriptedDetector("names", {"Ann": NAME})), exchange()
    guard = tested.guard(made)
    assert guard is not None
    assert not guard.feed([event("An")])
    assert await passed(guard, event(f"n pays {CARD}")) == {"0": "[PERSON] pays [CARD]"}
    await tested.settle(made)
    assert own(made)[0].detail["redacted"] == ("payment_card", "person")


async def test_a_client_that_leaves_while_a_detector_is_asked_leaves_a_record() -> None:
    class Endless(ScriptedDetector):
        async def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:  # type: ignore[override]  # as allowed
            asked.set()
            await asyncio.Event().wait()
            return super().find(passages)

    asked = asyncio.Event()
    tested, made = laid("{card: alert, person: alert}", Endless("names", {"Ann": NAME})), exchange()
    guard = tested.guard(made)
    assert guard is not None
    await passed(guard, event(CARD))
    task = asyncio.ensure_future(tested.settle(made))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert own(made)[0].detail["detectors"] == ("patterns:ran", "names:not_run")
    assert own(made)[0].detail["alerted"] == ("payment_card",)


@pytest.mark.parametrize(("answer", "inspected"), [("{card: redact}", True), ("{}", False), ("{person: alert}", True)])
@pytest.mark.parametrize("came", [True, False])
async def test_every_detector_has_its_verdict_asked_or_not(answer: str, inspected: bool, came: bool) -> None:
    other = ScriptedDetector("other", {"x": Signal(id="tone", kind="tone", severity="low", label="TONE")})
    tested, made = laid(answer, ScriptedDetector("names", {"Ann": NAME}), other), exchange()
    made.decisions.append((tested.name, await tested.admit(made)))
    assert own(made)[0].detail["detectors"] == ("patterns:not_run", "names:not_run", "other:not_run")
    guard = tested.guard(made) if came else None
    if guard is not None:
        await passed(guard, event("nothing"))
    await tested.settle(made)
    patterns = "patterns:ran" if came and inspected else "patterns:not_run"
    names = "names:ran" if came and "person" in answer else "names:not_run"
    assert own(made)[0].detail["detectors"] == (patterns, names, "other:not_run")
