"""The text of a file, read in a process of its own: `python -P -m sluicegate.dlp.file_text MEMORY`.

A file is hostile until it was read: it may unpack to terabytes, or keep its reader busy for ever. So this process has a
bound on its memory and, for each file, on its time; beyond them it ends, and whoever asked starts another one.

Questions come on standard input, answers leave on standard output: the length of what follows in four bytes, then msgpack.
"""

import contextlib
import io
import os
import resource
import signal
import sys
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from sluicegate.core.encoded import decoded
from sluicegate.dlp.office_text import BROKEN, read_office

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

LENGTH = 4
"""Bytes of the length before each message."""
_DEEPEST = 100
"""Levels of forms and outlines that are followed."""
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
    zlib.error,
)
"""What readers of broken files raise beside their own errors."""


class Question(msgspec.Struct, array_like=True, frozen=True):
    """A file to read, and the bounds for it: seconds after which this process ends, pages, characters."""

    kind: str
    data: str
    """In base64."""
    seconds: float
    pages: int
    characters: int


class Extract(msgspec.Struct, array_like=True, frozen=True):
    """The text of a file, and the kinds of what in it could not be read: `pdf`, `image`, `file` …; none if all was."""

    text: str
    unread: tuple[str, ...] = ()


class _Text:
    """Collects text up to a bound."""

    def __init__(self, bound: int) -> None:
        self._left = bound
        self._parts: list[str] = []
        self.unread: set[str] = set()
        self.full = False

    def add(self, text: object) -> None:
        """Take what is a text, with a line of its own."""
        if isinstance(text, str) and text:
            self.room(text if text.endswith("\n") else f"{text}\n")

    def room(self, text: str) -> bool:
        """Take a piece of text that goes on from the one before; whether there is room for more."""
        self.full = self.full or len(text) > self._left
        self._parts.append(text[: self._left])
        self._left -= len(self._parts[-1])
        return not self.full

    def extract(self, kind: str) -> Extract:
        """Everything; a file whose text did not fit was not read."""
        if self.full:
            self.unread.add(kind)
        text = "".join(self._parts).encode("utf-8", "replace").decode()
        return Extract(text, tuple(sorted(self.unread)))


def read_pdf(data: bytes, pages: int, characters: int) -> Extract:
    """The text of pages, notes, form fields, bookmarks and properties."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    out = _Text(characters)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return Extract("", ("pdf",))
        for number, page in enumerate(reader.pages):
            if number >= pages or out.full:
                out.unread.add("pdf")
                break
            _page(page, out)
        _beside_pages(reader, out)
    except (PyPdfError, *_BROKEN):
        out.unread.add("pdf")
    return out.extract("pdf")


def _page(page: "PageObject", out: _Text) -> None:
    inline: list[bool] = []

    def operand(operator: bytes, *_: object) -> None:
        if operator == b"INLINE IMAGE":
            inline.append(True)

    text = page.extract_text(visitor_operand_before=operand)
    out.add(text)
    drawn = bool(inline) or _has_image(page.get("/Resources"), 0)
    if text.strip():
        if drawn:
            out.unread.add("image")
        if _is_garbled(text):
            out.unread.add("pdf")
    elif drawn or "/Contents" in page:
        content = page.get_contents()
        if drawn or (content is not None and content.get_data().strip()):
            out.unread.add("pdf")  # a scanned page, or letters drawn as lines
    for note in _each(page.get("/Annots")):
        for name in ("/Contents", "/V", "/TU", "/T"):
            out.add(note.get(name))
        link = _resolved(note.get("/A"))
        if isinstance(link, dict):
            out.add(link.get("/URI"))
        if note.get("/Subtype") == "/FileAttachment":
            out.unread.add("file")


def _beside_pages(reader: "PdfReader", out: _Text) -> None:
    for value in (reader.metadata or {}).values():
        out.add(value)
    root = _resolved(reader.trailer["/Root"])
    described = _resolved(root.get("/Metadata"))
    if described is not None:
        out.add(described.get_data().decode("utf-8", "replace"))
    for title in _titles(reader.outline, 0):
        out.add(title)
    for field in (reader.get_fields() or {}).values():
        out.add(field.get("/V"))
    for part in (reader.xfa or {}).values():
        out.add(part.decode("utf-8", "replace") if isinstance(part, bytes) else part)
    if len(reader.attachments):
        out.unread.add("file")


def _titles(outline: Any, depth: int) -> Iterator[str]:
    for each in outline if depth < _DEEPEST else ():
        if isinstance(each, list):
            yield from _titles(each, depth + 1)
        else:
            yield str(each.title)


def _has_image(resources: Any, depth: int) -> bool:
    """Whether a page or a form on it shows an image."""
    resources = _resolved(resources)
    objects = _resolved(resources.get("/XObject")) if isinstance(resources, dict) else None
    if not isinstance(objects, dict) or depth > _DEEPEST:
        return False
    shown = [_resolved(each) for each in objects.values()]
    return any(
        each.get("/Subtype") == "/Image"
        or (each.get("/Subtype") == "/Form" and _has_image(each.get("/Resources"), depth + 1))
        for each in shown
        if isinstance(each, dict)
    )


def _is_garbled(text: str) -> bool:
    """Whether a font without a map left its own numbers in place of letters."""
    odd = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or (c < " " and c not in "\n\r\t\f") for c in text)
    return odd * 10 > len(text)


def _each(value: Any) -> Iterator[dict[str, Any]]:
    value = _resolved(value)
    for each in value if isinstance(value, list) else ():
        member = _resolved(each)
        if isinstance(member, dict):
            yield member


def _resolved(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def read_document(data: bytes, _pages: int, characters: int) -> Extract:
    """The text of an office file."""
    out = _Text(characters)
    try:
        read_office(data, out.room, out.unread)
    except (*BROKEN, *_BROKEN):
        out.unread.add("document")
    return out.extract("document")


READERS = {"pdf": read_pdf, "document": read_document}


def answer(question: Question) -> Extract:
    """Read the file."""
    reader, data = READERS.get(question.kind), decoded(question.data)
    if reader is None or data is None:
        return Extract("", (question.kind,))
    return reader(data, question.pages, question.characters)


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer until there are no more questions. A file that takes too long ends the process by a signal."""
    while len(length := source.read(LENGTH)) == LENGTH:
        question = msgspec.msgpack.decode(source.read(int.from_bytes(length, "big")), type=Question)
        signal.setitimer(signal.ITIMER_REAL, question.seconds)
        reply = msgspec.msgpack.encode(answer(question))
        signal.setitimer(signal.ITIMER_REAL, 0)
        target.write(len(reply).to_bytes(LENGTH, "big") + reply)
        target.flush()


def confine(memory: int) -> None:
    """Bound what this process may use: memory, no file written, no process started, no core left behind."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(what, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def main() -> None:
    """The process: what libraries print goes nowhere, because it may quote the file."""
    import pypdf
    import pypdf.filters

    pypdf.filters.JBIG2DEC_BINARY = None
    confine(int(sys.argv[1]))
    target = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    serve(sys.stdin.buffer, target)


if __name__ == "__main__":
    main()
