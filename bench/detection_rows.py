"""Labelled rows, read where they stand. Their texts are never printed, and never copied."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.detection_kinds import CREDENTIALS, KINDS, PERSONAL, country_of, kind_of

Subject = Literal["credential", "personal", "injection", "ordinary"]
FILES: dict[str, Subject] = {
    "pii": "personal",
    "personal": "personal",
    "secret": "credential",
    "credential": "credential",
    "injection": "injection",
    "jailbreak": "injection",
    "benign": "ordinary",
}
"""What the rows of a file are about, by what its name holds; a file named otherwise is judged row by row (`subject`)."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled text."""

    id: str
    """Its own, or the file's name and the line's number."""
    text: str
    subject: Subject
    positive: bool
    kind: str
    """Of personal data: what this bench calls it (KINDS). Of the others: what the set calls it."""
    accepts: frozenset[str] = frozenset()
    """The kinds of findings that count as finding it."""
    country: str = "INT"
    form: str = ""
    group: str = ""
    """What a set sorts its credentials or look-alikes by."""
    weak: bool = False
    real: bool = False
    spans: tuple[tuple[int, int], ...] = ()


def subject(row: dict[str, Any], stem: str) -> Subject:
    """What a row is about."""
    for part, named in FILES.items():
        if part in stem.lower():
            return named
    if "label" not in row:
        return "ordinary"
    if "kind" not in row:
        return "injection"
    if kind_of(str(row["kind"])) is not None or "form" in row:
        return "personal"
    return "credential"


def row(raw: dict[str, Any], stem: str, number: int) -> Row:
    """One line of a set. Raises ValueError, which names the line and no text, if it has no text or an unknown label."""
    where = f"{stem}:{number}"
    label = raw.get("label", "negative")
    if not isinstance(raw.get("text"), str) or label not in ("positive", "negative"):
        raise ValueError(f"{where}: wants `text`, and `label` positive or negative")
    about = subject(raw, stem)
    name = str(raw.get("kind") or raw.get("type") or "")
    accepts = frozenset(CREDENTIALS) if about == "credential" else frozenset[str]()
    kind = name
    if about == "personal":
        known = kind_of(name)
        kind, accepts = (
            (known.name, frozenset(known.accepts)) if known else (f"{name.lower()} (unknown)", frozenset(PERSONAL))
        )
    return Row(
        id=str(raw.get("id") or where),
        text=raw["text"].encode(errors="replace").decode(),  # half a surrogate pair is not text that every peer can take
        subject=about,
        positive=label == "positive",
        kind=kind,
        accepts=accepts,
        country=country_of(name, str(raw.get("region") or raw.get("country") or "")),
        form=str(raw.get("form") or ""),
        group=str((raw.get("family") if label == "positive" else raw.get("neg")) or ""),
        weak=bool(raw.get("weak")),
        real=bool(raw.get("real_world")),
        spans=tuple((int(span[0]), int(span[1])) for span in raw.get("spans") or ()),
    )


def read(path: Path) -> list[Row]:
    """The rows of a file, or of every `*.jsonl` and `*.jsonl.gz` of a folder, in the order of their names and lines.

    Raises OSError, and ValueError for a line that is none.
    """
    files = [path] if path.is_file() else sorted((*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")))
    if not files:
        raise ValueError(f"{path}: no *.jsonl and no *.jsonl.gz")
    return [each for file in files for each in _rows(file)]


def _rows(path: Path) -> Iterator[Row]:
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()
    stem = path.name.partition(".")[0]
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield row(json.loads(line), stem, number)


def structured(each: Row) -> bool:
    """Whether a row of personal data is of a kind that has a form of its own, unlike names and places."""
    return any(kind.name == each.kind and kind.structured for kind in KINDS)
