from hashlib import sha256

import pytest

from sluicegate.core.event import JsonArray, sse
from sluicegate.core.exchange import Arrival, Exchange, Once, Outcome
from sluicegate.dialects.openai_chat import OpenAIChat


class Thing:
    value = Once[int]("s1")


def test_once_refuses_reading_before_and_writing_twice() -> None:
    thing = Thing()
    with pytest.raises(RuntimeError, match="before s1 wrote it"):
        _ = thing.value
    thing.value = 0
    assert thing.value == 0
    with pytest.raises(RuntimeError, match="written twice"):
        thing.value = 1


def make() -> Exchange:
    return Exchange("0" * 32, OpenAIChat(), Arrival("/v1/chat/completions", "127.0.0.1", {}, b"{}"))


def test_an_exchange_knows_what_was_written() -> None:
    exchange = make()
    assert not exchange.knows("outcome")
    exchange.outcome = Outcome.ANSWERED
    assert exchange.knows("outcome")
    assert exchange.prompt_digest.digest() == sha256(b"{}").digest()


def test_the_answers_digest_is_of_the_released_bytes() -> None:
    exchange = make()
    events = [sse({"a": 1}), sse({"b": 2})]
    exchange.note_released(events[:1])
    exchange.note_released(events[1:])
    whole = b"".join(event.raw for event in events)
    assert exchange.answer_digest.digest() == sha256(whole).digest()
    assert exchange.answer_bytes == len(whole)


def test_the_digest_is_of_the_form_in_which_events_leave() -> None:
    exchange = make()
    exchange.framing = JsonArray()
    events = [sse({"a": 1}), sse({"b": 2})]
    events[1].last = True
    exchange.note_released(events[:1])
    exchange.note_released(events[1:])
    assert exchange.answer_digest.digest() == sha256(b'[{"a":1},\r\n{"b":2}]').digest()
