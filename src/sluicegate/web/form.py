"""A form (`multipart/form-data`, RFC 7578) as a document, and a document as a form again.

A field is a string; one whose name ends with `[]` a list of them; a file an object of its name, its media type and its
content in base64. A part that governance did not change leaves byte for byte. What readers of forms differ about is refused:
text before the first part or behind the last, other headers than the two, escapes, a field that comes twice.
"""

import re
from binascii import a2b_base64, b2a_base64
from typing import Any

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Json
from sluicegate.core.errors import InvalidRequest

_TYPE = re.compile(
    rb"multipart/form-data *; *boundary=(?:\"([0-9A-Za-z'()+_,./:=? -]{1,70})\"|([0-9A-Za-z'+_.-]{1,70}))", re.I
)
_DISPOSITION = re.compile(r'form-data; *name="([^"\\\r\n]{1,256})"(?:; *filename="([^"\\\r\n]{0,1024})")?')
_MEDIA = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}(?:; ?charset=[A-Za-z0-9-]{1,32})?")
_PERCENT = {"%22": '"', "%0D": "\r", "%0A": "\n"}
"""What WHATWG HTML (multipart/form-data) writes in names of files for what cannot stand there."""
_ESCAPE = re.compile("%22|%0D|%0A", re.I)


class Bounds(msgspec.Struct, frozen=True):
    """How many parts a form may have, and how many bytes the headers of one."""

    parts: int
    head_bytes: int


class _Part(msgspec.Struct):
    """One part as it came."""

    head: bytes
    body: bytes
    name: str
    value: Any
    """What it says: a string or a file; not the document's own, which governance may edit."""


class Form:
    """One form: `read` makes the document, `write` the body again."""

    def __init__(self, content_type: bytes, bounds: Bounds) -> None:
        """Raises InvalidRequest (UNSUPPORTED_MEDIA_TYPE) for what is no form with a boundary."""
        found = _TYPE.fullmatch(content_type.strip())
        if found is None:
            message = "The content type must be multipart/form-data with a boundary."
            raise InvalidRequest(Reason.UNSUPPORTED_MEDIA_TYPE, message, field="content-type")
        self._boundary: bytes = found[1] or found[2]
        self._bounds = bounds
        self._parts: list[_Part] = []
        boundary = self._boundary.decode("ascii")
        self.kind = "multipart/form-data; boundary=" + (boundary if found[2] else f'"{boundary}"')
        """The content type of what `write` gives."""

    def read(self, body: bytes) -> Json:
        """The form as a document. Raises InvalidRequest naming the part that is not as it must be."""
        document: Json = {}
        self._parts = [_part(piece, self._bounds.head_bytes) for piece in self._pieces(body)]
        for part in self._parts:
            value = dict(part.value) if type(part.value) is dict else part.value
            if part.name.endswith("[]"):
                document.setdefault(part.name, []).append(value)
            elif part.name in document:
                raise InvalidRequest(Reason.DUPLICATE_KEY, "A field stands in the form twice.")
            else:
                document[part.name] = value
        return document

    def write(self, document: Json) -> bytes:
        """The form that says what `document` does: a part that says the same as before is the same."""
        left = {name: list(value) if name.endswith("[]") else [value] for name, value in document.items()}
        pieces: list[bytes] = []
        for part in self._parts:
            values = left.get(part.name)
            if values:
                value = values.pop(0)
                pieces.append(part.head + part.body if value == part.value else _written(part.name, value))
        for name, values in left.items():
            pieces += [_written(name, value) for value in values]
        mark = b"--" + self._boundary
        return b"".join(b"%b\r\n%b\r\n" % (mark, piece) for piece in pieces) + mark + b"--\r\n"

    def _pieces(self, body: bytes) -> list[bytes]:
        """The parts, each from its first header to the end of its body."""
        mark = b"\r\n--" + self._boundary
        first, *pieces = (b"\r\n" + body).split(mark, self._bounds.parts + 2)
        if first or not pieces:
            raise _wrong("The form must begin with its boundary.")
        if len(pieces) > self._bounds.parts + 1:
            raise _wrong(f"The form may have at most {self._bounds.parts} parts.")
        if pieces.pop() not in (b"--", b"--\r\n"):
            raise _wrong("The form must end with its boundary.")
        if not all(piece.startswith(b"\r\n") for piece in pieces):
            raise _wrong("A boundary of the form must stand in a line of its own.")
        return [piece[2:] for piece in pieces]


def _part(piece: bytes, most: int) -> _Part:
    end = piece.find(b"\r\n\r\n", 0, most)
    if end < 0:
        raise _wrong("The headers of a part have no end, or are too long.")
    try:
        lines = piece[:end].decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise _wrong("The headers of a part must be UTF-8.") from None
    said: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or (key := name.lower()) not in ("content-disposition", "content-type") or key in said:
            raise _wrong("A part may have the headers Content-Disposition and Content-Type, once each.")
        said[key] = value.strip(" \t")
    found = _DISPOSITION.fullmatch(said.get("content-disposition", ""))
    media = said.get("content-type", "")
    if found is None or (media and _MEDIA.fullmatch(media) is None):
        raise _wrong("A header of a part cannot be read.")
    name, filename = found[1], found[2]
    head, body = piece[: end + 4], piece[end + 4 :]
    if filename is not None:
        shown = _ESCAPE.sub(lambda match: _PERCENT[match[0].upper()], filename)
        file = {"filename": shown, "media_type": media, "data": b2a_base64(body, newline=False).decode("ascii")}
        return _Part(head, body, name, file)
    try:
        return _Part(head, body, name, body.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest(Reason.INVALID_FIELD, "A field of the form must be UTF-8.") from None


def _written(name: str, value: Any) -> bytes:
    """A part that is new, or says something else than it did."""
    if type(value) is not dict:
        return f'Content-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}'.encode()
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"; filename="{_quoted(value["filename"])}"\r\n'
    if media := value["media_type"]:
        head += f"Content-Type: {media if _MEDIA.fullmatch(media) else 'application/octet-stream'}\r\n"
    return f"{head}\r\n".encode() + a2b_base64(value["data"])


def _quoted(name: str) -> str:
    """`name` as it may stand between quotes."""
    for escape, character in _PERCENT.items():
        name = name.replace(character, escape)
    return name


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(Reason.INVALID_FIELD, message)
