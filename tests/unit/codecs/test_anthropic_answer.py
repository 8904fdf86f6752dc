"""Answers of servers that speak Messages, and the blocks made of other answers."""

import json
from typing import Any

import pytest

from sluicegate.codecs.anthropic_answer import Decoder, StreamEncoder, WholeEncoder, encode
from sluicegate.codecs.conversation import (
    Answer,
    Argued,
    Broken,
    Called,
    Counted,
    Ended,
    Finished,
    Said,
    Start,
    Stop,
    ToolCall,
)
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event
from sluicegate.core.usage import Usage


def event(**document: Any) -> Event:
    data = json.dumps(document).encode()
    return Event(data, data, document.get("type"))


@pytest.mark.parametrize(
    "broken",
    [
        event(type="message_stop"),
        event(type="content_block_delta", index=0, delta="a"),
        event(type="content_block_delta", index="0", delta={"type": "text_delta"}),
        event(type="content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": "{"}),
        event(type="content_block_delta", index=0, delta={"type": "future_delta"}),
        event(type="content_block_start", index=0, content_block={"type": "server_tool_use"}),
        event(type="message", content=["a"]),
        event(type="message", content=[]),
    ],
)
def test_what_cannot_be_carried_over_is_an_error_not_a_gap(broken: Event) -> None:
    with pytest.raises(UpstreamError):
        Decoder().feed(broken)


def test_pings_and_empty_events_say_nothing() -> None:
    assert Decoder().feed(event(type="ping")) == []
    assert Decoder().feed(Event(b": x\n\n", b"")) == []


def test_usage_of_start_and_delta_is_one() -> None:
    decoder = Decoder()
    usage = {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1}
    assert decoder.feed(event(type="message_start", message={"id": "i", "model": "m", "usage": usage})) == [Start("i", "m")]
    assert decoder.feed(event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7})) == [
        Finished(Stop.END),
        Counted(Usage(7, 7, 2, 0, 0)),
    ]
    assert decoder.feed(event(type="message_stop")) == [Ended()]


def names(events: list[Event]) -> list[str | None]:
    return [one.name for one in events]


def test_a_second_call_waits_for_the_first() -> None:
    encoder = StreamEncoder()
    assert names(encoder.feed([Start("i", "m"), Called(0, "a", "f")])) == ["message_start", "content_block_start"]
    assert encoder.feed([Called(1, "b", "g"), Argued(1, "{}")]) == []
    assert names(encoder.feed([Argued(0, "{}")])) == ["content_block_delta"]
    rest = encoder.feed([Finished(Stop.TOOLS), Ended()])
    assert names(rest) == [
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [one.document.get("index") for one in rest[:4]] == [0, 1, 1, 1]


def test_a_call_that_was_closed_takes_no_more() -> None:
    encoder = StreamEncoder()
    encoder.feed([Called(0, "a", "f"), Said("text")])
    with pytest.raises(UpstreamError):
        encoder.feed([Argued(0, "{}")])


def test_an_error_ends_a_stream_and_makes_no_body() -> None:
    [out] = StreamEncoder().feed([Broken("full")])
    assert out.document == {"type": "error", "error": {"type": "api_error", "message": "full"}}
    with pytest.raises(UpstreamError):
        WholeEncoder().feed([Broken("full")])


def test_arguments_cut_off_by_the_bound_are_none() -> None:
    call = (ToolCall("a", "f", '{"x'),)
    assert encode(Answer(parts=call, stop=Stop.LENGTH))["content"][0]["input"] == {}
    with pytest.raises(UpstreamError):
        encode(Answer(parts=call, stop=Stop.TOOLS))
