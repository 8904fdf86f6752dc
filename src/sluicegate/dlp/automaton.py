"""Compiled sets of patterns (hyperscan), kept on disk so that the next start need not compile them again.

One that is kept is read when it is first needed: of the automata that verify a match, or look for rules near their words,
few ever are.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hyperscan

from sluicegate.dlp import kept as folder
from sluicegate.dlp.packs import RuleError

MAX_BYTES = 128 * 1024 * 1024
"""The most bytes that compiled automata may take together, unless a setting says otherwise."""
UNBOUNDED = 1 << 60

Expression = tuple[int, str, int]
"""A pattern's number, its source and its hyperscan flags."""
Report = tuple[int, int]
"""A pattern's number, and the byte offset where it ended."""
Source = Callable[[], Sequence[Expression]]
"""Gives the expressions again, which are not held while they are not needed."""


class TooManyReports(Exception):
    """A text holds more possible ends of matches than may be looked at."""


class Automaton:
    """Reports where patterns end. Used by one thread at a time, since it owns its scratch space."""

    __slots__ = ("_found", "_kept", "_most", "_name", "_scan", "_source", "size")

    def __init__(self, name: str, source: Source, kept: Path | None = None) -> None:
        """Compile, unless it is kept in the folder `kept`. Raises hyperscan.HyperscanError, RuleError.

        `name` is the `name_of` what `source` gives, which is asked for that only where it must be compiled.
        """
        self._name = name
        self._source = source
        self._kept = kept
        self._found: list[Report] = []
        self._most = UNBOUNDED
        self._scan: Callable[..., object] | None = None
        size = 0 if kept is None else folder.size(kept, name)
        if not size:
            database = _compile(source())
            size = database.size()
            if kept is None or not folder.keep(kept, name, hyperscan.dumpb(database)):
                self._scan = database.scan
        self.size: int = size

    @classmethod
    def of(cls, expressions: Sequence[Expression], kept: Path | None = None) -> "Automaton":
        """The automaton of these expressions, which stay in memory. Raises hyperscan.HyperscanError."""
        return cls(name_of(expressions), lambda: expressions, kept)

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
        database = None if self._kept is None else _load(self._kept, self._name)
        if database is None:
            database = _compile(self._source())
            if self._kept is not None:
                folder.keep(self._kept, self._name, hyperscan.dumpb(database))
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
        self._sizes: list[int] = []
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="automata")

    def order(self, name: str, source: Source) -> Callable[[], Automaton]:
        """Begin; what is given waits for the automaton. It raises hyperscan.HyperscanError, RuleError."""
        return self._pool.submit(self._make, name, source).result

    def _make(self, name: str, source: Source) -> Automaton:
        automaton = Automaton(name, source, self._kept)
        with self._lock:
            self._sizes.append(automaton.size)
            check_size(self._sizes, self._max_bytes)
        return automaton

    def close(self) -> None:
        """End the threads; what was not begun is not compiled."""
        self._pool.shutdown(cancel_futures=True)
        if self._kept is not None:
            folder.prune(self._kept)


def check_size(sizes: Iterable[int], most: int) -> None:
    """Raises RuleError where automata of these sizes take more than `most` bytes together."""
    if sum(sizes) > most:
        raise RuleError(f"the rules together compile to more than {most} bytes (dlp.max_compiled_bytes)")


def _compile(expressions: Sequence[Expression]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[source.encode() for _, source, _ in expressions],
        ids=[number for number, _, _ in expressions],
        flags=[flags for _, _, flags in expressions],
    )
    return database


def name_of(expressions: Sequence[Expression]) -> str:
    """The name under which the automaton of these expressions is kept."""
    return folder.name_of("automaton", *folder.machine(), *expressions)


def _load(kept: Path, name: str) -> hyperscan.Database | None:
    data = folder.read(kept, name)
    if data is None:
        return None
    try:
        database = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.HyperscanError:  # compiled by another version, or for another processor
        return None
    return database
