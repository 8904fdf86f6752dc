"""Virtual keys and session tokens: how one reads, and how one is made.

A token is a prefix, 256 random bits as 43 base62 digits, and the CRC-32 of all that as 6 base62 digits, so that a secret
scanner can know one without asking anybody. For scanners: `sk-sg-[0-9A-Za-z]{49}` (virtual key, 55 characters) and
`sg-admin-[0-9A-Za-z]{49}` (administrator's session). What is stored is the SHA-256 of the whole text, never the text.
"""

import secrets
from binascii import crc32
from hashlib import sha256

PREFIX = "sk-sg-"
ADMIN_PREFIX = "sg-admin-"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_BITS = 256
RANDOM_DIGITS = 43
CHECK_DIGITS = 6
LENGTH = len(PREFIX) + RANDOM_DIGITS + CHECK_DIGITS


def mint() -> str:
    """A new virtual key; this is the only moment at which its text exists here."""
    return _mint(PREFIX)


def mint_session() -> str:
    """A new administrator's session token; refused for inference by its prefix."""
    return _mint(ADMIN_PREFIX)


def well_formed(text: str) -> bool:
    """Whether `text` is exactly a virtual key: length, prefix, alphabet and checksum; nothing is trimmed or folded."""
    return _well_formed(text, PREFIX)


def well_formed_session(text: str) -> bool:
    """Whether `text` is exactly a session token."""
    return _well_formed(text, ADMIN_PREFIX)


def digest(text: str) -> bytes:
    """The SHA-256 under which a key or token is stored; any text has one."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def hint(text: str) -> str:
    """The last four characters, by which people recognise a key. They tell at most 24 of its 256 bits."""
    return text[-4:]


def _mint(prefix: str) -> str:
    body = prefix + _base62(secrets.randbits(RANDOM_BITS), RANDOM_DIGITS)
    return body + _checksum(body)


def _well_formed(text: str, prefix: str) -> bool:
    if len(text) != len(prefix) + RANDOM_DIGITS + CHECK_DIGITS or not text.startswith(prefix):
        return False
    rest = text[len(prefix) :]
    return rest.isascii() and rest.isalnum() and _checksum(text[:-CHECK_DIGITS]) == text[-CHECK_DIGITS:]


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode("ascii")), CHECK_DIGITS)


def _base62(value: int, digits: int) -> str:
    """`value` in exactly `digits` digits, most significant first."""
    out = []
    for _ in range(digits):
        value, digit = divmod(value, 62)
        out.append(ALPHABET[digit])
    return "".join(reversed(out))
