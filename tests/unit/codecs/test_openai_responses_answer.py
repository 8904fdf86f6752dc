"""Responses answers that the golden files do not show."""

from typing import Any

import pytest

from sluicegate.codecs.conversation import (
    Accumulator,
    Answer,
    Argued,
    Broken,
    Called,
    Ended,
    Finished,
    Refused,
    Said,
    Start,
    Stop,
    Text,
    ToolCall,
)
from sluicegate.codecs.openai_responses_answer import Decoder, StreamEncoder, WholeEncoder
from sluicegate.core.dialect import Json
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, sse, whole
from tests.support import responses


def read(events: list[Json]) -> Answer:
    accumulator, decoder = Accumulator(), Decoder()
    for event in events:
        accumulator.feed(decoder.feed(sse(event)))
    return accumulator.answer()


def test_a_text_that_comes_only_whole_is_taken_whole() -> None:
    items = [responses.message("Hello."), responses.call("call_1", "f", "{}")]
    events = [event for event in responses.events(items) if not event["type"].endswith(".delta")]
    assert read(events).parts == (Text("Hello."), ToolCall("call_1", "f", "{}"))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "web_search_call"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "custom_tool_call"}},
        {"type": "response.output_item.added", "output_index": 0},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"},
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.completed"},
        {"type": "response.completed", "response": {"status": "queued"}},
    ],
)
def test_what_cannot_be_said_elsewhere_is_no_answer(event: Json) -> None:
    with pytest.raises(UpstreamError):
        Decoder().feed(sse(event))


def test_what_says_nothing_of_the_answer_is_passed_over() -> None:
    for event in ({"type": "response.in_progress"}, {"type": "response.new_thing"}, {"type": 5}):
        assert Decoder().feed(sse(event)) == []
    assert Decoder().feed(Event(b": ping\n\n", b"")) == []


@pytest.mark.parametrize("event", [{"type": "error", "message": "no"}, {"type": "error", "error": {"message": "no"}}])
def test_both_forms_of_an_error(event: Json) -> None:
    assert Decoder().feed(sse(event)) == [Broken("no")]


def test_a_failed_answer_is_none() -> None:
    body = responses.response([], status="failed", error={"code": "server_error", "message": "no"})
    deltas = Decoder().feed(whole(body))
    assert deltas[-1] == Broken("no")
    with pytest.raises(UpstreamError):
        WholeEncoder().feed(deltas)


def test_calls_may_be_under_way_at_the_same_time() -> None:
    made: list[Any] = [Start("x", "m"), Called(0, "a", "f"), Called(1, "b", "g"), Argued(1, "{}"), Argued(0, '{"x":1}')]
    stream = StreamEncoder().feed([*made, Finished(Stop.TOOLS), Ended()])
    output = stream[-1].document["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == [("a", '{"x":1}'), ("b", "{}")]
    with pytest.raises(UpstreamError):
        StreamEncoder().feed([Argued(7, "x")])


def test_a_refusal_is_an_item_of_its_own() -> None:
    stream = StreamEncoder().feed([Start("x", "m"), Said("Well. "), Refused("No."), Finished(Stop.REFUSED), Ended()])
    response = stream[-1].document["response"]
    assert [item["content"][0]["type"] for item in response["output"]] == ["output_text", "refusal"]
    assert response["incomplete_details"] == {"reason": "content_filter"}
    assert stream[-1].name == "response.incomplete"


def test_an_answer_that_breaks_ends_with_an_error() -> None:
    [*_, last] = StreamEncoder().feed([Start("x", "m"), Said("a"), Broken("no")])
    assert last.document["type"] == "error"
    assert last.document["error"]["message"] == last.document["message"] == "no"
