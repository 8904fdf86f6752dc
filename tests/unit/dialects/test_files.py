"""What a file is, its bytes say; what it says is governed where it is text."""

import binascii
import gzip
import io
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.dialect import Place, Reading
from sluicegate.dialects import files

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"


def b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def link(document: Any, key: str = "k") -> files.Link:
    return files.Link(document, key, Place.USER)


def taken(value: str, media: str = "", kind: str = "file") -> tuple[bool, list[str], list[str], list[str]]:
    out = Reading([], [])
    read = files.url if value[:5].lower() == "data:" else None
    done = read(value, link({"k": value}), out, kind) if read else files.base64(value, media, link({"k": value}), out, kind)
    return done, [span.text for span in out.spans], out.unread, [file.kind for file in out.files]


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return packed.getvalue()


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t"), min_size=1)


@given(text=TEXTS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), percent=st.booleans(), new=TEXTS)
def test_a_text_is_read_and_what_is_written_is_read_again(text: str, encoding: str, percent: bool, new: str) -> None:
    data = text.encode(encoding)
    if text.startswith("\ufeff") or data.startswith(b"%PDF-"):
        return
    body = "".join(f"%{byte:02x}" for byte in data) if percent else b64(data)
    document = {"k": f"data:text/plain;charset=utf-8{'' if percent else ';base64'},{body}"}
    out = Reading([], [])
    assert files.url(document["k"], link(document), out, "file")
    (span,) = out.spans
    assert (span.text, out.unread) == (text, [])
    span.holder[span.key] = new
    again = Reading([], [])
    assert files.url(document["k"], link(document), again, "file")
    assert [each.text for each in again.spans] == [new]


@given(data=st.binary(), cut=st.integers(0, 3))
def test_whatever_is_sent_is_governed_or_noted(data: bytes, cut: int) -> None:
    encoded = b64(data)
    _, texts, unread, waiting = taken(encoded[: len(encoded) - cut])
    assert texts or unread or waiting


@pytest.mark.parametrize(
    ("data", "media", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "", "image"),
        (b"\x89PNG\r\n\x1a\n\0\0", "text/plain", "image"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "", "audio"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "", "image"),
        (b"\0\0\0\x20ftypisom", "", "video"),
        (b"\0\0\0\x20ftypavif", "", "image"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "", "document"),
        (gzip.compress(b"my secret"), "text/plain", "archive"),
        (zipped("a.txt"), "", "archive"),
        (b"\0" * 257 + b"ustar", "", "archive"),
        (b"\0\1\2", "", "file"),
        (b"\0\1\2", "video/mp4", "video"),
        (b"\0\1\2", "application/pdf", "pdf"),
        (b"\0\1\2", "application/vnd.ms-excel", "document"),
        (b"\0\1\2", "application/zip", "archive"),
        (b"words" * 2_000 + b"\0", "text/plain", "file"),
        (b"caf\xe9", "text/plain", "file"),
    ],
)
def test_what_is_no_text_is_noted_by_its_kind(data: bytes, media: str, kind: str) -> None:
    assert taken(b64(data), media) == (True, [], [kind], [])


def test_a_pdf_waits_to_be_read_and_is_a_text_only_where_it_is_said_to_be() -> None:
    assert taken(b64(PDF), "application/pdf") == (True, [], [], ["pdf"])
    assert taken(b64(b"\n" * 100 + PDF)) == (True, [], [], ["pdf"])
    assert taken(b64(b"%PDF-1.4 words"), "image/png") == (True, [], ["image"], ["pdf"])
    assert taken(b64(b"GIF89a" + PDF), "application/pdf") == (True, [], ["image"], ["pdf"])
    assert taken(b64(b"%PDF-1.4 words"), "text/plain") == (True, ["%PDF-1.4 words"], [], [])
    assert taken(f"data:application/pdf;base64,{b64(PDF)}") == (True, [], [], ["pdf"])


def test_an_office_file_waits_to_be_read() -> None:
    assert taken(b64(zipped("[Content_Types].xml", "word/document.xml"))) == (True, [], [], ["document"])
    assert taken(b64(zipped("mimetype", "x")), "application/vnd.oasis.opendocument.text") == (True, [], [], ["document"])
    assert taken(b64(zipped("x")), "text/plain") == (True, [], ["archive"], [])


def test_a_text_that_is_said_to_be_an_image_is_governed_and_the_image_noted() -> None:
    assert taken(b64(b"words"), "image/png") == (True, ["words"], ["image"], [])
    assert taken(b64(b"<svg/>"), "image/svg+xml") == (True, ["<svg/>"], [], [])
    assert taken(b64(b"GIF89a words"), "image/gif") == (True, ["GIF89a words"], ["image"], [])


@pytest.mark.parametrize("text", ["QUJD=QUJD", "QUJDR", "QUJD=====QUJDQQ"])
def test_base64_that_decoders_read_in_different_ways_is_not_read(text: str) -> None:
    assert taken(text) == (True, [], ["file"], [])


def test_both_alphabets_and_lines() -> None:
    assert taken("8J-S\r\nqQ==")[1] == taken("8J+SqQ")[1] == ["\N{PILE OF POO}"]


@pytest.mark.parametrize(
    "head",
    [
        "data:text/plain;name=secret;base64,",
        "data:text/4111111111111111;base64,",
        "data:text/AKIASECRET;base64,",
        "DATA:text/plain;base64,",
    ],
)
def test_a_head_that_could_say_more_is_governed_too(head: str) -> None:
    assert taken(head + b64(b"words")) == (True, ["words", head], [], [])
    document = {"k": head + b64(b"words")}
    out = Reading([], [])
    files.url(document["k"], link(document), out, "file")
    text, said = out.spans
    text.holder[text.key] = "gone"
    said.holder[said.key] = "data:,"
    assert document == {"k": "data:," + b64(b"gone")}


def test_a_head_without_end_is_governed_with_all_that_follows() -> None:
    assert taken("data:" + "x" * 2_000, kind="image") == (False, [], ["image"], [])


def test_percent_form_that_is_no_text_is_governed_as_it_stands() -> None:
    assert taken("data:image/png,%89PNG%0d%0a") == (False, [], ["image"], [])
    assert taken("data:,h\u00e9llo")[0] is False
    assert taken("data:,hello%20world") == (True, ["hello world"], [], [])


def test_other_texts_are_left_to_others() -> None:
    assert taken("plain words") == (False, [], ["file"], [])
    out = Reading([], [])
    assert files.url("https://example.org", link({}), out, "image") is False
    assert out.unread == []
