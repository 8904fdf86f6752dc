"""A file in front of the database: what is appended to it is durable after one small write, and is filled in later.

One record for each append: a header (magic, generation, length, CRC-32) and the payload, filled up to whole sectors. The
file is as long as it will ever be and was written once, so that an append changes no metadata: the disk is asked for
exactly the record. When everything in it is in the database, the next append begins at the front again, in the next
generation; older generations no longer count, so emptying the file takes no write.

A record that was cut short was never acknowledged: it is the last one, and it is passed over. A broken record with a whole
one of its generation behind it is damage.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

SECTOR = 512
"""Records begin at multiples of this: a sector is written whole or not at all, so a header is never a mixture of two."""
MAGIC = b"\xff\xfeSGJ\r\n\x01"
"""Begins every record; the last byte is the format's version."""
_HEADER = Struct("<8sQII")
_SUMMED = Struct("<QI")
_PIECE = 1024 * 1024
_LOOKS = 3


class JournalDamaged(Exception):
    """A record in the middle of the journal does not hold, or is not there; the message names the file."""


class Found(NamedTuple):
    """What a journal holds."""

    payloads: list[bytes]
    """What was appended since it was last emptied; some or all may be in the database already."""
    generation: int
    """The one they are of; if there are none, the one to go on in."""


class _Record(NamedTuple):
    generation: int
    payload: bytes
    end: int


class Journal:
    """An open journal, held by this process alone."""

    def __init__(self, path: Path, descriptor: int, size: int, found: Found) -> None:
        """Use `open`."""
        self.path = path
        self.payloads = found.payloads
        """What it held when it was opened; it takes no more until `reset` says that this is durable elsewhere."""
        self._descriptor = descriptor
        self._size = size
        self._generation = found.generation
        self._at = size if found.payloads else 0
        """Where the next record goes; behind the end, there is no room until `reset`."""

    @classmethod
    def open(cls, path: Path, size: int) -> "Journal | None":
        """Lock the file at `path`, made `size` bytes long where it is shorter. None: another process holds it.

        Raises JournalDamaged, OSError.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DSYNC | os.O_CLOEXEC, 0o600)
        kept = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            length = os.fstat(descriptor).st_size
            found = find(path, _content(descriptor, length))
            _extend(path, descriptor, length, size)
            journal = cls(path, descriptor, size, found)
            kept = True
            return journal
        except BlockingIOError:
            return None
        finally:
            if not kept:
                os.close(descriptor)

    def append(self, payload: bytes) -> bool:
        """Make `payload` durable. False: there is no room until `reset`. Raises OSError; then there is no room either."""
        at, generation, length = self._at, self._generation, len(payload)
        used = _HEADER.size + length
        end = at + used + -used % SECTOR
        if end > self._size:
            return False
        self._at = self._size  # behind a record that was cut short no other of its generation may stand
        crc = crc32(payload, crc32(_SUMMED.pack(generation, length)))
        record = (_HEADER.pack(MAGIC, generation, length, crc) + payload).ljust(end - at, b"\0")
        if os.pwrite(self._descriptor, record, at) != end - at:
            raise OSError(errno.EIO, "a record was cut short", str(self.path))
        self._at = end
        return True

    def reset(self) -> None:
        """Everything that was appended is durable elsewhere."""
        if self._at:
            self._at = 0
            self._generation += 1

    def close(self) -> None:
        """Let go of the file, and say in it that it is empty if it is. A second time does nothing."""
        descriptor = self._descriptor
        if descriptor < 0:
            return
        if not self._at:
            with suppress(OSError):  # what it says otherwise is in the database, and is looked for there at the next start
                self.append(b"")
        self._descriptor, self._size = -1, 0
        os.close(descriptor)


def read(path: Path) -> list[bytes]:
    """What the journal at `path` holds, without locking it: nothing where there is none. Raises JournalDamaged, OSError.

    Beside the process that uses it, this may find what is being filled at the moment.
    """
    for _ in range(_LOOKS):
        with suppress(JournalDamaged):  # read while it was written to, if it is not there the next time
            return _payloads(path)
    return _payloads(path)


def _payloads(path: Path) -> list[bytes]:
    try:
        return find(path, path.read_bytes()).payloads
    except FileNotFoundError:
        return []


def find(path: Path, content: bytes) -> Found:
    """The newest generation's payloads in a journal's bytes. Raises JournalDamaged, which names `path`."""
    current = _generation(content, 0)
    payloads: list[bytes] = []
    at = 0
    while (record := _record(content, at)) is not None and record.generation == current:
        at = record.end
        if record.payload:
            payloads.append(record.payload)
    for place, record in _whole(content, at):
        if current is None or record.generation >= current:
            raise JournalDamaged(
                f"{path}: what should stand at byte {at} does not hold, but at byte {place} something follows it that "
                "may not be in the database yet. Put the right file back; if there is none, keep this one and move it away: "
                "entries of the last moment before the end may then be missing"
            )
    generation = 0 if current is None else current
    return Found(payloads, generation if payloads else generation + 1)


def _generation(content: bytes, at: int) -> int | None:
    """What the header at `at` says, whether its record holds or not; None where there is no header."""
    if len(content) - at < _HEADER.size or not content.startswith(MAGIC, at):
        return None
    return int(_HEADER.unpack_from(content, at)[1])


def _record(content: bytes, at: int) -> _Record | None:
    """The record at `at` if it holds."""
    if _generation(content, at) is None:
        return None
    _, generation, length, crc = _HEADER.unpack_from(content, at)
    begin = at + _HEADER.size
    payload = content[begin : begin + length]
    if len(payload) != length or crc32(payload, crc32(_SUMMED.pack(generation, length))) != crc:
        return None
    end = begin + length
    return _Record(generation, payload, end + -end % SECTOR)


def _whole(content: bytes, start: int) -> Iterator[tuple[int, _Record]]:
    """Every record from `start` on that holds, wherever it begins, and where that is."""
    at = content.find(MAGIC, start)
    while at >= 0:
        record = None if at % SECTOR else _record(content, at)
        if record is not None:
            yield at, record
        at = content.find(MAGIC, at + 1)


def _content(descriptor: int, length: int) -> bytes:
    parts: list[bytes] = []
    at = 0
    while at < length and (part := os.pread(descriptor, length - at, at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _extend(path: Path, descriptor: int, length: int, size: int) -> None:
    """Write zeros, not holes: only blocks that were written once need no metadata when they are written again."""
    if length >= size:
        return
    while length < size:
        length += os.pwrite(descriptor, bytes(min(_PIECE, size - length)), length)
    os.fsync(descriptor)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
