"""The Gemini dialect: what it asks, counts and tells."""

import json
from typing import Any

import pytest

from sluicegate.core.arguments import Arguments
from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Ask
from sluicegate.core.errors import GatewayError, InvalidRequest, UpstreamRejected
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.gemini import Gemini

GEMINI = Gemini("gemini-x", stream=True)


def counted(known: Usage | None = None, *, framed: bool = True, finish: str | None = None, **report: int) -> Usage:
    document = {"candidates": [{"finishReason": finish}] if finish else [], "usageMetadata": report}
    return GEMINI.usage(sse(document) if framed else whole(document), known or Usage(estimated=True))


def test_the_path_names_model_and_form() -> None:
    document: Any = {"contents": [{"parts": [{"text": "a"}]}]}
    assert GEMINI.read(document) == Ask("gemini-x", stream=True, max_tokens=None)
    assert not GEMINI.ask_usage(document)


def test_a_bound_stands_in_the_settings_once() -> None:
    assert GEMINI.bounded({}, 9) == {"generationConfig": {"maxOutputTokens": 9}}
    given = {"generation_config": {"topK": 1, "max_output_tokens": None}}
    assert GEMINI.bounded(given, 9) == {"generation_config": {"topK": 1, "maxOutputTokens": 9}}


def test_thoughts_are_output_and_what_tools_read_is_input() -> None:
    report: Any = {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7,
        "toolUsePromptTokenCount": 2,
    }
    assert counted(**report) == Usage(12, 12, 4, 0, 7)


def test_what_cannot_be_true_changes_nothing() -> None:
    known = Usage(1, 2)
    assert counted(known, promptTokenCount=0, candidatesTokenCount=5) is known
    assert counted(known, promptTokenCount=-1) is known
    assert counted(promptTokenCount=5, candidatesTokenCount=1, cachedContentTokenCount=9).cached == 5
    assert GEMINI.usage(sse({"usageMetadata": 5}), known) is known


def test_a_report_without_an_answer_is_one_only_at_the_end() -> None:
    assert counted(promptTokenCount=5) == Usage(5, 0, estimated=True)
    assert counted(Usage(5, 3), promptTokenCount=5) == Usage(5, 3)
    assert counted(promptTokenCount=5, finish="SAFETY") == Usage(5, 0)
    assert counted(promptTokenCount=5, framed=False) == Usage(5, 0)


def test_the_end_is_what_the_connection_says() -> None:
    event = sse({"candidates": [{"finishReason": "STOP"}]})
    assert (GEMINI.ended(event), GEMINI.finish(event)) == (False, "STOP")
    event.last = True
    assert GEMINI.ended(event)
    assert GEMINI.ended(whole({}))
    assert GEMINI.ended(sse({"error": {"code": 500}}))


def test_log_probabilities_go() -> None:
    event = sse({"candidates": [{"logprobsResult": {"chosenCandidates": [{"token": "x"}]}, "avgLogprobs": -0.1}]})
    assert GEMINI.redacted(event)
    assert event.document == {"candidates": [{}]}
    assert not GEMINI.redacted(sse({"candidates": [{}]}))


def test_a_sign_of_life_is_white_space() -> None:
    beat = GEMINI.heartbeat()
    assert (beat.raw, beat.data, GEMINI.pieces(beat)) == (b"\n", b"", [])


def test_calls_and_data() -> None:
    parts = [{"functionCall": {"name": "look", "args": {}}}, {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]
    event = whole({"candidates": [{"content": {"parts": parts}}]})
    assert (list(GEMINI.tool_calls(event)), list(GEMINI.unread(event))) == (["look"], ["image"])
    assert GEMINI.without_usage(event) is event


def test_errors_as_a_body_an_event_and_the_last_element() -> None:
    error = GatewayError(Reason.UPSTREAM_RESET, "broke")
    plain = json.loads(GEMINI.failure(error, "x1", streaming=False))
    assert plain["error"]["message"] == "broke"
    event = GEMINI.failure(error, "x1", streaming=True)
    assert json.loads(event.removeprefix(b"data: ")) == plain
    array = Gemini("m", stream=True, array=True)
    assert json.loads(array.failure(error, "x1", streaming=True)) == [plain]
    assert json.loads(array.failure(error, "x1", streaming=False)) == plain
    assert Gemini("m", array=True).framing is None


def test_a_providers_own_words_pass() -> None:
    error = UpstreamRejected(400, b'{"error":{"code":400}}', "m")
    assert GEMINI.failure(error, "x1", streaming=False) == error.body


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_an_array_is_whole_wherever_an_error_ends_it(cut: int) -> None:
    dialect = Gemini("m", stream=True, array=True)
    assert dialect.framing is not None
    events = [sse({"n": 1}), Event(b"\n", b""), sse({"n": 2})]
    events[2].last = True
    dialect.framing.frame(events[:cut])
    body = b"".join(event.raw for event in events[:cut]) + dialect.failure(
        GatewayError(Reason.UPSTREAM_RESET, "m"), "x", streaming=True
    )
    assert [list(each) for each in json.loads(body)] == [["n"]] * min(cut, 1) + [["error"]]


def test_an_array_that_nothing_ends_before_its_end() -> None:
    framing = Gemini("m", stream=True, array=True).framing
    assert framing is not None
    events = [sse({"n": 1}), Event(b"\n", b""), sse({"n": 2})]
    events[2].last = True
    framing.frame(events)
    assert json.loads(b"".join(event.raw for event in events)) == [{"n": 1}, {"n": 2}]


def test_the_path_and_query_make_the_dialect() -> None:
    assert Gemini.asked(Arguments({"model": "m"}, b"", {})).read({"contents": {"parts": {"text": "a"}}}).model == "m"
    assert Gemini.streamed(Arguments({"model": "m"}, b"alt=sse", {})).framing is None
    assert Gemini.streamed(Arguments({"model": "m"}, b"$alt=json", {})).framing is not None
    with pytest.raises(InvalidRequest):
        Gemini.streamed(Arguments({"model": "m"}, b"alt=proto", {}))
