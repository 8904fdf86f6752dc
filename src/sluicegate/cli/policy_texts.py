"""Texts and requests that a command puts before a policy, one a line or in a YAML file of cases."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from sluicegate.core.dialect import DialectName
from sluicegate.dlp.findings import Action
from sluicegate.dlp.strict_yaml import read_strict_yaml

MAX_LINE = 32 * 1024 * 1024
"""Bytes of one line of a JSONL file."""
MAX_CASES_BYTES = 16 * 1024 * 1024

Direction = Literal["prompt", "answer"]


class TextsError(ValueError):
    """A file cannot be used; the message names the place and quotes nothing of it."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to come of a case; what is not given is not looked at."""

    action: Action | None = None
    """The gravest thing done; `allow`: nothing."""
    rules: tuple[str, ...] | None = None
    """All rules that find something."""


class Row(msgspec.Struct, frozen=True):
    """One text, or one whole request or answer in a dialect; other members of a line do not count."""

    text: str | None = None
    document: dict[str, Any] | None = None
    dialect: DialectName = DialectName.OPENAI_CHAT
    direction: Direction = "prompt"
    policy: str | None = None
    team: str = ""
    role: str = ""
    where: str = ""
    """How messages name it."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row with what is expected of it."""

    text: str | None = None
    document: dict[str, Any] | None = None
    dialect: DialectName = DialectName.OPENAI_CHAT
    direction: Direction = "prompt"
    policy: str | None = None
    team: str = ""
    role: str = ""
    name: str = ""
    expect: Expected = Expected()

    @property
    def row(self) -> Row:
        """The case without what is expected."""
        return msgspec.convert(msgspec.structs.asdict(self), Row, from_attributes=True)


_decode = msgspec.json.Decoder(Row).decode


def rows(path: Path) -> Iterator[Row]:
    """The lines of a JSONL file. Raises TextsError, OSError."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            where = f"{path}:{number}"
            if len(line) > MAX_LINE:
                raise TextsError(f"{where}: longer than {MAX_LINE} bytes")
            if not line.strip():
                continue
            try:
                row = _decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise TextsError(f"{where}: {_place(error)}") from None
            yield _checked(msgspec.structs.replace(row, where=where))


def cases(path: Path) -> Sequence[Case]:
    """The cases of a YAML file: a list. Raises TextsError, OSError."""
    if path.stat().st_size > MAX_CASES_BYTES:
        raise TextsError(f"{path}: larger than {MAX_CASES_BYTES} bytes")
    try:
        found = msgspec.convert(read_strict_yaml(path.read_bytes()), tuple[Case, ...])
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        raise TextsError(f"{path}: no YAML" + (f" (line {mark.line + 1})" if mark else "")) from None
    except msgspec.ValidationError as error:
        raise TextsError(f"{path}: {_place(error)}") from None
    for number, case in enumerate(found):
        _checked(msgspec.structs.replace(case.row, where=f"{path}: case {case.name or number + 1}"))
    return found


def _checked(row: Row) -> Row:
    if (row.text is None) == (row.document is None):
        raise TextsError(f"{row.where}: expected either `text` or `document`")
    return row


def _place(error: Exception) -> str:
    """Where a value is wrong and what was expected, without the value."""
    text = str(error)
    return text if isinstance(error, msgspec.ValidationError) and "Invalid enum value" not in text else _bare(text)


def _bare(text: str) -> str:
    _, at, path = text.partition(" - at ")
    return f"a value is wrong - at {path}" if at else "no JSON"


def shown(row: Row) -> Mapping[str, str]:
    """How a report names a row: by its place, never by what it says."""
    return {"where": row.where, "direction": row.direction}
