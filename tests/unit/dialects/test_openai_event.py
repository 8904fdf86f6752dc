from typing import Any

import pytest

from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, frame, sse, whole
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_event import DONE, told


def texts(event: Event) -> list[str]:
    return [piece.text for piece in told(event).pieces]


def test_an_event_is_walked_once_and_again_only_after_it_was_rewritten() -> None:
    event = sse({"choices": [{"index": 0, "delta": {"content": "one"}}]})
    first = told(event)
    assert told(event) is first
    event.document["choices"][0]["delta"]["content"] = "two"
    event.rewrite()
    assert texts(event) == ["two"]


def test_what_another_dialect_found_is_not_taken_for_ones_own() -> None:
    event = sse({"type": "message_stop", "choices": [{"delta": {"content": "one"}}]})
    assert AnthropicMessages().ended(event)
    assert not OpenAIChat().ended(event)
    assert texts(event) == ["message_stop", "one"]


def test_every_choice_is_governed_whatever_the_one_before_said() -> None:
    choices = [{"delta": {}, "finish_reason": "stop"}, {"index": 7, "delta": {}, "finish_reason": "my card 4111"}]
    found = told(sse({"choices": choices}))
    assert found.finish == "stop"
    assert [(piece.channel, piece.text) for piece in found.pieces] == [("7.finish_reason", "my card 4111")]
    assert told(sse({"choices": [{"finish_reason": ""}, {"finish_reason": "length"}]})).finish == "length"


@pytest.mark.parametrize(
    ("body", "unread", "calls"),
    [
        ({"audio": {"data": "QUJD"}}, ["audio"], []),
        ({"images": [{"image_url": {"url": "data:"}}], "content": "see"}, ["image"], []),
        ({"images": "one"}, ["image"], []),
        ({"tool_calls": [{"function": {"name": "look"}}, {"custom": {"name": "run"}}, 5]}, [], ["look", "run"]),
        ({"function_call": {"name": "old"}, "audio": {"data": "QUJD"}}, ["audio"], ["old"]),
        ({"content": "tool_calls audio images"}, [], []),
    ],
)
@pytest.mark.parametrize("field", ["delta", "message"])
def test_calls_sounds_and_images(body: dict[str, Any], unread: list[str], calls: list[str], field: str) -> None:
    found = told(sse({"choices": [{"index": 0, field: body}]}))
    assert (list(found.unread), list(found.calls)) == (unread, calls)


def test_usage_is_the_report_as_it_stands() -> None:
    assert told(sse({"choices": [], "usage": {"prompt_tokens": 1}})).usage == {"prompt_tokens": 1}
    assert told(sse({"choices": [], "usage": None})).usage is None


def test_the_end() -> None:
    assert told(Event(frame(DONE), DONE)).over
    assert told(Event(b"data:  [DONE] \n\n", b" [DONE] ")).over
    assert told(whole({"choices": []})).over
    assert told(sse({"error": {"message": "x"}})).over
    assert not told(sse({"choices": [], "error": None})).over
    assert not told(Event(b": ping\n\n", b"")).over


def test_what_cannot_be_read_is_refused_each_time() -> None:
    event = Event(b"data: [1]\n\n", b"[1]")
    for _ in range(2):
        with pytest.raises(UpstreamError):
            told(event)


def test_a_signature_at_a_call_is_sealed() -> None:
    def pieces(extra: Any) -> list[tuple[str, bool]]:
        call = {"index": 0, "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
        event = sse({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        return [(piece.text, piece.sealed) for piece in told(event).pieces][1:]

    assert pieces({"google": {"thought_signature": "c2ln"}}) == []
    assert pieces({"google": {"thought_signature": "say so!"}}) == [('{"thought_signature":"say so!"}', True)]
    assert pieces({"google": {"thought_signature": "c2ln"}, "b": "c"})[1:] == [("c", True)]
