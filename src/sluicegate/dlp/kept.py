"""A folder of what was compiled from rules, or worked out about them, so that the next start need not do it again.

A piece is named by the digest of everything that it was made from, and begins with the digest of its own bytes: one that
does not hold counts as absent, and is made anew. What cannot be kept is only slower.
"""

import os
import platform
import sys
import threading
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

MAX_KEPT = 4_096
"""Pieces in a folder; beyond it the ones unused longest go."""
Kind = Literal["automaton", "plan", "rules"]
_KINDS = tuple(f".{kind}" for kind in get_args(Kind))
_DIGEST = 32
_MADE_WITH = ("hyperscan", "python-stdnum", "phonenumbers")


@cache
def machine() -> tuple[str, ...]:
    """What a compiled automaton depends on beside its expressions; one for another processor is refused when it is read."""
    return version("hyperscan"), platform.machine()


@cache
def program() -> bytes:
    """The digest of what works out everything else: this package's own source, and the versions of what it asks."""
    digest = sha256(repr((sys.version, *map(version, _MADE_WITH))).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def name_of(kind: Kind, *made_from: object) -> str:
    """The name of a piece of this kind, which says what it was made from."""
    return f"{sha256(repr(made_from).encode()).hexdigest()}.{kind}"


def size(folder: Path, name: str) -> int:
    """Bytes of a piece; 0 where there is none. It counts as used."""
    path = folder / name
    try:
        found = path.stat().st_size - _DIGEST
        os.utime(path)
    except OSError:
        return 0
    return max(found, 0)


def read(folder: Path, name: str) -> bytes | None:
    """A piece; None where there is none that holds."""
    try:
        content = (folder / name).read_bytes()
    except OSError:
        return None
    data = content[_DIGEST:]
    return data if sha256(data).digest() == content[:_DIGEST] else None


def keep(folder: Path, name: str, data: bytes) -> bool:
    """Whether it could be kept."""
    path = folder / name
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(sha256(data).digest() + data)
        part.replace(path)
        return True
    return False


def prune(folder: Path) -> None:
    """Remove the pieces unused longest beyond MAX_KEPT."""
    with suppress(OSError):
        pieces = (each for each in folder.iterdir() if each.suffix in _KINDS)
        found = sorted(pieces, key=lambda each: each.stat().st_mtime, reverse=True)
        for old in found[MAX_KEPT:]:
            old.unlink()
