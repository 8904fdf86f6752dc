import pytest

from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.errors import Denied
from sluicegate.core.event import Event, frame, sse, whole
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dlp.findings import Action
from sluicegate.dlp.stream import StreamGuard
from tests.support.guardrails import (
    AWS,
    CARD,
    EMAIL,
    PEM,
    SSN,
    PlainDialect,
    answer,
    event,
    guard_of,
    inspection,
    judge,
    read,
    rule,
)

BY = inspection({"card": Action.REDACT, "ssn": Action.REDACT, "credential": Action.BLOCK, "private_key": Action.BLOCK})
DONE = Event(frame(b"[DONE]"), b"[DONE]")


def test_what_nobody_changed_keeps_its_bytes() -> None:
    guard = guard_of(BY)
    odd = Event(b'data:  [{"text": "Hello there. ", "channel": "0"}]\n\n', b'[{"text": "Hello there. ", "channel": "0"}]')
    raw = odd.raw
    (out,) = guard.feed([odd])
    assert out is odd
    assert out.raw == raw
    assert not guard.flush()


def test_an_event_without_text_passes_when_nothing_waits_and_keeps_its_place_when_something_does() -> None:
    guard = guard_of(BY)
    assert guard.feed([DONE]) == [DONE]
    word = event("wor")
    assert guard.feed([word]) == []
    assert guard.feed([DONE]) == []
    more = event("ld. ")
    assert guard.feed([more]) == [word, DONE, more]


def test_an_event_waits_for_those_before_it() -> None:
    guard = guard_of(BY)
    first, second = event("4111 ", "a"), event("done. ", "b")
    assert guard.feed([first, second]) == []
    third = event("men. ", "a")
    assert guard.feed([third]) == [first, second, third]


def test_an_event_whose_text_is_all_gone_is_still_sent() -> None:
    guard = guard_of(BY)
    events = [event(part) for part in (CARD[:5], CARD[5:12], CARD[12:], " bye. ")]
    out = guard.feed(events)
    assert [each.document[0]["text"] for each in out] == ["[CARD]", "", "", " bye. "]
    assert b"4111" not in b"".join(each.raw for each in out)


def test_the_dialect_is_told_from_the_first_redaction_on() -> None:
    guard = guard_of(judge([rule("[0-9]{3}-[0-9]{2}-[0-9]{4}")]))
    guard.feed([event("fine. ")])
    guard.feed([event(SSN), event(", so it is, ")])
    dialect = guard._dialect
    assert isinstance(dialect, PlainDialect)
    assert dialect.told == 2


@pytest.mark.parametrize("secret", [AWS, PEM])
@pytest.mark.parametrize("size", [1, 3, 17, 10_000])
def test_no_character_of_a_blocked_value_leaves(secret: str, size: int) -> None:
    text = f"Here it is: {secret} ok"
    guard = guard_of(BY)
    left: list[Event] = []
    with pytest.raises(Denied) as caught:
        for at in range(0, len(text), size):
            left += guard.feed([event(text[at : at + size])])
        left += guard.flush()
    assert caught.value.reason is Reason.ANSWER_BLOCKED
    assert "Here it is: ".startswith(read(left).get("0", ""))
    assert guard.decision() is caught.value.decision
    assert guard.decision().verdict is Verdict.DENY


def test_an_answer_that_ends_with_text_held_is_decided_by_what_is_there() -> None:
    assert answer(BY, ["the card is ", CARD])[0] == "the card is [CARD]"
    assert answer(BY, ["the card is ", CARD[:-1]])[0] == "the card is " + CARD[:-1]
    guard = guard_of(BY)
    guard.feed([event(f"key {AWS}")])
    with pytest.raises(Denied):
        guard.flush()


def test_an_unstreamed_answer_is_one_event() -> None:
    guard = guard_of(BY, max_held=10)
    body = event(f"{CARD} and {EMAIL}", framed=False)
    assert [*guard.feed([body]), *guard.flush()] == [body]
    assert b"[CARD] and bob" in body.raw
    assert guard.decision().verdict is Verdict.REDACT
    assert guard.decision().detail["alerted"] == ("email_address",)


def several(*texts: str, json: bool = False) -> Event:
    return whole([{"channel": str(number), "text": text, "json": json} for number, text in enumerate(texts)])


def test_an_unstreamed_answer_with_nothing_in_it_takes_no_channels() -> None:
    guard = guard_of(BY)
    body = several("Hello there, 4711", "and so on", "")
    raw = body.raw
    assert guard.feed([body]) == [body]
    assert body.raw == raw
    assert not guard.flush()
    assert not guard._channels
    assert guard.decision().verdict is Verdict.ALLOW


def test_texts_of_an_unstreamed_answer_are_judged_each_for_itself() -> None:
    guard = guard_of(BY)
    (out,) = [*guard.feed([several(CARD[:9], CARD[9:], SSN, CARD[:4])]), *guard.flush()]
    assert read([out]) == {"0": CARD[:9], "1": CARD[9:], "2": "[SSN]", "3": CARD[:4]}


def test_what_an_escape_hides_in_an_unstreamed_answer_is_found() -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in CARD)
    guard = guard_of(BY)
    (out,) = [*guard.feed([several(f'{{"a": "{escaped}"}}', json=True)]), *guard.flush()]
    assert read([out]) == {"0": '{"a": "[CARD]"}'}


def test_bounds_hold_for_an_unstreamed_answer() -> None:
    guard = guard_of(BY, max_channels=1)
    with pytest.raises(Denied):
        guard.feed([several("one", "two")])
    assert guard.decision().detail["bound"] == "max_answer_channels"
    by = inspection({"card": Action.REDACT})
    by.max_candidates = 40
    guard = guard_of(by)
    with pytest.raises(Denied):
        guard.feed([several(f"{CARD}. " * 20)])
    assert guard.decision().detail["bound"] == "max_candidates"


def test_the_same_channel_name_may_carry_text_and_json() -> None:
    guard = guard_of(BY)
    out = [*guard.feed([event(f'"{SSN}"', json=True), event(f" {SSN}")]), *guard.flush()]
    assert read(out) == {"0": '"[SSN]" [SSN]'}


def test_bounds_refuse() -> None:
    guard = guard_of(BY, max_channels=1)
    with pytest.raises(Denied):
        guard.feed([event("a. ", "a"), event("b. ", "b")])
    assert guard.decision().detail["bound"] == "max_answer_channels"
    guard = guard_of(BY, max_held=500)
    with pytest.raises(Denied):
        guard.feed([event("4111 "), *([DONE] * 100)])
    assert guard.decision().detail["bound"] == "max_held_bytes"


def test_pieces_without_text_open_no_channel() -> None:
    guard = guard_of(BY, max_channels=1)
    assert len(guard.feed([event("", "a"), event("", "b"), event("x. ", "c")])) == 3
    assert guard.ran


def test_more_candidates_in_an_event_than_the_bound_refuse() -> None:
    by = inspection({"card": Action.REDACT})
    by.max_candidates = 40
    guard = guard_of(by)
    assert guard.feed([event(f"{CARD}. So ") for _ in range(4)])
    with pytest.raises(Denied):
        guard.feed([event(f"{CARD}. " * 80)])
    assert guard.decision().detail["bound"] == "max_candidates"


@pytest.mark.parametrize("blocks", [True, False])
def test_what_cannot_be_read_counts(blocks: bool) -> None:
    guard = StreamGuard(BY, PlainDialect(), 10, 1_000, refuses=lambda _: blocks)  # type: ignore[arg-type]  # all it asks
    sound = sse([{"channel": "0", "text": "", "unread": "audio"}])
    if blocks:
        with pytest.raises(Denied):
            guard.feed([sound])
    else:
        assert guard.feed([sound]) == [sound]
    decision = guard.decision()
    assert decision.verdict is (Verdict.DENY if blocks else Verdict.FLAG)
    assert decision.detail["unscannable"] == ("audio",)


def test_log_probabilities_go_from_the_first_redaction_on() -> None:
    guard = StreamGuard(BY, OpenAIChat(), 10, 1 << 20)
    spelled = {"content": [{"token": "4111"}]}
    chunks = [{"choices": [{"index": 0, "delta": {"content": text}, "logprobs": spelled}]} for text in (CARD, " bye. ")]
    out = [
        *guard.feed([sse(chunk) for chunk in chunks]),
        *guard.feed([sse({"choices": [{"index": 0, "logprobs": spelled}]})]),
        *guard.flush(),
    ]
    assert len(out) == 3
    assert b"4111" not in b"".join(each.raw for each in out)


@pytest.mark.parametrize("framed", [True, False])
def test_what_would_be_replaced_in_a_thought_refuses_the_answer(framed: bool) -> None:
    guard = guard_of(inspection({"card": Action.REDACT}))
    with pytest.raises(Denied) as caught:
        guard.feed([event(f"pay {CARD} now", framed=framed, sealed=True)])
        guard.flush()
    assert caught.value.reason is Reason.ANSWER_BLOCKED
    assert guard.decision().detail["in"] == ("thinking",)
    told = guard_of(inspection({"card": Action.ALERT}))
    assert read([*told.feed([event(f"pay {CARD} now", sealed=True)]), *told.flush()]) == {"0": f"pay {CARD} now"}
