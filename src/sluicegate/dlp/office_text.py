"""The text of an office file: Word, Excel and PowerPoint (OOXML) and OpenDocument, which are XML in a zip.

Runs in the process that reads files (`file_text`), whose bounds on time and memory hold here too. All character data of all
parts is text: bodies, headers, notes, comments, hidden sheets, properties. What is no XML is named by its kind.
"""

import io
import zipfile
from collections.abc import Callable
from xml.parsers import expat

MAX_MEMBERS = 5_000
PIECE = 64 * 1024
_XML = (".xml", ".rels")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".emf", ".wmf", ".webp")
_SOUNDS = (".mp3", ".wav", ".m4a", ".wma")
_FILMS = (".mp4", ".mov", ".avi", ".wmv", ".mpg")
_OFFICE = (".docx", ".xlsx", ".pptx", ".doc", ".xls", ".ppt", ".odt", ".ods", ".odp")
_PLAIN = ("mimetype",)
_BREAKS = frozenset(
    {"p", "h", "br", "tr", "row", "si", "tab", "c", "table-row", "table-cell", "line-break", "is", "comment"}
)
"""Elements (without their namespaces) after which words do not go on."""
_LONGEST_NUMBER = 32

BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, expat.ExpatError, NotImplementedError)
"""What is raised for files that cannot be read, beside OSError, RuntimeError and ValueError."""


class _Unsafe(ValueError):
    """A document type declaration: no office program writes one, and entities are declared there."""


def read_office(data: bytes, add: Callable[[str], bool], unread: set[str]) -> None:
    """Give the text of each part to `add`, which says whether there is room for more; note in `unread` what is no text.

    Raises what BROKEN names, OSError, RuntimeError and ValueError.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        members = packed.infolist()
        names = {member.filename for member in members}
        if len(members) > MAX_MEMBERS or len(names) < len(members):
            unread.add("document")  # two members of one name: readers differ about which one counts
            return
        for member in members:
            name = member.filename.lower()
            if member.is_dir() or name in _PLAIN:
                continue
            if not name.endswith(_XML):
                unread.add(_kind(name))
            elif not _read_part(packed, member, add):
                unread.add("document")
                return


def _kind(name: str) -> str:
    if name.endswith(_PICTURES):
        return "image"
    if name.endswith(_SOUNDS):
        return "audio"
    if name.endswith(_FILMS):
        return "video"
    return "document" if name.endswith(_OFFICE) else "file"


def _read_part(packed: zipfile.ZipFile, member: zipfile.ZipInfo, add: Callable[[str], bool]) -> bool:
    """Read one part; False where there is no room for more."""
    part = _Part()
    parser = part.parser
    room = True
    with packed.open(member) as source:
        while room and (piece := source.read(PIECE)):
            parser.Parse(piece, False)
            room = add(part.taken())
    if room:
        parser.Parse(b"", True)
        room = add(f"{part.taken()}\n")
    return room


class _Part:
    """The text of one part, as the parser comes along."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._cell = ""
        """The type of the cell of a sheet that is open."""
        self._number: list[str] | None = None
        """What has been read of the value of a cell."""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def taken(self) -> str:
        """What has come since."""
        text = "".join(self._pieces)
        self._pieces.clear()
        return text

    def _doctype(self, *_: object) -> None:
        raise _Unsafe("a document type declaration")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c":
            self._cell = attributes.get("t", "n")
        elif local == "v" and self._cell:
            self._number = []
        elif local == "Relationship" and attributes.get("TargetMode") == "External":
            self._pieces += (attributes.get("Target", ""), "\n")
        elif "office:value" in attributes:
            self._pieces += (attributes["office:value"], " ")

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "v" and self._number is not None:
            value, self._number = "".join(self._number), None
            if self._cell != "s":  # else it is the place of a text among those that all sheets share
                self._pieces.append(_digits(value) if self._cell == "n" else value)
        if local == "c":
            self._cell = ""
        if local in _BREAKS:
            self._pieces.append("\n")

    def _characters(self, text: str) -> None:
        (self._pieces if self._number is None else self._number).append(text)


def _digits(value: str) -> str:
    """A number as its sheet shows it: long ones are kept as 4.1E+15."""
    if len(value) > _LONGEST_NUMBER or "E" not in value.upper():
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return str(int(number)) if number.is_integer() and abs(number) < 10**20 else value
