import json
import struct
from binascii import crc32
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError, UpstreamRejected
from sluicegate.core.event import Event
from sluicegate.providers.eventstream import STATUSES, EventStreamParser
from tests.support.eventstream import chunk, event, exception, message

DELTA = {"contentBlockIndex": 0, "delta": {"text": "hé"}}
STREAM = (event("messageStart", {"role": "assistant"}), event("contentBlockDelta", DELTA), event("messageStop", {"a": 1}))
TYPED = {"type": "message_stop", "text": "a\nb"}


def parser(max_event: int = 10_000, max_answer: int = 100_000, max_events: int = 100) -> EventStreamParser:
    return EventStreamParser(max_event, max_answer, max_events)


def fed(parts: list[bytes]) -> list[Event]:
    reader = parser()
    events = [each for part in parts for each in reader.feed(part)]
    return [*events, *reader.finish()]


def reason(parts: list[bytes], **bounds: Any) -> Reason:
    reader = parser(**bounds)
    with pytest.raises(UpstreamError) as caught:
        for part in parts:
            reader.feed(part)
        reader.finish()
    return caught.value.reason


def test_events_of_converse() -> None:
    events = fed([b"".join(STREAM)])
    assert [each.document for each in events] == [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": DELTA},
        {"messageStop": {"a": 1}},
    ]
    assert all(each.framed and each.raw == b"data: " + each.data + b"\n\n" for each in events)


def test_a_chunk_is_the_event_inside_it() -> None:
    (only,) = fed([chunk(TYPED)])
    assert (only.name, only.document) == ("message_stop", TYPED)
    assert only.raw == b"event: message_stop\ndata: " + only.data + b"\n\n"


@given(st.lists(st.integers(0, len(b"".join(STREAM))), max_size=6))
def test_however_it_is_cut(at: list[int]) -> None:
    whole = b"".join(STREAM)
    places = [0, *sorted(at), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(places)]
    assert [each.raw for each in fed(parts)] == [each.raw for each in fed([whole])]


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=5))
def test_it_reads_what_botocore_reads(document: dict[str, str]) -> None:
    raw = event("metadata", document)
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    (theirs,) = buffer
    (ours,) = fed([raw])
    assert ours.document == {"metadata": json.loads(theirs.payload)}


def test_cut_off_after_every_byte() -> None:
    whole = b"".join(STREAM)
    borders = {0, len(STREAM[0]), len(STREAM[0] + STREAM[1]), len(whole)}
    for end in range(len(whole) + 1):
        if end in borders:
            assert parser().feed(whole[:end]) is not None
        else:
            assert reason([whole[:end]]) is Reason.UPSTREAM_TRUNCATED


@given(st.integers(0, len(STREAM[1]) - 1), st.integers(1, 255))
def test_one_changed_byte_is_never_read(at: int, change: int) -> None:
    damaged = bytearray(STREAM[1])
    damaged[at] ^= change
    assert reason([bytes(damaged)]) in (Reason.UPSTREAM_INVALID, Reason.UPSTREAM_TRUNCATED)


@given(st.binary(min_size=12, max_size=200))
def test_garbage_is_never_read(garbage: bytes) -> None:
    assert reason([garbage]) is Reason.UPSTREAM_INVALID


def test_lengths_that_promise_too_much() -> None:
    def prelude(total: int, headers: int) -> bytes:
        head = struct.pack(">II", total, headers)
        return head + struct.pack(">I", crc32(head))

    for total, headers in ((2**32 - 1, 0), (10_001, 0), (100, 101), (100, 85), (15, 0), (0, 0), (10_000_000, 200_000)):
        assert reason([prelude(total, headers)]) is Reason.UPSTREAM_INVALID
    assert reason([prelude(10_000, 0)]) is Reason.UPSTREAM_TRUNCATED


def test_bounds_of_the_whole_answer() -> None:
    assert reason([STREAM[0]] * 3, max_events=2) is Reason.UPSTREAM_INVALID
    assert reason([STREAM[0]] * 3, max_answer=2 * len(STREAM[0])) is Reason.UPSTREAM_INVALID


@pytest.mark.parametrize(("name", "status"), [*STATUSES.items(), ("strangeException", 502), ("ThrottlingException", 429)])
def test_an_exception_comes_after_the_events_before_it(name: str, status: int) -> None:
    reader = parser()
    assert len(reader.feed(STREAM[0] + exception(name))) == 1
    assert not reader.clean
    steps: list[Callable[[], object]] = [lambda: reader.feed(b""), reader.finish, lambda: parser().feed(exception(name))]
    for step in steps:
        with pytest.raises(UpstreamRejected) as caught:
            step()
        assert (caught.value.status, caught.value.body) == (status, b"")


@pytest.mark.parametrize(
    "raw",
    [
        message(b"{}", event_type="a\nb", message_type="event"),
        message(b"[]", event_type="a", message_type="event"),
        message(b"{\n}", event_type="a", message_type="event"),
        message(b"{", event_type="chunk", message_type="event"),
        event("chunk", {"bytes": "*"}),
        event("chunk", {"bytes": "WzFd"}),
        chunk({"type": "a\nb"}),
    ],
    ids=range(7),
)
def test_what_cannot_be_read(raw: bytes) -> None:
    assert reason([raw]) is Reason.UPSTREAM_INVALID


def test_what_is_neither_event_nor_exception() -> None:
    assert reason([message(b"{}", error_code="x", message_type="error")]) is Reason.UPSTREAM_REJECTED


def odd(headers: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers), len(headers))
    body = prelude + struct.pack(">I", crc32(prelude)) + headers
    return body + struct.pack(">I", crc32(body))


@given(st.binary(min_size=1, max_size=60))
def test_headers_of_any_kind_break_nothing(headers: bytes) -> None:
    with pytest.raises(UpstreamError):
        parser().feed(odd(headers))
