"""What every call to one target in one dialect shares: its address and the head of its requests, compiled once."""

from collections.abc import Iterable, Mapping

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import JSON, AuthKind, Quirk, Request, Target
from sluicegate.providers import address

BEARER = ("Authorization", "Bearer ")
CREDENTIAL_HEADER = {
    DialectName.ANTHROPIC_MESSAGES: ("x-api-key", ""),
    DialectName.ANTHROPIC_COUNT_TOKENS: ("x-api-key", ""),
    DialectName.GEMINI: ("x-goog-api-key", ""),
    DialectName.GEMINI_COUNT_TOKENS: ("x-goog-api-key", ""),
    DialectName.GEMINI_EMBED: ("x-goog-api-key", ""),
    DialectName.GEMINI_BATCH_EMBED: ("x-goog-api-key", ""),
}
"""Per dialect: the header that carries the credential, and what stands before it; where none is named, BEARER."""

VERSIONED = frozenset((DialectName.ANTHROPIC_MESSAGES, DialectName.ANTHROPIC_COUNT_TOKENS))
ANTHROPIC_VERSION = "2023-06-01"
"""Sent in those dialects when neither the client nor the target names a version."""

ANSWER_KINDS: Mapping[DialectName, tuple[str, ...]] = {
    DialectName.BEDROCK_CONVERSE: ("application/vnd.amazon.eventstream",),
    DialectName.OPENAI_SPEECH: ("audio/", "application/octet-stream"),
    DialectName.OPENAI_TRANSCRIPTIONS: ("text/plain", "text/vtt", "application/x-subrip", "text/srt"),
}
"""Per dialect: the content types that an answer may have beside JSON; with a slash at its end, all that begin so."""

IN_PIECES = frozenset({DialectName.OPENAI_SPEECH})
"""Dialects whose answers of such a type leave as they come, because nothing in them can be read."""

RESERVED_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "content-type",
        "accept-encoding",
        "expect",
        "upgrade",
        "te",
    }
)
"""Headers that a target's configuration cannot set, because the request's framing depends on them."""

NOT_OWN = frozenset(
    {
        *RESERVED_HEADERS,
        "content-encoding",
        "forwarded",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "via",
        "x-real-ip",
    }
    - {"content-type"}
)
NOT_OWN_PREFIXES = ("x-sluicegate-", "x-forwarded-")
"""Headers that stay here where a client shows its own credential: those of one connection (RFC 9110, section 7.6.1), those
that proxies in front of the gateway add, and the gateway's own."""

_IN_BODY = frozenset((Quirk.ANTHROPIC_BEDROCK, Quirk.ANTHROPIC_VERTEX))
_MAX_HEADER = 4_096


class Way:
    """What every call to one target in one dialect shares."""

    __slots__ = ("authority", "in_pieces", "kinds", "paths", "plain", "rest", "versioned")

    def __init__(self, base: address.Address, target: Target, dialect: DialectName) -> None:
        auth, given = target.auth, {name.lower() for name in target.headers}
        self.authority = base.authority
        self.paths = tuple(_path(base, target, dialect, stream=stream) for stream in (False, True))
        """For an answer that comes whole, and for one in events; `{model}` stands for the model's name."""
        self.kinds = ANSWER_KINDS.get(dialect, ())
        self.in_pieces = dialect in IN_PIECES
        inside = not _IN_BODY.isdisjoint(target.quirks)
        self.versioned = dialect not in VERSIONED or inside or "anthropic-version" in given
        """Whether no `anthropic-version` must be added."""
        accept = ", ".join((JSON, *(f"{kind}*" if kind.endswith("/") else kind for kind in self.kinds)))
        lines = [f"Host: {base.authority}", f"Accept: {accept}", "Accept-Encoding: identity", "User-Agent: sluicegate"]
        for name, value in target.headers.items():
            check_header(name, value)
            lines.append(f"{name}: {value}")
        if target.credential is not None and (auth is None or auth.kind is AuthKind.HEADER):
            name, before = CREDENTIAL_HEADER.get(dialect, BEARER)
            if auth is not None and auth.header:
                name, before = auth.header, f"{auth.scheme} " if auth.scheme else ""
                check_header(name, before)
            lines.append(f"{name}: {before}")
        self.rest = "\r\n".join(lines)
        """Behind what differs between calls, up to the credential, or to the end of a line."""
        heads = [f"POST {path} HTTP/1.1\r\nContent-Type: {JSON}\r\n{self.rest}" for path in self.paths]
        self.plain = None if any(address.MODEL in path for path in self.paths) else (heads[0], heads[1])
        """The whole head up to there, for a POST of JSON to an address that names no model."""

    def head(self, request: Request) -> str:
        """The head of such a call, up to the credential. Raises ValueError where the model's name is no part of a path."""
        if self.plain is not None and request.kind is JSON and request.method == "POST" and not request.tail:
            return self.plain[request.stream]
        check_kind(request.kind)
        return f"{request.method} {self.path(request)} HTTP/1.1\r\nContent-Type: {request.kind}\r\n{self.rest}"

    def path(self, request: Request) -> str:
        """The path and query of a call. Raises ValueError where what they are made of would lead elsewhere."""
        path = self.paths[request.stream]
        if address.MODEL in path:
            path = path.replace(address.MODEL, address.segment(request.model))
        if not request.tail:
            return path
        check_tail(request.tail)
        path, _, query = path.partition("?")
        tail, _, more = request.tail.partition("?")
        query = "&".join(part for part in (query, more) if part)
        return f"{path}{tail}?{query}" if query else f"{path}{tail}"

    def own(self, request: Request, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The head of a call that a client makes with its own credential: its headers as they came, but for NOT_OWN.

        Raises ValueError as `path` does.
        """
        lines = [f"{request.method} {self.path(request)} HTTP/1.1", f"Host: {self.authority}", "Accept-Encoding: identity"]
        for raw, value in headers:
            name = raw.decode("latin-1")
            lower = name.lower()
            if lower not in NOT_OWN and not lower.startswith(NOT_OWN_PREFIXES):
                lines.append(f"{name}: {_unbroken(value)}")
        return "\r\n".join(lines)


class Compiled:
    """What every call to one target shares; made again when the catalogue gives a new Target."""

    __slots__ = ("origin", "signed", "target", "ways")

    def __init__(self, target: Target) -> None:
        """Raises ValueError where calls to `target` cannot be built."""
        base = address.parse(target.base_url)
        self.target = target
        self.origin = base.origin
        self.signed = target.auth is not None and target.auth.kind is not AuthKind.HEADER
        """Whether what shows who calls is made for each call."""
        self.ways = {dialect: Way(base, target, dialect) for dialect in target.dialects}


def _path(base: address.Address, target: Target, dialect: DialectName, *, stream: bool) -> str:
    """The target's own path for a dialect, else the usual one; with the target's query."""
    own = target.paths.get(dialect)
    usual = address.path(base, dialect, stream=stream)
    path = usual if own is None else f"{base.path}{(stream and own.stream) or own.whole}"
    if not target.query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{target.query}"


def check_header(name: str, value: str) -> None:
    """Raises ValueError unless a target may send this header (RFC 9110, sections 5.1 and 5.5)."""
    if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
        raise ValueError("a header's name is a token")
    if name.lower() in RESERVED_HEADERS:
        raise ValueError(f"the header {name.lower()} is set by the gateway")
    if not sendable(value):
        raise ValueError(f"the value of the header {name} is not printable ASCII of at most {_MAX_HEADER} characters")


def check_kind(kind: str) -> None:
    """Raises ValueError unless a body's content type may be sent."""
    if not kind or not sendable(kind):
        raise ValueError("a content type is printable ASCII")


def check_tail(tail: str) -> None:
    """Raises ValueError unless this may stand behind a path."""
    if not sendable(tail) or any(c in ' "#<>\\^`{|}' for c in tail) or "/.." in tail or "/./" in tail:
        raise ValueError("the rest of the path is plain ASCII without spaces")


def check(target: Target) -> None:
    """Raises ValueError, saying what is wrong, unless calls to `target` can be built."""
    Compiled(target)


def sendable(value: str) -> bool:
    """Whether a header may have this value: printable ASCII."""
    return len(value) <= _MAX_HEADER and value.isascii() and (value.isprintable() or not value)


def _unbroken(value: bytes) -> str:
    """A header's value as it came, as far as it is one line."""
    return value.translate(None, b"\r\n\0").decode("latin-1")
