"""Reading a body: bounded, JSON only."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.decision import Reason
from sluicegate.core.errors import ClientGone, InvalidRequest
from sluicegate.web.body import body_of, read_body

JSON = (b"content-type", b"application/json")


class Client:
    """Gives a body piece by piece, and counts how often it was asked."""

    def __init__(self, pieces: Iterable[bytes], *, leaves: bool = False) -> None:
        self.pieces = list(pieces)
        self.leaves = leaves
        self.asked = 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        if not self.pieces:
            return {"type": "http.disconnect"}
        piece = self.pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or self.leaves}


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"headers": list(headers)}


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=8))
async def test_pieces_do_not_matter(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert await read_body(scope(JSON), Client(pieces).receive, len(whole)) == whole
    if whole:
        with pytest.raises(InvalidRequest) as caught:
            await read_body(scope(JSON), Client(pieces).receive, len(whole) - 1)
        assert caught.value.reason is Reason.TOO_LARGE
        assert caught.value.status == 413


async def test_length_is_refused_unread() -> None:
    client = Client([b"x"])
    with pytest.raises(InvalidRequest, match="larger than 10 bytes"):
        await read_body(scope(JSON, (b"content-length", b"11")), client.receive, 10)
    assert client.asked == 0


async def test_reading_stops_at_the_limit() -> None:
    client = Client([b"x" * 10] * 100)
    with pytest.raises(InvalidRequest):
        await read_body(scope(JSON), client.receive, 25)
    assert client.asked == 3


@pytest.mark.parametrize("pieces", [[], [b"a"]])
async def test_client_gone(pieces: list[bytes]) -> None:
    with pytest.raises(ClientGone):
        await read_body(scope(JSON), Client(pieces, leaves=True).receive, 10)


@pytest.mark.parametrize(
    "value", [b"application/json;charset=UTF-8", b"APPLICATION/JSON", b"application/json ; charset=utf-8;"]
)
async def test_accepted_types(value: bytes) -> None:
    assert await read_body(scope((b"content-type", value)), Client([b"{}"]).receive, 10) == b"{}"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [JSON, JSON],
        [(b"content-type", b"")],
        [(b"content-type", b"text/json")],
        [(b"content-type", b"application/json; charset=latin-1")],
        [(b"content-type", b"application/json; boundary=x")],
        [JSON, (b"content-encoding", b"br")],
        [JSON, (b"content-encoding", b"identity, gzip")],
    ],
)
async def test_refused_types(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await read_body(scope(*headers), Client([b"{}"]).receive, 10)
    assert caught.value.status == 415


class Source(Client):
    """A client whose body may have come already."""

    def __init__(self, body: bytes | None, pieces: Iterable[bytes] = ()) -> None:
        super().__init__(pieces)
        self.body = body

    def whole(self) -> bytes | None:
        return self.body


async def test_a_body_that_has_come_is_there_at_once() -> None:
    source = Source(b"{}")
    assert body_of([JSON], source, 2) == b"{}"
    assert source.asked == 0
    with pytest.raises(InvalidRequest) as caught:
        body_of([JSON], source, 1)
    assert caught.value.reason is Reason.TOO_LARGE


async def test_one_that_has_not_is_received() -> None:
    coming = body_of([JSON], Source(None, [b"{", b"}"]), 2)
    assert not isinstance(coming, bytes)
    assert await coming == b"{}"
    late = body_of([JSON], Source(None, [b"{", b"}"]), 1)
    assert not isinstance(late, bytes)
    with pytest.raises(InvalidRequest):
        await late


@pytest.mark.parametrize(
    "headers", [[], [JSON, JSON], [JSON, (b"content-encoding", b"br")], [JSON, (b"content-length", b"9")]]
)
def test_headers_are_checked_before_a_body_is_taken(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvalidRequest):
        body_of(headers, Source(b"{}"), 8)
