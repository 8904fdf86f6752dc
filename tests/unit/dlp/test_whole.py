import json

import pytest

from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.errors import Denied
from sluicegate.core.event import Event, whole
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dlp.account import Account
from sluicegate.dlp.detector import ScriptedDetector, Signal
from sluicegate.dlp.whole import Reader, WholeGuard
from tests.support.guardrails import PlainDialect, event, passed, read, written

TONE = Signal(id="tone", kind="tone", severity="low", label="TONE")
WAR = Signal(id="war", kind="weapons", severity="high", label="WAR")


def account(answer: str, *, fails: bool = False, refuses: bool = True) -> Account:
    detector = ScriptedDetector("tone", {"HEY": TONE, "tank": WAR}, fails=fails, refuses=refuses)
    inspection = written(f"policies: {{a: {{prompt: {{}}, answer: {answer}}}}}", detector).policy("a").answer
    assert inspection is not None
    return Account(inspection)


def guard(by: Account, *, max_channels: int = 10, max_bytes: int = 10_000) -> WholeGuard:
    return WholeGuard(by, PlainDialect(), max_channels, max_bytes)  # type: ignore[arg-type]  # all it asks of a dialect


async def test_the_answer_is_held_to_its_end_and_asked_about_as_a_whole() -> None:
    by = account("{tone: redact}")
    laid = guard(by)
    events = [event("say H"), event("E"), event("Y, a tank", "0"), event("HEY", "b")]
    assert laid.feed(events) == ()
    assert read(await passed(laid)) == {"0": "say [TONE], a tank", "b": "[TONE]"}
    decision = by.decision()
    assert decision.verdict is Verdict.REDACT
    assert decision.detail == {
        "inspection": "ran",
        "detectors": ("patterns:ran", "tone:ran"),
        "rule:tone": 2,
        "redacted": ("tone",),
    }


async def test_what_nobody_changed_keeps_its_bytes() -> None:
    laid = guard(account("{tone: redact}"))
    odd = Event(b'data:  [{"text": "hey", "channel": "0"}]\n\n', b'[{"text": "hey", "channel": "0"}]')
    raw = odd.raw
    assert (await passed(laid, [odd]))[0].raw is raw


async def test_json_stays_json() -> None:
    source = json.dumps({"a": "HEY\n", "b": [1, "x"]})
    laid = guard(account("{tone: redact}"))
    out = read(await passed(laid, [event(source[:9], json=True)], [event(source[9:], json=True)]))
    assert json.loads(out["0"]) == {"a": "[TONE]\n", "b": [1, "x"]}
    laid = guard(account("{tone: redact}"))
    assert read(await passed(laid, [event('{"a": "HEY', json=True)])) == {"0": '"[TONE]"'}


async def test_texts_of_an_answer_that_is_not_streamed_stand_for_themselves() -> None:
    laid = guard(account("{tone: redact}"), max_bytes=1)
    body = whole([{"channel": "0", "text": text, "json": False} for text in ("HE", "Y", "HEY")])
    (out,) = await passed(laid, [body])
    assert [piece["text"] for piece in out.document] == ["HE", "Y", "[TONE]"]


async def test_a_block_lets_nothing_leave() -> None:
    by = account("{weapons: block, tone: alert}")
    laid = guard(by)
    with pytest.raises(Denied) as caught:
        await passed(laid, [event("HEY, a tank")])
    assert caught.value.reason is Reason.ANSWER_BLOCKED
    assert by.decision().detail["blocked"] == ("war",)
    assert by.decision().detail["alerted"] == ("tone",)


async def test_from_a_count_on() -> None:
    for text, refused in (("HEY HEY", False), ("HEY HEY HEY", True)):
        laid = guard(account("{tone: {action: block, count: 3}}"))
        if refused:
            with pytest.raises(Denied):
                await passed(laid, [event(text)])
        else:
            assert read(await passed(laid, [event(text)])) == {"0": text}


@pytest.mark.parametrize("refuses", [True, False])
async def test_a_detector_that_cannot_look_refuses_or_says_so(refuses: bool) -> None:
    by = account("{tone: redact}", fails=True, refuses=refuses)
    laid = guard(by)
    if refuses:
        with pytest.raises(Denied) as caught:
            await passed(laid, [event("x")])
        assert caught.value.reason is Reason.CONTROL_FAILED
    else:
        assert read(await passed(laid, [event("x")])) == {"0": "x"}
    assert by.decision().detail["detectors"] == ("patterns:ran", "tone:not_run")
    assert by.decision().detail["inspection"] == "not_run"


def test_bounds_refuse_what_would_be_held() -> None:
    with pytest.raises(Denied):
        guard(account("{tone: redact}"), max_bytes=100).feed([event("x" * 200)])
    with pytest.raises(Denied):
        guard(account("{tone: redact}"), max_channels=1).feed([event("x"), event("y", "b")])


async def test_a_reader_holds_nothing_and_asks_when_settled() -> None:
    by = account("{tone: alert}")
    laid = Reader(by, PlainDialect(), 10, 10_000)  # type: ignore[arg-type]  # all it asks of a dialect
    for each in (event("H"), event("EY")):
        assert laid.feed([each]) == [each]
    assert laid.flush() == ()
    assert by.decision().detail["detectors"] == ("patterns:ran", "tone:not_run")
    await laid.settle()
    assert by.decision().detail["alerted"] == ("tone",)


@pytest.mark.parametrize(("max_channels", "max_bytes"), [(1, 10_000), (10, 3)])
async def test_of_more_than_the_bounds_nothing_is_looked_at(max_channels: int, max_bytes: int) -> None:
    by = account("{tone: alert}")
    laid = Reader(by, PlainDialect(), max_channels, max_bytes)  # type: ignore[arg-type]  # all it asks of a dialect
    assert len(laid.feed([event("HEY"), event("HEY", "b")])) == 2
    assert len(laid.feed([event("HEY")])) == 1
    await laid.settle()
    assert by.decision().detail["detectors"] == ("patterns:ran", "tone:not_run")


async def test_log_probabilities_go_with_what_is_redacted() -> None:
    laid = WholeGuard(account("{tone: redact}"), OpenAIChat(), 10, 10_000)
    choice = {"index": 0, "message": {"role": "assistant", "content": "HEY"}, "logprobs": {"content": [{"token": "HEY"}]}}
    (out,) = await passed(laid, [whole({"choices": [choice]})])
    assert b"HEY" not in out.raw


async def test_what_policy_does_not_name_is_not_counted() -> None:
    by = account("{tone: redact}")
    assert read(await passed(guard(by), [event("a tank, HEY")])) == {"0": "a tank, [TONE]"}
    assert [key for key in by.decision().detail if key.startswith("rule:")] == ["rule:tone"]


async def test_json_too_deep_to_be_read_is_looked_at_as_the_text_it_is() -> None:
    source = '{"a": "HEY", "b": ' + "[" * 100_000 + "]" * 100_000 + "}"
    by = account("{tone: redact}")
    laid = guard(by, max_bytes=1 << 20)
    assert read(await passed(laid, [event(source, json=True)])) == {"0": '"[TONE]"'}
    assert by.decision().detail["rule:tone"] == 1


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ('{"HEY": [{"a": "b"}], "c": "HEY"}', {"[TONE]": [{"a": "b"}], "c": "[TONE]"}),
        ('{"HEY": "HEY", "[TONE]": 1, "x": {"a HEY": {"HEY": 2}}}', None),
        ('{"a": "HEY", "a": "x"}', "[TONE]"),
        ('[{"a": {"b": "HEY", "c": 1, "b": "x"}}]', "[TONE]"),
    ],
)
async def test_keys_and_what_another_key_of_the_name_hides_are_looked_at(source: str, left: object) -> None:
    laid = guard(account("{tone: redact}"))
    out = read(await passed(laid, [event(source, json=True)]))["0"]
    assert "HEY" not in out
    if left is not None:
        assert json.loads(out) == left
    else:
        assert json.loads(out) == {"[TONE]_": "[TONE]", "[TONE]": 1, "x": {"a [TONE]": {"[TONE]": 2}}}


async def test_a_key_and_its_value_go_whoever_found_them_first() -> None:
    detectors = ScriptedDetector("a", {"KEY": TONE}), ScriptedDetector("b", {"VALUE": WAR})
    inspection = written("policies: {a: {prompt: {}, answer: {tone: redact, war: redact}}}", *detectors).policy("a").answer
    assert inspection is not None
    out = read(await passed(guard(Account(inspection)), [event('{"KEY": "VALUE"}', json=True)]))
    assert json.loads(out["0"]) == {"[TONE]": "[WAR]"}


async def test_what_would_be_replaced_in_a_thought_refuses_the_answer() -> None:
    by = account("{tone: redact}")
    with pytest.raises(Denied):
        await passed(guard(by), [event("HEY", sealed=True)])
    assert by.decision().detail["in"] == ("thinking",)
