"""Base64 as it stands in requests: either alphabet (RFC 4648), with or without padding and line ends."""

from binascii import a2b_base64

_ALPHABETS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-\r\n"
_USUAL = bytes.maketrans(b"-_", b"+/")


def is_base64(text: str) -> bool:
    """Whether `text` holds nothing but the alphabets of base64, padding and line ends."""
    return text.isascii() and not text.encode().translate(None, _ALPHABETS)


def decoded(text: str) -> bytes | None:
    """The bytes of what `is_base64`; None where decoders would differ about what it says."""
    body = text.encode().translate(_USUAL, b"\r\n").rstrip(b"=")
    if b"=" in body or len(body) % 4 == 1:
        return None
    return a2b_base64(body + b"=" * (-len(body) % 4))
