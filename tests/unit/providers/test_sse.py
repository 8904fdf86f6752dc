import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.providers.sse import SseParser


def parse(*pieces: bytes) -> list[tuple[bytes, bytes, str | None]]:
    parser = SseParser(1_000, 10_000, 100)
    events = [event for piece in pieces for event in parser.feed(piece)] + list(parser.finish())
    return [(event.raw, event.data, event.name) for event in events]


@pytest.mark.parametrize(
    ("raw", "data", "name"),
    [
        (b'data: {"a":1}\n\n', b'{"a":1}', None),
        (b"data:x\n\n", b"x", None),
        (b"data:  x\n\n", b" x", None),
        (b"data\n\n", b"", None),
        (b"event: message_stop\ndata: {}\n\n", b"{}", "message_stop"),
        (b"event: other\ndata: {}\n\n", b"{}", "other"),
        (b"event: other\r\ndata: {}\r\n\r\n", b"{}", "other"),
        (b"data: {}\revent: x\r\r", b"{}", "x"),
        (b"data: a\ndata: b\n\n", b"a\nb", None),
        (b"\n\n", b"", None),
        (b"\xef\xbb\xbfdata: a\n\n", b"a", None),
        ("data: é\n\n".encode(), "é".encode(), None),
    ],
)
def test_events(raw: bytes, data: bytes, name: str | None) -> None:
    assert parse(raw) == [(raw, data, name)]
    assert parse(*(raw[i : i + 1] for i in range(len(raw)))) == [(raw, data, name)]


@pytest.mark.parametrize(
    ("raw", "left", "data"),
    [
        (b"id: 7\nretry: 10\ndata: a\n\n", b"data: a\n\n", b"a"),
        (b": a number\n\n", b":\n\n", b""),
        (b"\n: x\ndata: a\ndata: b\n\n", b"data: a\ndata: b\n\n", b"a\nb"),
        (b"event: \xff\ndata: a\n\n", b"data: a\n\n", b"a"),
        (b"event: my number is 7\ndata: a\n\n", b"data: a\n\n", b"a"),
    ],
)
def test_what_nobody_inspects_is_taken_out(raw: bytes, left: bytes, data: bytes) -> None:
    assert parse(raw) == parse(*(raw[i : i + 1] for i in range(len(raw)))) == [(left, data, None)]


def test_a_read_may_hold_many_events_and_a_part_of_the_next() -> None:
    plain, named, two = b"data: a\n\n", b"event: ping\ndata: {}\n\n", b"data: a\ndata: b\n\n"
    whole = [(plain, b"a", None), (named, b"{}", "ping"), (two, b"a\nb", None), (b"\n\n", b"", None)]
    read = plain + named + two + b"\n\n"
    assert parse(read) == whole
    for cut in range(1, len(read)):
        assert parse(read[:cut], read[cut:]) == whole
    assert parse(read + plain[:5], plain[5:]) == [*whole, (plain, b"a", None)]


def test_what_has_no_end_is_no_event() -> None:
    assert parse(b"data: a\n\ndata: b\n") == [(b"data: a\n\n", b"a", None)]


def test_a_carriage_return_at_the_end_waits_for_its_line_feed() -> None:
    assert parse(b"data: a\r\n\r", b"\ndata: b\r\n\r\n") == [
        (b"data: a\r\n\r\n", b"a", None),
        (b"data: b\r\n\r\n", b"b", None),
    ]


def test_clean_says_whether_a_part_is_waiting() -> None:
    parser = SseParser(100, 100, 100)
    parser.feed(b"data: a\n\n")
    assert parser.clean
    parser.feed(b"data: b")
    assert not parser.clean


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 1_000 + b"\n\n"],
        [b"data: " + b"x" * 1_000],
        [b"x" * 600, b"x" * 600],
        [b"data: a\n\n" * 101],
        [b"data: a\n\n"] * 101,
        [b"data: a\n\n", b"data: a\n\n" * 100],
        [b"data: a\n\ndata: " + b"x" * 1_000 + b"\n\n"],
        [b"data: a\n\ndata: " + b"x" * 1_000],
        [b":\n" * 400] * 3,
        [b"data: " + b"x" * 900 + b"\n\n"] * 12,
    ],
)
def test_bounds(pieces: list[bytes]) -> None:
    with pytest.raises(UpstreamError) as caught:
        parse(*pieces)
    assert caught.value.reason is Reason.UPSTREAM_INVALID
