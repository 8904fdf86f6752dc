"""Small PDFs for tests, written by hand, so that what is in them is known."""

import io
import zlib

from pypdf import PdfReader, PdfWriter


def pdf(*pages: str, extra: dict[str, bytes] | None = None) -> bytes:
    """A PDF with these pages; a page is lines of Helvetica, or with `%` at its start the operators themselves.

    `extra` gives objects by name: `page` adds to the dictionary of each page, `catalog` to the document's.
    """
    given = extra or {}
    objects: list[bytes] = []
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(pages)))
    objects.append(b"<< /Type /Catalog /Pages 2 0 R %s >>" % given.get("catalog", b""))
    objects.append(b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)))
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    for index, page in enumerate(pages):
        content = page[1:].encode() if page.startswith("%") else _lines(page)
        packed = zlib.compress(content)
        resources, more = given.get("resources", b""), given.get("page", b"")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> %s >> %s >>" % (5 + 2 * index, resources, more)
        )
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed))
    objects += [value for name, value in given.items() if name.startswith("object")]
    return _file(objects)


def bomb() -> bytes:
    """A PDF of a few kilobytes whose page unpacks to gigabytes, packed three times over."""
    once = zlib.compressobj(9)
    first = b"".join(once.compress(b"0 0 m " * 1_000_000) for _ in range(300)) + once.flush()
    packed = zlib.compress(zlib.compress(first, 9), 9)
    content = b"<< /Length %d /Filter [/FlateDecode /FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << >> >>"
    pages = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return _file([b"<< /Type /Catalog /Pages 2 0 R >>", pages, page, content % (len(packed), packed)])


def slow(operators: int = 3_000_000) -> bytes:
    """A PDF of a few kilobytes that takes its reader minutes: nothing but text of one letter."""
    return pdf("%BT /F1 9 Tf " + "1 0 0 1 0 0 Tm (a) Tj " * operators + "ET")


def rewritten(data: bytes, *, password: str | None = None, attachment: bytes | None = None, title: str = "") -> bytes:
    """`data` with more to it."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    if title:
        writer.add_metadata({"/Title": title})
        writer.add_outline_item(title=title, page_number=0)
    if attachment is not None:
        writer.add_attachment("notes.txt", attachment)
    if password is not None:
        writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _lines(text: str) -> bytes:
    lines = (line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in text.splitlines())
    return b"BT /F1 12 Tf 14 TL 50 700 Td " + b" ".join(b"(%s) Tj T*" % line.encode("cp1252") for line in lines) + b" ET"


def _file(objects: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, at))
