import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import SecretUnavailable
from sluicegate.dlp.detector import DetectorFailed
from sluicegate.dlp.external.bounds import MAX_CALLS, OVERLAP, Bounds, Outside, bearer, checked_url, credential, decoded
from sluicegate.dlp.external.doors import Doors
from sluicegate.dlp.packs import RuleError
from sluicegate.dlp.panel import Unscannable
from tests.support.outside import passages


def test_passages_are_shared_out_over_calls() -> None:
    outside = Outside("a", Bounds(max_bytes=100))
    batches = outside.batches(passages("a" * 40, "", " \n", "b" * 40, "c" * 40, "d" * 100))
    assert [[(piece.index, piece.at) for piece in batch] for batch in batches] == [[(0, 0), (3, 0)], [(4, 0)], [(5, 0)]]
    assert outside.batches([]) == []


@given(text=st.text("ab \u00e9\U0001f600", min_size=1, max_size=900), most=st.integers(100, 400))
def test_what_is_longer_comes_in_pieces_that_overlap(text: str, most: int) -> None:
    pieces = [piece for batch in Outside("a", Bounds(max_bytes=most)).batches(passages(text)) for piece in batch]
    if not text.strip():
        return
    assert all(text[piece.at : piece.at + len(piece.text)] == piece.text for piece in pieces)
    assert all(len(piece.text.encode()) <= most for piece in pieces)
    ends = [piece.at + len(piece.text) for piece in pieces]
    assert pieces[0].at == 0
    assert ends[-1] == len(text)
    assert all(after.at + min(OVERLAP, most // 16) <= end for end, after in zip(ends, pieces[1:], strict=False))


def test_what_is_too_much_cannot_be_looked_at() -> None:
    outside = Outside("a", Bounds(max_bytes=100))
    for texts in (["a" * 10_000], ["a" * 100] * (MAX_CALLS + 1)):
        with pytest.raises(Unscannable):
            outside.batches(passages(*texts))
    assert len(outside.batches(passages(*["a" * 100] * MAX_CALLS))) == MAX_CALLS


async def test_so_many_calls_at_once_and_no_more() -> None:
    under_way = most = 0
    gate = asyncio.Event()

    async def call(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 2:
            gate.set()
        await gate.wait()
        under_way -= 1
        return number

    outside = Outside("a", Bounds(concurrency=2))
    assert await outside.all([call(number) for number in range(6)]) == list(range(6))
    assert most == 2


async def test_the_first_failure_ends_the_others() -> None:
    ended = asyncio.Event()

    async def fails(error: Exception) -> None:
        raise error

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    outside = Outside("a", Bounds())
    for error in (
        UpstreamError(Reason.UPSTREAM_RESET, "x"),
        SecretUnavailable("file:x cannot be read"),
        DetectorFailed("y"),
    ):
        ended.clear()
        with pytest.raises(DetectorFailed):
            await outside.all([waits(), fails(error)])
        await ended.wait()


async def test_what_takes_too_long_failed() -> None:
    with pytest.raises(DetectorFailed, match="in time"):
        await Outside("a", Bounds(timeout=0.01)).all([asyncio.Event().wait()])


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a", "http://", "http://user@a/", "http://a/ b", "http://a/#b", "http://\u00e9/", "http://[", "file:///etc"],
)
def test_an_address_that_cannot_be_called(url: str) -> None:
    with pytest.raises(RuleError, match=r"detectors\.a\.url"):
        checked_url("a", url)


def test_credentials() -> None:
    assert checked_url("a", "https://a/b?c=d") == "https://a/b?c=d"
    assert credential(None, Doors()) is None
    assert bearer(None) == {}
    with pytest.raises(SecretUnavailable):
        bearer(credential("env:X", Doors()))


@pytest.mark.parametrize("body", [b"", b"\xff", b"5", b"{}", b'[{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]"])
def test_an_answer_that_is_none_is_a_failure(body: bytes) -> None:
    with pytest.raises(DetectorFailed, match="something else"):
        decoded("a", msgspec.json.Decoder(list[dict[str, str]]), body)
    nested = b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(DetectorFailed, match="something else"):
        decoded("a", msgspec.json.Decoder(Bounds), nested)
