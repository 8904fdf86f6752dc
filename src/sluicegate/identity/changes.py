"""How a process learns that another one on the same machine changed keys, use cases or deployments.

Whoever commits such a change appends one byte to one file afterwards; whoever holds compiled state asks for the file's
length before using it. The file stays open, so asking is one `lseek` (a quarter of a microsecond, where a `stat` takes two);
a file that was removed or replaced meanwhile is noticed within a second.
"""

import os
from pathlib import Path
from time import monotonic

FILE = "control.changed"
"""The file's name in `data_dir`."""
CHECK_SECONDS = 1.0
"""How long the open file is taken to be the one at its path."""


class ControlChanges:
    """The file at `path` as this process last saw it; made where it is missing. Raises OSError where it cannot be."""

    __slots__ = ("_checked", "_descriptor", "_path", "_size")

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._descriptor = self._open()
        self._size = os.lseek(self._descriptor, 0, os.SEEK_END)
        self._checked = monotonic()

    def moved(self) -> bool:
        """Whether the file changed since the last call; an own `touch` is no exception."""
        now = monotonic()
        if now - self._checked > CHECK_SECONDS:
            self._checked = now
            if self._replaced():
                return True
        size = os.lseek(self._descriptor, 0, os.SEEK_END)
        if size == self._size:
            return False
        self._size = size
        return True

    def touch(self) -> None:
        """Tell everyone; call it after the commit."""
        self._replaced()
        os.write(self._descriptor, b".")

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1  # the number may be another file's by then
        if descriptor >= 0:
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
        os.close(self._descriptor)
        self._descriptor = self._open()
        self._size = os.lseek(self._descriptor, 0, os.SEEK_END)
        return True

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
