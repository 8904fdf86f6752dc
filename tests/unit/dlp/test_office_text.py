"""The text of office files, and what of them is said to be unread."""

import io
import warnings
import zipfile
from base64 import b64encode

import pytest

from sluicegate.dlp.file_text import Extract, Question, answer
from tests.support.office import office, word


def read(data: bytes, characters: int = 1_000) -> Extract:
    found = answer(Question("document", b64encode(data).decode(), 60, 1, characters))
    return Extract("\n".join(line for line in found.text.split("\n") if line.strip()), found.unread)


def test_runs_go_on_and_paragraphs_do_not() -> None:
    assert read(word("card 4111| 1111| 1111 1111", "next")) == Extract("card 4111 1111 1111 1111\nnext")


def test_every_part_is_read() -> None:
    parts = {
        "word/header1.xml": "<w:hdr xmlns:w='w'><w:p><w:t>head</w:t></w:p></w:hdr>",
        "word/comments.xml": "<w:c xmlns:w='w'><w:p><w:t>said</w:t></w:p></w:c>",
        "docProps/core.xml": "<p><creator>Anna</creator></p>",
        "word/_rels/document.xml.rels": '<R><Relationship TargetMode="External" Target="mailto:a@example.org"/></R>',
    }
    assert read(office(parts)) == Extract("head\nsaid\nAnna\nmailto:a@example.org")  # type: ignore[arg-type]  # all are texts


def test_cells_of_a_sheet() -> None:
    sheet = (
        '<worksheet><sheetData><row><c t="s"><v>0</v></c><c><v>4.111111111111111E+15</v></c><c><v>17.5</v></c>'
        '<c><v>no</v></c><c t="str"><v>made</v></c><c t="inlineStr"><is><t>here</t></is></c></row></sheetData></worksheet>'
    )
    shared = "<sst><si><t>shared</t></si><si><r><t>in </t></r><r><t>two</t></r></si></sst>"
    found = read(office({"xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": shared}))
    assert found == Extract("4111111111111111\n17.5\nno\nmade\nhere\nshared\nin two")


def test_open_document() -> None:
    content = (
        '<office:body xmlns:office="o" xmlns:text="t" xmlns:table="b"><text:p>one <text:span>two</text:span></text:p>'
        '<table:table-cell office:value="4111111111111111"/></office:body>'
    )
    assert read(office({"mimetype": "x", "content.xml": content})) == Extract("one two\n4111111111111111 ")


@pytest.mark.parametrize(
    ("data", "unread"),
    [
        (b"PK\x03\x04 nonsense", ("document",)),
        (word("a")[:80], ("document",)),
        (office({"word/document.xml": "<w>"}), ("document",)),
        (office({"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), ("document",)),
        (office({"word/media/image1.png": b"x", "word/media/sound.mp3": b"x"}), ("audio", "image")),
        (office({"ppt/media/film.mp4": b"x", "ppt/embeddings/a.xlsx": b"x"}), ("document", "video")),
        (office({"word/vbaProject.bin": b"x"}), ("file",)),
        (office({f"a{number}.xml": "<a/>" for number in range(5_001)}), ("document",)),
    ],
)
def test_what_was_not_read_says_so(data: bytes, unread: tuple[str, ...]) -> None:
    assert read(data).unread == unread


def test_characters_are_bounded_also_where_few_bytes_hold_many() -> None:
    found = read(word("a" * 30_000_000), characters=1_000)
    assert len(found.text) <= 1_000
    assert found.unread == ("document",)


def test_a_number_is_whole_wherever_the_part_is_cut() -> None:
    numbers = " ".join(["4111|1111|1111|1111"] * 10_000)
    found = read(word(numbers), characters=1_000_000)
    assert found.text.split() == ["4111111111111111"] * 10_000
    assert found.unread == ()


def test_two_members_of_one_name_are_not_read() -> None:
    packed = io.BytesIO(word("seen"))
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("word/document.xml", "<a>hidden</a>")
    assert read(packed.getvalue()) == Extract("", ("document",))
