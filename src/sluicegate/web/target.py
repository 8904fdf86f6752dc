"""The request target and the Host header: one strict reading of each, so that routing and authorising see the same name.

Only origin form (RFC 9112 section 3.2.1) is served. A path that could be read in two ways is refused, never repaired: empty
and dot segments, encoded slashes and percent signs, backslashes, path parameters, control characters, anything but UTF-8.
The one exception is a slash within the name of a model (`/v1/models/meta%2Fllama`), which SDKs encode: there it means the
same either way.
"""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

_PLAIN = re.compile(rb"/(?:[A-Za-z0-9._~!$&'()*+,=:@-]+/)*[A-Za-z0-9._~!$&'()*+,=:@-]*")
_ENCODED = re.compile(rb"/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|/|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(rb"[\x21\x22\x24-\x7e]*")
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_AMBIGUOUS = frozenset("/\\%;")
_MODELS = "models"


def split_target(target: bytes) -> tuple[str, bytes, bytes] | None:
    """The decoded path, the path as sent and the query of `target`; None where it must be refused."""
    raw, _, query = target.partition(b"?")
    if _QUERY.fullmatch(query) is None:
        return None
    if _PLAIN.fullmatch(raw) is not None:
        path = raw.decode("ascii")
    else:
        decoded = _decode(raw)
        if decoded is None:
            return None
        path = decoded
    if "/." in path and any(segment in (".", "..") for segment in path.split("/")):
        return None
    return path, raw, query


def _decode(raw: bytes) -> str | None:
    """`raw` with its percent-encoding taken off, segment by segment, so that no segment can turn into two."""
    if _ENCODED.fullmatch(raw) is None:
        return None
    segments: list[str] = []
    for encoded in raw.split(b"/"):
        try:
            segment = unquote_to_bytes(encoded).decode("utf-8")
        except UnicodeDecodeError:
            return None
        if not segment.isprintable():
            return None
        parts = segment.split("/") if segments and segments[-1] == _MODELS else [segment]
        if not all(map(_AMBIGUOUS.isdisjoint, parts)) or (len(parts) > 1 and not all(parts)):
            return None
        segments += parts
    if not all(segments[1:-1]):
        return None
    return "/".join(segments)


@lru_cache(maxsize=256)
def good_host(host: bytes) -> bool:
    """Whether `host` is a host name or address with at most a port."""
    return _HOST.fullmatch(host) is not None
