"""Administrators' passwords: argon2id (RFC 9106), one at a time and away from the event loop.

Strength: 46 MiB, one pass, one lane (OWASP's equal of 19 MiB with two passes). One password is worked on at a time, so that
logins cannot take more memory than one hash needs; how many may wait is bounded by the throttle in front for each user and
address, and by `server.max_connections` in all.
"""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MAX_BYTES = 1_024
"""The longest password, in bytes of UTF-8; a longer one is wrong without being hashed."""
GENERATED_BYTES = 18


def generate() -> str:
    """A password of 144 random bits, 24 characters of URL-safe base64."""
    return secrets.token_urlsafe(GENERATED_BYTES)


class Passwords:
    """Hashes and verifies passwords."""

    def __init__(self, memory_kib: int = 47_104) -> None:
        """`memory_kib` is what one hash takes; tests take less."""
        self._hasher = PasswordHasher(time_cost=1, memory_cost=memory_kib, parallelism=1)
        self._one_at_a_time = asyncio.Lock()
        self._nobody = ""

    def hash(self, password: str) -> str:
        """The text to store. Takes tens of milliseconds: never on the event loop. Raises ValueError over MAX_BYTES."""
        secret = _encode(password)
        if len(secret) > MAX_BYTES:
            raise ValueError(f"a password is at most {MAX_BYTES} bytes")
        return self._hasher.hash(secret)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one `stored` was made from; for an unknown user (None) False after the same work."""
        secret = _encode(password)
        if len(secret) > MAX_BYTES:
            return False
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._verify, stored, secret)

    def _verify(self, stored: str | None, secret: bytes) -> bool:
        if not self._nobody:
            self._nobody = self._hasher.hash(secrets.token_bytes(32))
        try:
            self._hasher.verify(self._nobody if stored is None else stored, secret)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


def _encode(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
