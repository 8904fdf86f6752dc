"""References to a secret, `file:/path` and `env:NAME`, read when a call needs them.

A file is read again when its modification time changes, so a rotated credential works without a restart.
"""

import logging
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic

from sluicegate.core.provider import Credential, SecretUnavailable

log = logging.getLogger(__name__)

MAX_SECRET_BYTES = 64 * 1024
"""Longer files are no credential."""

CHECK_SECONDS = 1.0
"""How long a file's secret is used before its modification time is looked at again."""


class FileCredential:
    """A secret in a file. Space around it is no part of it."""

    def __init__(self, path: str, clock: Callable[[], float] = monotonic) -> None:
        self.reference = f"file:{path}"
        self._path = Path(path)
        self._clock = clock
        self._checked = float("-inf")
        self._seen: tuple[int, int, int] | None = None
        self._secret = ""

    def reveal(self) -> str:
        """The secret. Raises SecretUnavailable, naming the reference."""
        now = self._clock()
        if now - self._checked < CHECK_SECONDS:
            return self._secret
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen != self._seen:
                self._warn_if_open(found.st_mode)
                self._secret = _clean(self._read(), self.reference)
                self._seen = seen
        except (OSError, UnicodeDecodeError) as error:
            raise SecretUnavailable(f"{self.reference} cannot be read ({type(error).__name__})") from None
        self._checked = now
        return self._secret

    def _read(self) -> str:
        with self._path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            raise SecretUnavailable(f"{self.reference} is too long for a secret")
        return raw.decode()

    def _warn_if_open(self, mode: int) -> None:
        if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
            log.warning("a secret's file is open to other users", extra={"reference": self.reference})

    def __repr__(self) -> str:
        return f"FileCredential({self.reference!r})"


class EnvCredential:
    """A secret in a variable of the environment the gateway was started with."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self.reference = f"env:{name}"
        self._name = name
        self._environ = environ

    def reveal(self) -> str:
        """The secret. Raises SecretUnavailable, naming the reference."""
        value = self._environ.get(self._name)
        if value is None:
            raise SecretUnavailable(f"{self.reference} is not set")
        return _clean(value, self.reference)

    def __repr__(self) -> str:
        return f"EnvCredential({self.reference!r})"


def credential(reference: str, environ: Mapping[str, str] = os.environ) -> Credential:
    """What `reference` names. Raises ValueError where it is neither `file:` nor `env:`."""
    scheme, _, rest = reference.partition(":")
    if scheme == "file" and rest:
        return FileCredential(rest)
    if scheme == "env" and rest:
        return EnvCredential(rest, environ)
    raise ValueError("a credential is a reference, `file:/path` or `env:NAME`")


def _clean(value: str, reference: str) -> str:
    """`value` without space around it; it goes into one header line, so it may hold visible ASCII only."""
    secret = value.strip()
    if not secret:
        raise SecretUnavailable(f"{reference} is empty")
    if not (secret.isascii() and secret.isprintable()):
        raise SecretUnavailable(f"{reference} holds characters that no header can carry")
    return secret
