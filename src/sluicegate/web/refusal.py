"""What the server refuses before an application is asked, and how it says so."""

from functools import lru_cache
from http import HTTPStatus

from sluicegate.web.surface import BY_KEY
from sluicegate.web.target import split_target

METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})

_BY_KEY = BY_KEY.encode("ascii")


class Refused(Exception):
    """`status` and one line of text for the client. Raised in the parser's callbacks it stops the parser."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    def answer(self, default_head: bytes) -> bytes:
        """The whole answer; `default_head` holds header lines."""
        text = self.text.encode("ascii") + b"\n"
        head = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\nconnection: close\r\n"
        head += f"content-type: text/plain; charset=utf-8\r\ncontent-length: {len(text)}\r\n"
        if self.status == HTTPStatus.UPGRADE_REQUIRED:  # RFC 9110, section 15.5.22: it says to what
            head += "upgrade: HTTP/1.1\r\n"
        return b"%b%b\r\n%b" % (head.encode("ascii"), default_head, text)


def check_head(
    method: bytes, version: str, url: bytes, hosted: bool, chunked: bool, upgrade: bool
) -> tuple[str, bytes, bytes]:
    """The decoded path, the path as sent and the query; raises Refused for a head that is well-formed and yet not served.

    `hosted` says whether there was a Host header. What is served is remembered, since clients ask for few things; not what
    may hold a virtual key, in its path or query.
    """
    check = _check_head if url.startswith(_BY_KEY) or b"key=" in url else _remembered
    return check(method, version, url, hosted, chunked, upgrade)


def _check_head(
    method: bytes, version: str, url: bytes, hosted: bool, chunked: bool, upgrade: bool
) -> tuple[str, bytes, bytes]:
    if version not in ("1.1", "1.0"):
        raise Refused(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    if upgrade:
        # clients that would rather speak WebSocket understand 426, and ask again without
        raise Refused(400 if method == b"CONNECT" else 426, "Upgrades and tunnels are not supported.")
    if method not in METHODS:
        raise Refused(405, "This method is not supported.")
    if not hosted and version == "1.1":
        raise Refused(400, "The Host header is missing.")
    if chunked and version == "1.0":
        raise Refused(400, "HTTP/1.0 has no transfer encodings.")
    target = split_target(url)
    if target is None:
        raise Refused(400, "The request target is malformed or ambiguous.")
    return target


_remembered = lru_cache(maxsize=256)(_check_head)
