"""How a process learns that another one on the same machine changed keys, use cases or deployments.

Whoever commits such a change writes eight random bytes to the beginning of one file afterwards; whoever holds compiled state
looks at them before using it. The file is mapped into memory (mmap(2), MAP_SHARED), where a write by any process of the
machine is seen at once. Asking is therefore no system call: one would let go of the interpreter's lock, and a thread that
waits for it would run before the request does. A file that was removed or replaced meanwhile is noticed within a second. One
that is cut short under a running gateway ends it (SIGBUS), as SQLite's `-shm` beside it would.
"""

import mmap
import os
from pathlib import Path
from time import monotonic

FILE = "control.changed"
"""The file's name in `data_dir`."""
CHECK_SECONDS = 1.0
"""How long the open file is taken to be the one at its path."""
SIZE = 8
"""Bytes of a mark: so many that two of them are never the same."""


class ControlChanges:
    """The file at `path` as this process last saw it; made where it is missing. Raises OSError where it cannot be."""

    __slots__ = ("_checked", "_descriptor", "_map", "_path", "_seen")

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._descriptor, self._map = _opened(path)
        self._seen = self._map[:SIZE]
        self._checked = monotonic()

    def moved(self) -> bool:
        """Whether the file changed since the last call; an own `touch` is no exception.

        Raises OSError while the file is gone and cannot be made again, ValueError once closed.
        """
        now = monotonic()
        if now - self._checked > CHECK_SECONDS:
            replaced = self._replaced()
            self._checked = now
            if replaced:
                return True
        mark = self._map[:SIZE]
        if mark == self._seen:
            return False
        self._seen = mark
        return True

    def touch(self) -> None:
        """Tell everyone; call it after the commit."""
        self._replaced()
        os.pwrite(self._descriptor, os.urandom(SIZE), 0)

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1  # the number may be another file's by then
        if descriptor >= 0:
            self._map.close()
            os.close(descriptor)

    def _replaced(self) -> bool:
        """Whether another file, or none, stands at the path; it is the one that is watched from now on."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            found = None
        mine = os.fstat(self._descriptor)
        if found is not None and (found.st_ino, found.st_dev) == (mine.st_ino, mine.st_dev):
            return False
        opened = _opened(self._path)  # before the other one is let go of, so that failing changes nothing
        self.close()
        self._descriptor, self._map = opened
        self._seen = self._map[:SIZE]
        return True


def _opened(path: Path) -> tuple[int, mmap.mmap]:
    """The file at `path`, open and mapped."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size < SIZE:
            os.truncate(descriptor, SIZE)  # only ever longer: what another process has written meanwhile stays
        return descriptor, mmap.mmap(descriptor, SIZE, prot=mmap.PROT_READ)
    except BaseException:
        os.close(descriptor)
        raise
