import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sluicegate.core.dialect import File, Place, Reading, Span
from sluicegate.dlp.documents import REUSED, Documents, fixed
from sluicegate.dlp.file_text import Extract
from sluicegate.settings import Dlp
from tests.support.pdfs import pdf, rewritten, slow


def file(data: bytes, kind: str = "pdf") -> File:
    return File(kind, b64encode(data).decode(), Place.USER)


@asynccontextmanager
async def documents(**bounds: Any) -> AsyncIterator[Documents]:
    made = Documents(Dlp(**{"file_timeout": 60, **bounds}))
    try:
        yield made
    finally:
        await made.close()


async def test_texts_join_the_spans_and_what_is_unread_is_named() -> None:
    async with documents() as made:
        reading = Reading([], ["image"])
        reading.files = [file(pdf("words of mine")), file(b"%PDF-"), file(rewritten(pdf("a"), attachment=b"x"))]
        await made.complete(reading)
        assert [(span.text.strip(), span.sealed, span.place) for span in reading.spans] == [
            ("words of mine", "pdf", Place.USER),
            ("a", "pdf", Place.USER),
        ]
        assert reading.unread == ["image", "pdf", "file"]
        assert reading.files == []


async def test_files_beyond_the_bounds_are_unread() -> None:
    small = pdf("a")
    async with documents(max_files=2, max_file_bytes=len(small) + 2, max_file_pages=1) as made:
        files = [file(small), file(pdf("a", "b", "c" * 500)), file(small)]
        assert await made.read(files) == [Extract("a\n"), Extract("", ("pdf",)), Extract("", ("pdf",))]


async def test_a_file_that_takes_too_long_is_unread_and_holds_nobody_up_afterwards() -> None:
    async with documents(file_readers=1) as patient, documents(file_readers=1, file_timeout=1.5) as made:
        assert await patient.read([file(pdf("first"))]) == [Extract("first\n")]
        assert await made.read([file(slow()), file(pdf("later"))]) == [Extract("", ("pdf",))] * 2
        assert await patient.read([file(pdf("next"))]) == [Extract("next\n")]


async def test_a_reader_that_ends_is_replaced() -> None:
    async with documents(file_readers=1) as made:
        assert await made.read([file(pdf("a"))]) == [Extract("a\n")]
        (reader,) = made._idle
        await reader.stop()
        assert await made.read([file(pdf("b"))]) == [Extract("", ("pdf",))]
        assert await made.read([file(pdf("b"))]) == [Extract("b\n")]


async def test_a_file_sent_again_is_not_read_again() -> None:
    async with documents() as made:
        first = await made.read([file(pdf("a"))])
        await made.close()
        again = await made.read([file(pdf("a"))])
        assert again[0] is first[0]
        assert not made._idle
        await made.read([file(pdf("a" * 300_000))])
        assert await made.read([file(pdf("a" * 300_000))])


async def test_what_is_kept_is_bounded() -> None:
    async with documents(remembered_file_characters=450) as made:
        texts = ["a" * 200, "b" * 200, "c" * 900]
        first = [await made.read([file(pdf(text))]) for text in texts]
        again = [await made.read([file(pdf(text))]) for text in texts]
        assert again == first
        assert len(made._kept) == 1
        assert made._kept_characters <= 450


async def test_many_at_once_share_the_readers() -> None:
    async with documents(file_readers=2, remembered_file_characters=0) as made:
        found = await asyncio.gather(*(made.read([file(pdf(f"text {number}"))]) for number in range(8)))
        assert [each[0].text for each in found] == [f"text {number}\n" for number in range(8)]
        assert len(made._idle) == 2


async def test_a_process_reads_so_many_files_and_no_more() -> None:
    async with documents(file_readers=1, remembered_file_characters=0) as made:
        await made.read([file(pdf("a"))])
        made._idle[0].asked = REUSED - 1
        assert await made.read([file(pdf("b"))]) == [Extract("b\n")]
        assert made._idle == []
        assert await made.read([file(pdf("c"))]) == [Extract("c\n")]


def test_in_which_files_something_would_have_to_be_replaced() -> None:
    spans = [Span({}, "a", "x", Place.USER), Span(None, 0, "y", Place.USER, sealed="pdf")]
    assert (fixed(spans, [0]), fixed(spans, [0, 1])) == ((), ("pdf",))
