"""Exports as an auditor holds them, and their verification without the gateway.

An export is a file of JSON lines. The first is the header. A whole log follows as checkpoints, each before the entries it
covers; a selection follows as entries with an inclusion proof each, all to the one checkpoint in the header. Byte strings
are base64. Stands alone like `verify`.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sluicegate.audit.checkpoint import NoteInvalid, Verifier
from sluicegate.audit.merkle import leaf_hash, verify_inclusion
from sluicegate.audit.verify import Report, Row, Signed, verify

FORMAT = "sluicegate-audit-export"
VERSION = 1
PROOF = "c2sp.org/tlog-proof@v1"


class ExportUnreadable(Exception):
    """The file is no export; the message names the line."""


def verify_export(lines: Iterable[str], key: str = "", published: Sequence[str] = ()) -> Report:
    """Check an export. Without `key` (a note verifier key) the one in the file is used, and the report says so.

    `published` are checkpoints kept elsewhere; they count for a whole log. Never raises for what is in the file.
    """
    report = Report()
    try:
        numbered = _documents(lines)
        header = next(numbered, None)
        if header is None or header.get("format") != FORMAT or header.get("v") != VERSION:
            raise ExportUnreadable(f"line 1: not the header of a {FORMAT} of version {VERSION}")
        verifier = Verifier.parse(key or str(header.get("key")))
        if header.get("complete") is True:
            report = verify(map(_part, numbered), verifier, published)
        else:
            _verify_selection(report, header, numbered, verifier)
    except (ExportUnreadable, NoteInvalid) as error:
        report.undecided = str(error)
        return report
    if not key:
        report.information.append("the public key was taken from the export itself; compare it with the one you were given")
    return report


def _documents(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            raise ExportUnreadable(f"line {number}: not JSON") from None
        if not isinstance(document, dict):
            raise ExportUnreadable(f"line {number}: not a JSON object")
        yield document


def _part(document: Mapping[str, Any]) -> Row | Signed:
    if "note" in document:
        return Signed(
            _integer(document, "size"), _text(document, "note"), _bytes(document, "leaves"), _bytes(document, "frontier")
        )
    return Row(_integer(document, "index"), _bytes(document, "body"))


def _verify_selection(
    report: Report, header: Mapping[str, Any], documents: Iterable[Mapping[str, Any]], verifier: Verifier
) -> None:
    try:
        checkpoint = verifier.open(_text(header, "note"))
    except NoteInvalid as error:
        report.add("bad signature", 0, 0, f"the checkpoint in the header does not hold: {error}")
        return
    report.root, last = checkpoint.root, -1
    for document in documents:
        row = _part(document)
        if not isinstance(row, Row):
            raise ExportUnreadable("a selection holds no checkpoints but the one in its header")
        proof = [_decode(part, "proof") for part in _list(document, "proof")]
        report.entries += 1
        if row.index <= last:
            report.add("moved", row.index, row.index, "not in the order of the log")
        elif verify_inclusion(leaf_hash(row.body), row.index, checkpoint.size, proof, checkpoint.root):
            report.covered += 1
        else:
            report.add("changed", row.index, row.index, "its proof does not lead to the signed root")
        last = row.index
    if report.entries != header.get("entries"):
        report.add("cut off", last + 1, last + 1, f"the header announces {header.get('entries')} entries")
    report.information.append("this is a selection: each entry is proven, but not that none was left out")


def proof_text(index: int, proof: Sequence[bytes], note: str) -> str:
    """One entry's inclusion proof in the C2SP tlog-proof format."""
    hashes = "".join(f"{b64encode(part).decode()}\n" for part in proof)
    return f"{PROOF}\nindex {index}\n{hashes}\n{note}"


def verify_proof(text: str, body: bytes, key: str) -> bool:
    """Whether a tlog-proof shows that `body` is in the log signed by `key`. Raises NoteInvalid where it cannot be read."""
    verifier = Verifier.parse(key)
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != PROOF or not separator:
        raise NoteInvalid("not a tlog-proof")
    rest = lines[2:] if len(lines) > 1 and lines[1].startswith("extra ") else lines[1:]
    number = rest[0].removeprefix("index ") if rest and rest[0].startswith("index ") else ""
    if not (number.isascii() and number.isdigit()):
        raise NoteInvalid("the proof names no index")
    try:
        proof = [_decode(line, "proof") for line in rest[1:]]
    except ExportUnreadable:
        raise NoteInvalid("the proof holds what is no hash") from None
    checkpoint = verifier.open(note)
    return verify_inclusion(leaf_hash(body), int(number), checkpoint.size, proof, checkpoint.root)


def _integer(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ExportUnreadable(f"{name}: a number was expected")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise ExportUnreadable(f"{name}: a string was expected")
    return value


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if not isinstance(value, list):
        raise ExportUnreadable(f"{name}: a list was expected")
    return value


def _bytes(document: Mapping[str, Any], name: str) -> bytes:
    return _decode(_text(document, name), name)


def _decode(value: object, name: str) -> bytes:
    try:
        return b64decode(str(value), validate=True)
    except ValueError:
        raise ExportUnreadable(f"{name}: base64 was expected") from None
