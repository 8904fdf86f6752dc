"""A text that an answer says again is judged once, and reads the same wherever it stands."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.core.decision import Verdict
from sluicegate.core.errors import Denied, UpstreamError
from sluicegate.core.event import Event, sse, whole
from sluicegate.dialects.openai_responses import OpenAIResponses
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.restated import Restated
from sluicegate.dlp.restore import RestoreGuard
from sluicegate.dlp.stream import StreamGuard
from tests.support import responses
from tests.support.guardrails import AWS, CARD, EMAIL, SSN, every_rule, inspection

BY = inspection({"card": Action.REDACT, "ssn": Action.REDACT})
DIALECT = OpenAIResponses()


def redacting() -> Inspection:
    return inspection({rule.kind: Action.REDACT for rule in every_rule().rules})


def guarded(by: Inspection, sent: Any = None, *, bound: bool = False) -> tuple[Restated, StreamGuard]:
    guard = StreamGuard(by, DIALECT, 100, 1 << 20)
    return Restated(guard, DIALECT, sent or {}, bound=bound), guard


async def passed(guard: Restated, events: Sequence[Event]) -> list[Any]:
    out = [leaving for event in events for leaving in guard.feed([event])]
    out += await guard.flush()
    assert len(out) == len(events)
    for event in out:
        assert json.loads(event.data) == event.document
    return [event.document for event in out]


def texts(documents: Sequence[Any]) -> dict[str, set[str]]:
    """Every telling of each text of an answer, by its channel."""
    told: dict[str, set[str]] = {}
    deltas: dict[str, str] = {}
    for document in documents:
        for piece in DIALECT.pieces(sse(document)):
            if piece.again:
                told.setdefault(piece.channel, set()).add(piece.text)
            else:
                deltas[piece.channel] = deltas.get(piece.channel, "") + piece.text
    for channel, text in deltas.items():
        told.setdefault(channel, set()).add(text)
    return told


ANSWER = [
    responses.reasoning(f"They gave {CARD}.", "And more."),
    responses.message(f"Your card {CARD} and number {SSN} for {EMAIL}"),
    responses.call("call_1abc", "look", {"card": CARD, "n": [4111111111111111], "x": "ok"}),
    responses.custom_call("call_2abc", "shell", f"echo {SSN}"),
]


@pytest.mark.parametrize("width", [1, 2, 5, 7, 1_000])
async def test_every_telling_of_a_text_reads_the_same_however_it_was_cut(width: int) -> None:
    guard, _ = guarded(redacting())
    told = texts(await passed(guard, [sse(event) for event in responses.events(ANSWER, width=width)]))
    assert {channel: len(different) for channel, different in told.items()} == dict.fromkeys(told, 1)
    assert told["1.content.0.text"] == {"Your card [CARD] and number [SSN] for [EMAIL]"}
    assert told["0.summary.0.text"] == {"They gave [CARD]."}
    assert told["3.input"] == {"echo [SSN]"}
    assert json.loads(next(iter(told["2.arguments"])))["card"] == "[CARD]"


@settings(deadline=None, max_examples=60)
@given(
    cuts=st.lists(st.integers(0, 80), max_size=8),
    secret=st.sampled_from([CARD, SSN, EMAIL]),
    after=st.text(" .ab", max_size=9),
)
async def test_cutting_changes_nothing_and_it_equals_the_whole_body(cuts: list[int], secret: str, after: str) -> None:
    text = f"So {secret} {after}"
    at = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    item = responses.message(text)
    said = responses.events([item], width=1_000)
    [place] = [index for index, event in enumerate(said) if event["type"] == "response.output_text.delta"]
    said[place : place + 1] = [{**said[place], "delta": text[low:high]} for low, high in pairwise(at)]
    by = redacting()
    guard, _ = guarded(by)
    streamed = texts(await passed(guard, [sse(event) for event in said]))["0.content.0.text"]
    body = whole(responses.response([item]))
    once, _ = guarded(by)
    [document] = await passed(once, [body])
    assert streamed == {document["output"][0]["content"][0]["text"]}
    assert secret not in next(iter(streamed))


async def test_findings_count_once_and_untouched_events_keep_their_bytes() -> None:
    guard, inner = guarded(inspection({"email": Action.ALERT}))
    events = [sse(event) for event in responses.events([responses.message(f"Ask {EMAIL}")])]
    raw = [event.raw for event in events]
    await passed(guard, events)
    assert [event.raw for event in events] == raw
    detail = inner.decision().detail
    assert [count for rule, count in detail.items() if rule.startswith("rule:")] == [1]


async def test_a_threshold_is_not_reached_by_repeating() -> None:
    scanner = every_rule()
    treated = {
        r.id: Treatment(Action.REDACT, count=2, group=1) if r.kind == "ssn" else Treatment(Action.ALERT)
        for r in scanner.rules
    }
    assert any(treatment.group for treatment in treated.values())
    by = Inspection(scanner, treated, 1_000, Judged(10))
    guard, _ = guarded(by)
    told = texts(
        await passed(guard, [sse(event) for event in responses.events([responses.message(f"my ssn is {SSN} ok.")])])
    )
    assert told["0.content.0.text"] == {f"my ssn is {SSN} ok."}


async def test_what_is_said_differently_the_second_time_is_judged_for_itself() -> None:
    said = responses.events([responses.message("Nothing here at all.")])
    for event in said:
        if event["type"] == "response.completed":
            event["response"]["output"] = [responses.message(f"It is {CARD}.")]
    guard, _ = guarded(redacting())
    told = texts(await passed(guard, [sse(event) for event in said]))
    assert told["0.content.0.text"] == {"Nothing here at all.", "It is [CARD]."}


async def test_a_text_that_goes_on_after_its_end_breaks_the_answer() -> None:
    guard, _ = guarded(redacting())
    said = responses.events([responses.message("Hello there.")])
    [done] = [event for event in said if event["type"] == "response.output_text.done"]
    [delta, *_] = [event for event in said if event["type"] == "response.output_text.delta"]
    with pytest.raises(UpstreamError):
        await passed(guard, [sse(event) for event in (*said[: said.index(done) + 1], delta)])


async def test_a_text_that_blocks_never_leaves() -> None:
    guard, inner = guarded(inspection({rule.kind: Action.BLOCK for rule in every_rule().rules}))
    out: list[Event] = []
    with pytest.raises(Denied):
        for event in responses.events([responses.message(f"key {AWS} is it")], width=4):
            out += guard.feed([sse(event)])
    assert not any(AWS[4:8] in event.raw.decode() for event in out)
    assert inner.decision().verdict is Verdict.DENY


async def test_the_end_of_a_text_lets_it_leave() -> None:
    guard, _ = guarded(redacting())
    said = [sse(event) for event in responses.events([responses.message(f"call {CARD[:12]}"), ANSWER[2]])]
    [done] = [index for index, event in enumerate(said) if event.document["type"] == "response.output_text.done"]
    left = [leaving for event in said[: done + 1] for leaving in guard.feed([event])]
    assert left == said[: done + 1]


async def test_what_the_request_said_is_not_judged_again() -> None:
    sent: Any = {"instructions": f"Never say {CARD}", "tools": [{"type": "function", "name": "f", "description": CARD}]}
    guard, inner = guarded(redacting(), sent)
    events = [sse(event) for event in responses.events([responses.message("Good.")], **sent)]
    documents = await passed(guard, events)
    assert documents[0]["response"]["tools"] == sent["tools"]
    assert documents[-1]["response"]["instructions"] == sent["instructions"]
    assert inner.decision().verdict is Verdict.ALLOW
    other, _ = guarded(redacting(), {})
    assert CARD not in json.dumps(await passed(other, [sse(e) for e in responses.events([responses.message("a")], **sent)]))


@pytest.mark.parametrize("streamed", [True, False])
async def test_the_system_prompt_that_was_bound_is_not_repeated(streamed: bool) -> None:
    guard, _ = guarded(BY, {"instructions": "ours"}, bound=True)
    item = responses.message("Good.")
    said = [sse(e) for e in responses.events([item], instructions="ours")]
    documents = await passed(guard, said if streamed else [whole(responses.response([item], instructions="ours"))])
    assert "ours" not in json.dumps(documents)


@pytest.mark.parametrize("encrypted", [True, False])
async def test_reasoning_with_encrypted_content_is_never_rewritten(encrypted: bool) -> None:
    sent = {"include": ["reasoning.encrypted_content"]} if encrypted else {}
    guard, inner = guarded(redacting(), sent)
    events = [sse(event) for event in responses.events(ANSWER[:1])]
    if not encrypted:
        assert texts(await passed(guard, events))["0.summary.0.text"] == {"They gave [CARD]."}
        return
    with pytest.raises(Denied):
        await passed(guard, events)
    assert inner.decision().detail["in"] == ("thinking",)
    body = responses.response([responses.reasoning(f"They gave {CARD}.", encrypted_content="gAAAA")])
    whole_guard, _ = guarded(redacting())
    with pytest.raises(Denied):
        await passed(whole_guard, [whole(body)])


@pytest.mark.parametrize("sent", [{}, {"include": ["reasoning.encrypted_content"]}])
async def test_values_come_back_in_every_telling_but_of_a_thought_that_must_stay(sent: Any) -> None:
    restoring = RestoreGuard({"<CARD_1>": CARD}, DIALECT, 100, 1 << 20)
    guard = Restated(restoring, DIALECT, sent, judging=False)
    item = responses.message("Yours is <CARD_1>, or <CARD_2>")
    told = texts(await passed(guard, [sse(event) for event in responses.events([item, responses.reasoning("Of <CARD_1>")])]))
    assert told["0.content.0.text"] == {f"Yours is {CARD}, or <CARD_2>"}
    assert told["1.summary.0.text"] == {"Of <CARD_1>" if sent else f"Of {CARD}"}
