"""Laws of the event parser: how the bytes are cut changes nothing, and plain events keep every byte."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.core.event import Event
from sluicegate.providers.sse import SseParser

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.one_of(
    st.binary(max_size=12).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")),
    st.sampled_from(
        [
            b"data: {}",
            b"data:x",
            b"data",
            b"event: ping",
            b": a remark of the provider",
            b"id: 1",
            b"",
            b"\xef\xbb\xbfdata: y",
        ]
    ),
    st.text(max_size=5).map(lambda t: b"data: " + t.replace("\r", "").replace("\n", "").encode()),
)
STREAMS = st.lists(st.tuples(LINES, ENDS), max_size=30).map(lambda parts: b"".join(a + b for a, b in parts))


def parse(pieces: list[bytes]) -> list[Event]:
    parser = SseParser(10_000, 100_000, 1_000)
    return [event for piece in pieces if piece for event in parser.feed(piece)] + list(parser.finish())


def said(events: list[Event]) -> list[tuple[bytes, bytes, str | None]]:
    return [(event.raw, event.data, event.name) for event in events]


@given(STREAMS, st.lists(st.integers(0, 400), max_size=20))
@settings(deadline=None, max_examples=400)
def test_cuts_change_nothing(stream: bytes, cuts: list[int]) -> None:
    marks = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(marks)]
    assert said(parse(pieces)) == said(parse([stream]))


@given(STREAMS)
@settings(deadline=None, max_examples=400)
def test_every_byte_alone_changes_nothing(stream: bytes) -> None:
    assert said(parse([stream[i : i + 1] for i in range(len(stream))])) == said(parse([stream]))


@given(STREAMS)
@settings(deadline=None)
def test_what_leaves_says_the_same_and_nothing_else(stream: bytes) -> None:
    events = parse([stream])
    left = b"".join(event.raw for event in events)
    assert [(event.data, event.name) for event in parse([left])] == [(event.data, event.name) for event in events]
    for event in events:
        assert event.raw in stream or b"a remark of the provider" not in event.raw


PLAIN = st.sampled_from([b"data: {}", b"data:x", b"data", b"event: ping", b""])


@given(st.lists(st.tuples(PLAIN, ENDS), max_size=30).map(lambda parts: b"".join(a + b for a, b in parts)))
@settings(deadline=None)
def test_plain_events_are_the_stream_s_own_bytes(stream: bytes) -> None:
    joined = b"".join(event.raw for event in parse([stream]))
    assert stream.startswith(joined)
    rest = stream[len(joined) :]
    assert b"\n\n" not in rest
    assert b"\r\r" not in rest
    assert b"\r\n\r\n" not in rest


@given(st.lists(st.text(max_size=8).filter(lambda t: "\r" not in t and "\n" not in t), min_size=1, max_size=6), ENDS)
@settings(deadline=None)
def test_data_lines_are_joined(lines: list[str], end: bytes) -> None:
    raw = b"".join(b"data: " + line.encode() + end for line in lines) + end
    assert said(parse([raw])) == [(raw, "\n".join(lines).encode(), None)]
