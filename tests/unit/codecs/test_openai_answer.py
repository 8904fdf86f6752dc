"""Answers of servers that speak Chat Completions, some of them not quite."""

import json
from typing import Any

import pytest

from sluicegate.codecs.conversation import Answer, Broken, Called, Ended, Finished, Said, Start, Stop, ToolCall
from sluicegate.codecs.openai_answer import Decoder, StreamEncoder, WholeEncoder, encode
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event


def event(document: Any, *, framed: bool = True) -> Event:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Event(data, data, framed=framed)


def choice(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "i", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def test_an_end_without_a_reason_is_no_end() -> None:
    decoder = Decoder()
    decoder.feed(event(choice(content="a")))
    with pytest.raises(UpstreamError):
        decoder.feed(event(b"[DONE]"))
    with pytest.raises(UpstreamError):
        Decoder().feed(event({"choices": []}, framed=False))


def test_calls_make_a_plain_stop_a_stop_for_tools() -> None:
    decoder = Decoder()
    call = {"function": {"name": "f", "arguments": "{}"}}
    assert Called(0, "call_0", "f") in decoder.feed(event(choice(tool_calls=[call])))
    assert decoder.feed(event(choice("stop"))) == [Finished(Stop.TOOLS)]
    assert decoder.feed(event(b"[DONE]")) == [Ended()]


@pytest.mark.parametrize(
    "document",
    [
        {"choices": [{}, {}]},
        {"choices": ["a"]},
        choice(tool_calls=["a"]),
        choice(tool_calls=[{"function": "f"}]),
        choice(tool_calls=[{"index": "0", "function": {}}]),
    ],
)
def test_what_is_no_answer_is_an_error(document: Any) -> None:
    with pytest.raises(UpstreamError):
        Decoder().feed(event(document))


def test_odd_values_are_no_text() -> None:
    document = {
        "id": 5,
        "choices": [{"delta": {"content": 5, "tool_calls": "x"}, "finish_reason": 5}],
        "usage": {"prompt_tokens": "a"},
    }
    assert Decoder().feed(event(document)) == [Start("", ""), Finished(Stop.END)]


def test_an_error_ends_a_stream_and_makes_no_body() -> None:
    [broken] = Decoder().feed(event({"error": {"message": "full"}}))
    assert broken == Broken("full")
    [out] = StreamEncoder().feed([broken])
    assert out.document["error"]["message"] == "full"
    with pytest.raises(UpstreamError):
        WholeEncoder().feed([Said("a"), broken])


def test_gemini_signs_its_calls_here_as_at_googles_own_servers() -> None:
    signed = {"google": {"thought_signature": "c2ln"}}
    _, chunk = StreamEncoder().feed([Start("i", "m"), Called(0, "c", "f", "c2ln")])
    call = chunk.document["choices"][0]["delta"]["tool_calls"][0]
    assert call["extra_content"] == signed
    assert Decoder().feed(chunk)[-1] == Called(0, "c", "f", "c2ln")
    body = encode(Answer(parts=(ToolCall("c", "f", "{}", "c2ln"), ToolCall("d", "f", "{}"))))
    first, second = body["choices"][0]["message"]["tool_calls"]
    assert (first["extra_content"], "extra_content" in second) == (signed, False)
