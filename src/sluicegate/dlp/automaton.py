"""Compiled sets of patterns (hyperscan), kept on disk so that the next start need not compile them again.

A kept automaton is named by the digest of what it was compiled from, and begins with the digest of its own bytes: one that
does not hold is compiled anew. What cannot be kept is only slower. One that is kept is read when it is first needed: of the
automata that verify a match, or look for rules near their words, few ever are.
"""

import os
import platform
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import hyperscan

from sluicegate.dlp.packs import RuleError

MAX_BYTES = 128 * 1024 * 1024
"""The most bytes that compiled automata may take together, unless a setting says otherwise."""
UNBOUNDED = 1 << 60
MAX_KEPT = 4_096
"""Automata kept in the folder; beyond it the ones unused longest go."""
_DIGEST = 32

Expression = tuple[int, str, int]
"""A pattern's number, its source and its hyperscan flags."""
Report = tuple[int, int]
"""A pattern's number, and the byte offset where it ended."""


class TooManyReports(Exception):
    """A text holds more possible ends of matches than may be looked at."""


class Automaton:
    """Reports where patterns end. Used by one thread at a time, since it owns its scratch space."""

    def __init__(self, expressions: Sequence[Expression], kept: Path | None = None) -> None:
        """Compile, unless it is kept in the folder `kept`. Raises hyperscan.HyperscanError, RuleError."""
        self._expressions = tuple(expressions)
        self._kept = kept
        self._found: list[Report] = []
        self._most = UNBOUNDED
        self._scan: Callable[..., object] | None = None
        size = 0 if kept is None else _size(kept, self._expressions)
        if not size:
            database = _compile(expressions)
            size = database.size()
            if kept is None or not _keep(kept, expressions, database):
                self._scan = database.scan
        self.size: int = size

    def reports(self, data: bytes, most: int = UNBOUNDED) -> Sequence[Report]:
        """Every pattern that matches and the byte offset of each of its ends. Raises TooManyReports beyond `most`."""
        self._most = most
        scan = self._scan or self._read()
        try:
            scan(data, self._collect)
        except hyperscan.ScanTerminated:
            self._found = []
            raise TooManyReports from None
        if not self._found:
            return ()
        found, self._found = self._found, []
        return found

    def _read(self) -> Callable[..., object]:
        """Read what is kept, or compile it where it has gone or does not hold."""
        kept = self._kept
        database = None if kept is None else _load(kept, self._expressions)
        if database is None:
            database = _compile(self._expressions)
            if kept is not None:
                _keep(kept, self._expressions, database)
        scan: Callable[..., object] = database.scan
        self._scan = scan
        return scan

    def _collect(self, number: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
        self._found.append((number, end))
        return True if len(self._found) > self._most else None  # True ends the scan


class Workshop:
    """Compiles automata beside each other: hyperscan leaves the interpreter to others while it works."""

    def __init__(self, kept: Path | None, threads: int, max_bytes: int = MAX_BYTES) -> None:
        """`kept` is a folder of compiled automata, `threads` how many are made at once, `max_bytes` their size together."""
        self._kept = kept
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="automata")

    def order(self, expressions: Sequence[Expression]) -> Callable[[], Automaton]:
        """Begin; what is given waits for the automaton. It raises hyperscan.HyperscanError, RuleError."""
        return self._pool.submit(self._make, expressions).result

    def _make(self, expressions: Sequence[Expression]) -> Automaton:
        automaton = Automaton(expressions, self._kept)
        with self._lock:
            self._left -= automaton.size
        if self._left < 0:
            raise RuleError(f"the rules together compile to more than {self._max_bytes} bytes (dlp.max_compiled_bytes)")
        return automaton

    def close(self) -> None:
        """End the threads; what was not begun is not compiled."""
        self._pool.shutdown(cancel_futures=True)
        if self._kept is not None:
            _prune(self._kept)


def _compile(expressions: Sequence[Expression]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[source.encode() for _, source, _ in expressions],
        ids=[number for number, _, _ in expressions],
        flags=[flags for _, _, flags in expressions],
    )
    return database


@cache
def _here() -> tuple[str, str, str]:
    """What an automaton depends on beside its expressions."""
    return version("hyperscan"), platform.machine(), platform.processor()


def _path(kept: Path, expressions: Sequence[Expression]) -> Path:
    return kept / f"{sha256(repr((*_here(), list(expressions))).encode()).hexdigest()}.automaton"


def _size(kept: Path, expressions: Sequence[Expression]) -> int:
    """Bytes of what is kept; 0 where nothing is. It counts as used."""
    path = _path(kept, expressions)
    try:
        size = path.stat().st_size - _DIGEST
        os.utime(path)
    except OSError:
        return 0
    return max(size, 0)


def _load(kept: Path, expressions: Sequence[Expression]) -> hyperscan.Database | None:
    try:
        content = _path(kept, expressions).read_bytes()
    except OSError:
        return None
    data = content[_DIGEST:]
    if sha256(data).digest() != content[:_DIGEST]:
        return None
    try:
        database = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.HyperscanError:  # compiled by another version, or for another processor
        return None
    return database


def _keep(kept: Path, expressions: Sequence[Expression], database: hyperscan.Database) -> bool:
    """Whether it could be kept."""
    path = _path(kept, expressions)
    data = hyperscan.dumpb(database)
    with suppress(OSError):
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(sha256(data).digest() + data)
        part.replace(path)
        return True
    return False


def _prune(kept: Path) -> None:
    with suppress(OSError):
        found = sorted(kept.glob("*.automaton"), key=lambda each: each.stat().st_mtime, reverse=True)
        for old in found[MAX_KEPT:]:
            old.unlink()
