from typing import Any

import pytest

from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, sse, whole
from sluicegate.dialects.anthropic_event import told


def event(kind: str, **fields: Any) -> Event:
    return sse({"type": kind, **fields}, kind)


def texts(event: Event) -> list[tuple[str, str]]:
    return [(piece.channel, piece.text) for piece in told(event).pieces]


def test_an_event_is_walked_once_and_again_only_after_it_was_rewritten() -> None:
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "one"})
    first = told(delta)
    assert told(delta) is first
    delta.document["delta"]["text"] = "two"
    delta.rewrite()
    assert texts(delta) == [("0.text", "two")]


def test_a_delta_with_more_than_usual_is_looked_at_in_full() -> None:
    assert texts(event("content_block_delta", index=1, delta={"type": "x", "text": "a"}, note="b")) == [
        ("1.text", "a"),
        ("note", "b"),
    ]
    more = event("content_block_delta", index=1, delta={"type": "x", "stop_reason": "odd"}, usage={"output_tokens": 1})
    found = told(more)
    assert (found.finish, found.usage) == ("odd", {"output_tokens": 1})
    assert list(told(event("content_block_delta", index=0, delta={"type": "image", "data": "QUJD"})).unread) == ["image"]
    block = {"type": "tool_use", "name": "look"}
    assert list(told(event("content_block_delta", index=0, delta={}, content_block=block)).calls) == ["look"]


@pytest.mark.parametrize("kind", ["message_stop", "error"])
def test_the_end(kind: str) -> None:
    assert told(event(kind)).over
    assert not told(event("content_block_delta", index=0, delta={"text": kind})).over
    assert told(whole({"type": "message", "content": []})).over
    assert not told(Event(b": ping\n\n", b"")).over


@pytest.mark.parametrize("kind", [None, 5, ["error"], {"a": "b"}])
def test_a_type_that_is_no_word_does_not_break_reading(kind: Any) -> None:
    found = told(sse({"type": kind, "delta": {"text": "a"}}))
    assert [piece.text for piece in found.pieces] == ['{"text":"a"}']


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(UpstreamError):
        told(Event(b"data: [1]\n\n", b"[1]"))


def test_a_thought_and_its_signature_are_sealed() -> None:
    thinking = {"type": "thinking", "thinking": "Hm", "signature": "no base64!"}
    found = told(whole({"type": "message", "content": [thinking, {"type": "text", "text": "a"}]}))
    assert [(piece.text, piece.sealed) for piece in found.pieces] == [("Hm", True), ("no base64!", True), ("a", False)]
