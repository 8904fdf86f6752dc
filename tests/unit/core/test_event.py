import json

import pytest

from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, JsonArray, check_empty, frame, sse, whole


def test_an_untouched_event_keeps_its_bytes() -> None:
    raw = b'data:  {"a" : 1}\r\n\r\n'
    event = Event(raw, b'{"a" : 1}')
    assert event.document == {"a": 1}
    assert event.raw == raw


@pytest.mark.parametrize("data", [b"[DONE]", b"", b"ping"])
def test_what_is_no_object_has_no_document(data: bytes) -> None:
    assert Event(b"", data).document is None


@pytest.mark.parametrize("data", [b'{"a":', b'{"a": "\xff"}', b"{" + b'"a":{' * 100_000])
def test_an_object_that_cannot_be_read_is_the_providers_fault(data: bytes) -> None:
    with pytest.raises(UpstreamError):
        _ = Event(b"", data).document


def test_rewriting_keeps_the_framing() -> None:
    event = sse({"a": "x"}, "delta")
    event.document["a"] = "y"
    event.rewrite()
    assert event.raw == b'event: delta\ndata: {"a":"y"}\n\n'
    body = whole({"a": "x"})
    body.document["a"] = "y"
    body.rewrite()
    assert body.raw == b'{"a":"y"}'


def test_frame_without_a_name() -> None:
    assert frame(b"1") == b"data: 1\n\n"


def test_white_space_may_stand_before_an_object() -> None:
    assert Event(b"", b'\n\n {"a": 1}', framed=False).document == {"a": 1}


def test_its_text_shows_nothing_of_the_answer() -> None:
    assert "secret" not in f"{sse({'a': 'secret'})!r} {sse({'a': 'secret'})}"


def test_an_event_is_equal_to_itself_alone() -> None:
    assert Event(b"a", b"a") != Event(b"a", b"a")


def test_an_array_holds_every_event_and_is_whole_json() -> None:
    framing = JsonArray()
    events = [sse({"n": 1}), Event(b"\n", b""), sse({"n": 2}, "named")]
    events[2].last = True
    framing.frame(events[:1])
    framing.frame(events[1:])
    assert [event.raw for event in events] == [b'[{"n":1}', b"\n", b',\r\n{"n":2}]']
    assert json.loads(b"".join(event.raw for event in events)) == [{"n": 1}, {"n": 2}]


def test_an_array_ends_with_an_error_begun_or_not() -> None:
    framing = JsonArray()
    assert framing.end(b'{"error":{}}') == b'[{"error":{}}]'
    framing = JsonArray()
    framing.frame([event := sse({"n": 1})])
    assert json.loads(event.raw + framing.end(b"{}")) == [{"n": 1}, {}]


def test_what_holds_no_object_is_empty_or_the_mark_of_the_end() -> None:
    for data in (b"", b"[DONE]", b" [DONE]\n", b"  "):
        check_empty(Event(b"", data))
    for data in (b"[]", b"x", b"[DONE]x"):
        with pytest.raises(UpstreamError):
            check_empty(Event(b"", data))
