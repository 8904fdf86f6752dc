"""What is read of a file, and what is said to be unread."""

import asyncio
import io
import resource
import sys
from base64 import b64encode

import msgspec
import pytest

from sluicegate.dlp.file_text import LENGTH, Extract, Question, answer, confine, read_pdf, serve
from tests.support.pdfs import bomb, pdf, rewritten, slow

IMAGE = b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /Length 1 >>\nstream\n1\nendstream"
FORM = b"<< /Type /XObject /Subtype /Form /Resources << /XObject << /I 7 0 R >> >> /Length 1 >>\nstream\n \nendstream"
NOTES = (
    b"/Annots [<< /Subtype /Text /Contents (note 7) >> << /Subtype /Link /A << /S /URI /URI (https://example.org) >> >>"
    b" << /Subtype /FileAttachment >>]"
)


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def read(data: bytes, pages: int = 10, characters: int = 1_000) -> Extract:
    return read_pdf(data, pages, characters)


def test_the_text_of_every_page() -> None:
    found = read(pdf("card 4111 1111\n(1111) x\\y", "second page"))
    assert found.text.split() == ["card", "4111", "1111", "(1111)", "x\\y", "second", "page"]
    assert found.unread == ()


def test_what_stands_beside_the_pages() -> None:
    assert read(rewritten(pdf("a"), title="Title 42")).text.split("\n")[-3:-1] == ["Title 42", "Title 42"]
    found = read(pdf("a", extra={"page": NOTES}))
    assert found.text.split() == ["a", "note", "7", "https://example.org"]
    assert found.unread == ("file",)
    assert read(rewritten(pdf("a"), attachment=b"secret")).unread == ("file",)
    described = b"<< /Length 13 >>\nstream\n<x>words</x>\n\nendstream"
    assert "<x>words</x>" in read(pdf("a", extra={"catalog": b"/Metadata 6 0 R", "object": described})).text


@pytest.mark.parametrize(
    ("data", "unread"),
    [
        (b"", ("pdf",)),
        (b"%PDF-1.4", ("pdf",)),
        (pdf("x")[:200], ("pdf",)),
        (b"%PDF-1.7\n1 0 obj " + b"<< /A " * 5_000, ("pdf",)),
        (rewritten(pdf("a"), password="x"), ("pdf",)),
        (rewritten(pdf("a"), password=""), ()),
        (pdf("%0 0 m 5 5 l S"), ("pdf",)),
        (pdf("%"), ()),
        (pdf("hello", extra={"resources": b"/XObject << /I 6 0 R >>", "object": IMAGE}), ("image",)),
        (pdf("hello", extra={"resources": b"/XObject << /F 6 0 R >>", "object1": FORM, "object2": IMAGE}), ("image",)),
        (pdf("%", extra={"resources": b"/XObject << /I 6 0 R >>", "object": IMAGE}), ("pdf",)),
        (pdf("%BT /F1 9 Tf (a) Tj ET BI /W 1 /H 1 /BPC 8 /CS /G ID a EI"), ("image",)),
        (pdf("%BT /F1 9 Tf (\\001\\002\\003\\004) Tj ET"), ("pdf",)),
        (bomb(), ("pdf",)),
    ],
)
def test_what_was_not_read_says_so(data: bytes, unread: tuple[str, ...]) -> None:
    assert read(data).unread == unread


def test_pages_and_characters_are_bounded() -> None:
    assert read(pdf("a", "b"), pages=1) == Extract("a\n", ("pdf",))
    assert read(pdf("a" * 50, "b"), characters=20) == Extract("a" * 20, ("pdf",))


def test_questions_are_answered_one_after_another() -> None:
    questions = [Question("pdf", b64(pdf("a")), 60, 10, 100), Question("odd", "", 60, 10, 100)]
    bodies = [msgspec.msgpack.encode(question) for question in questions]
    target = io.BytesIO()
    serve(io.BytesIO(b"".join(len(body).to_bytes(LENGTH, "big") + body for body in bodies)), target)
    assert answer(questions[1]) == Extract("", ("odd",))
    assert answer(Question("pdf", "QUJD=QUJD", 60, 10, 100)) == Extract("", ("pdf",))
    out = target.getvalue()
    size = int.from_bytes(out[:LENGTH], "big")
    assert msgspec.msgpack.decode(out[LENGTH : LENGTH + size], type=Extract) == Extract("a\n")


async def child(*arguments: str, question: Question) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "sluicegate.dlp.file_text",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    body = msgspec.msgpack.encode(question)
    out, _ = await process.communicate(len(body).to_bytes(LENGTH, "big") + body)
    assert process.returncode is not None
    return process.returncode, out


async def test_a_process_that_takes_too_long_ends() -> None:
    code, out = await child(str(1 << 30), question=Question("pdf", b64(slow()), 0.2, 10, 1_000))
    assert (code < 0, out) == (True, b"")


async def test_a_process_reads_within_its_bounds() -> None:
    code, out = await child(str(1 << 30), question=Question("pdf", b64(rewritten(pdf("a"), password="")), 60, 10, 1_000))
    assert (code, msgspec.msgpack.decode(out[LENGTH:], type=Extract)) == (0, Extract("a\n"))


async def test_a_process_may_start_none_and_write_nothing() -> None:
    code = (
        "import os, resource; from sluicegate.dlp.file_text import confine; confine(1 << 30); "
        "print(*(resource.getrlimit(w)[0] for w in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC)))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-P", "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.split() == [b"1073741824", b"0", b"0"]
    assert confine.__doc__
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0
