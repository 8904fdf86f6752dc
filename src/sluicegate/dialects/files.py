"""Files in a request: what their own bytes say they are, before what they are said to be.

A text is governed like any other, and what is redacted in it is encoded back to where it came from. PDFs and office files
wait for slow reading (`Reading.files`). Everything else is noted by its kind in `Reading.unread`:

`image`, `audio`, `video`, `pdf`, `document` (office files), `archive`, `file` (anything else), `remote` (kept elsewhere).
"""

import codecs
import re
from binascii import b2a_base64
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from sluicegate.core.dialect import File, Form, Nested, Place, Reading, Span
from sluicegate.core.encoded import decoded, is_base64

_PLAIN_HEAD = re.compile(
    r"data:(?:(?![^;,]*[0-9]{5})[a-z]{1,12}/[a-z0-9.+-]{1,80})?(?:;charset=[A-Za-z]{1,9}(?:-?[0-9]{1,4}){0,2})?(?:;base64)?,"
)
"""Of a data URI (RFC 2397): there is nothing to hide in it, as there is in other parameters, which are governed."""
_LONGEST_HEAD = 1_024
_FIRST = 4_096
"""Characters of base64 that are looked at before the whole is decoded."""
_CONTROL = bytes({*range(32), 127} - {8, 9, 10, 11, 12, 13, 27})
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_TEXTUAL = re.compile(
    r"text/.*|.*\+(?:xml|json|yaml)"
    r"|application/(?:json|jsonl|ndjson|xml|yaml|toml|csv|sql|rtf|javascript|typescript|graphql|x-.*)"
)
_OFFICE = re.compile(r"application/(?:msword|vnd\.(?:ms-|openxmlformats-officedocument|oasis\.opendocument).*)")
_PACKED = re.compile(r"application/(?:zip|gzip|zstd|vnd\.rar|x-(?:tar|gzip|bzip2?|xz|7z-compressed|rar|zip.*))")
_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM", "image"),
    (b"II*\0", "image"),
    (b"MM\0*", "image"),
    (b"ID3", "audio"),
    (b"OggS", "audio"),
    (b"fLaC", "audio"),
    (b"\xff\xfb", "audio"),
    (b"\xff\xf3", "audio"),
    (b"\xff\xf1", "audio"),
    (b"\x1aE\xdf\xa3", "video"),
    (b"\xd0\xcf\x11\xe0", "document"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\0", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"Rar!", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
)
_MEDIA = ("image", "audio", "video")
_ZIP = b"PK\x03\x04"
_CONTAINERS = {b"WEBP": "image", b"WAVE": "audio", b"AVI ": "video"}
_OFFICE_MEMBERS = (
    b"[Content_Types].xml",
    b"_rels/",
    b"docProps/",
    b"word/",
    b"xl/",
    b"ppt/",
    b"mimetypeapplication/vnd.oasis",
)
BODY, HEAD = 0, 1
_PDF_WITHIN = 1_024
"""How far into a file its readers look for the mark of a PDF."""


class Link(msgspec.Struct, gc=False):
    """Where a file stands in the document: a string, or JSON inside a string (`within`)."""

    holder: Any
    key: Any
    place: Place
    within: Nested | None = None


class Encoded:
    """Stands as the holder of what is inside data: what is written to it goes back into the document, encoded as it was.

    Under the key BODY stands the text, under HEAD the head of a data URI.
    """

    __slots__ = ("_body", "_head", "_link", "bom", "encoding", "percent")

    def __init__(self, link: Link, head: str, body: str, *, percent: bool = False) -> None:
        self._link = link
        self._head = head
        self._body = body
        self.bom = b""
        self.encoding = "utf-8"
        self.percent = percent

    def __setitem__(self, key: int, text: str) -> None:
        if key == HEAD:
            self._head = text
        else:
            data = self.bom + text.encode(self.encoding)
            self._body = quote_from_bytes(data, safe="") if self.percent else b2a_base64(data, newline=False).decode()
        self._link.holder[self._link.key] = self._head + self._body

    def span(self, key: int, text: str) -> Span:
        """The span of the text, or of the head."""
        return Span(self, key, text, self._link.place, Form.TEXT, self._link.within)


def text_of(data: bytes) -> tuple[str, bytes, str] | None:
    """The text of a file, its byte order mark and its encoding; None if it is none: UTF-8, or UTF-16 with its mark."""
    bom, encoding = next((each for each in _BOMS if data.startswith(each[0])), (b"", "utf-8"))
    try:
        text = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError:
        return None
    plain = data if encoding == "utf-8" else text.encode("utf-8", "surrogatepass")
    return None if len(plain.translate(None, _CONTROL)) < len(plain) else (text, bom, encoding)


def kind_of(data: bytes) -> str | None:
    """The kind that the first bytes of a file tell; None if they tell nothing."""
    return "pdf" if b"%PDF-" in data[:_PDF_WITHIN] else _begins(data)


def _begins(data: bytes) -> str | None:
    """The kind that stands at the very beginning."""
    if data.startswith(_ZIP):
        return "document" if data[30:].startswith(_OFFICE_MEMBERS) else "archive"
    if data[:4] == b"RIFF":
        return _CONTAINERS.get(data[8:12])
    if data[4:8] == b"ftyp":
        return "image" if data[8:12] in (b"avif", b"heic", b"mif1") else "video"
    if data[257:262] == b"ustar":
        return "archive"
    return next((kind for prefix, kind in _PREFIXES if data.startswith(prefix)), None)


def declared(media: str) -> str | None:
    """The kind that a media type says; None for text and for what says nothing."""
    family = media.partition("/")[0]
    if family in _MEDIA:
        return None if media.endswith("+xml") else family
    if media == "application/pdf":
        return "pdf"
    if _OFFICE.fullmatch(media):
        return "document"
    return "archive" if _PACKED.fullmatch(media) else None


def url(text: str, link: Link, out: Reading, kind: str) -> bool:
    """Take a data URI: note what it holds. False for one that must be governed as it stands, and for any other text.

    `kind` is what it is taken for where neither its bytes nor its media type say anything.
    """
    if text[:5].lower() != "data:":
        return False
    end = text.find(",", 0, _LONGEST_HEAD) + 1
    if not end:
        out.unread.append(kind)
        return False
    head, body = text[:end], text[end:]
    media = head[5:-1].partition(";")[0].lower()
    coded = head[:-1].lower().endswith(";base64")
    holder = Encoded(link, head, body, percent=not coded)
    taken = _coded(body, media, holder, link, out, kind) if coded else _escaped(body, media, holder, out, kind)
    if taken and not _PLAIN_HEAD.fullmatch(head):
        out.spans.append(holder.span(HEAD, head))
    return taken


def base64(text: str, media: str, link: Link, out: Reading, kind: str) -> bool:
    """Take base64 data: note what it holds. False for what is none, which must be governed as it stands.

    `media` is what it is said to be, empty if nothing is said; `kind` what the place is for.
    """
    return _coded(text, media.lower(), Encoded(link, "", text), link, out, kind)


def _escaped(body: str, media: str, holder: Encoded, out: Reading, kind: str) -> bool:
    data = unquote_to_bytes(body)
    read = text_of(data)
    if read is None or not body.isascii():
        out.unread.append(kind_of(data) or declared(media) or kind)
        return False
    _govern(read, media, kind, holder, out)
    return True


def _coded(body: str, media: str, holder: Encoded, link: Link, out: Reading, kind: str) -> bool:
    if not is_base64(body):
        out.unread.append(declared(media) or kind)
        return False
    first = decoded(body[:_FIRST] if len(body) > _FIRST else body)
    told = None if first is None else kind_of(first)
    if first is not None and told == "archive" and first.startswith(_ZIP) and declared(media) == "document":
        told = "document"
    slow = told == "pdf" or (told == "document" and first is not None and first.startswith(_ZIP))
    if first is not None and (_TEXTUAL.fullmatch(media) or not slow) and _may_be_text(first):
        data = first if len(body) <= _FIRST else decoded(body)
        read = None if data is None else text_of(data)
        if read is not None:
            _govern(read, media, kind, holder, out)
            return True
    if slow and told is not None and first is not None:
        out.files.append(File(told, body, link.place))
        # one that could be taken for something else as well was not read as that
        out.unread += {also for also in (_begins(first), declared(media)) if also not in (None, told, "archive")}
        return True
    out.unread.append(told or declared(media) or kind)
    return True


def _may_be_text(data: bytes) -> bool:
    return data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or len(data.translate(None, _CONTROL)) == len(data)


def _govern(read: tuple[str, bytes, str], media: str, kind: str, holder: Encoded, out: Reading) -> None:
    """A text that was said to be an image, say, is read as text; that the image was read is not claimed."""
    text, holder.bom, holder.encoding = read
    out.spans.append(holder.span(BODY, text))
    said = declared(media) if media else kind if kind in _MEDIA else None
    if said is not None:
        out.unread.append(said)
