"""The provider that speaks HTTP: one request in the target's dialect, an answer as events, every failure by its name."""

from collections.abc import Mapping, Sequence
from types import TracebackType

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event
from sluicegate.core.provider import JSON, Request, SecretUnavailable, Target
from sluicegate.providers import address, refusal
from sluicegate.providers.connection import Connection, StaleConnectionError, State
from sluicegate.providers.pool import Pool
from sluicegate.providers.sse import SseParser
from sluicegate.settings import Upstream

BEARER = ("Authorization", "Bearer ")
CREDENTIAL_HEADER = {
    DialectName.ANTHROPIC_MESSAGES: ("x-api-key", ""),
    DialectName.ANTHROPIC_COUNT_TOKENS: ("x-api-key", ""),
    DialectName.GEMINI: ("x-goog-api-key", ""),
    DialectName.GEMINI_COUNT_TOKENS: ("x-goog-api-key", ""),
    DialectName.GEMINI_EMBED: ("x-goog-api-key", ""),
}
"""Per dialect: the header that carries the credential, and what stands before it; where none is named, BEARER."""

CLIENT_HEADERS = frozenset({"anthropic-beta", "anthropic-version", "traceparent", "tracestate", "x-sluicegate-exchange"})
"""The headers of `send` that travel on; no other does. The last is the gateway's own."""

VERSIONED = frozenset((DialectName.ANTHROPIC_MESSAGES, DialectName.ANTHROPIC_COUNT_TOKENS))
ANTHROPIC_VERSION = "2023-06-01"
"""Sent in those dialects when neither the client nor the target names a version."""

ANSWER_KINDS: Mapping[DialectName, tuple[str, ...]] = {
    DialectName.OPENAI_SPEECH: ("audio/", "application/octet-stream"),
    DialectName.OPENAI_TRANSCRIPTIONS: ("text/plain", "text/vtt", "application/x-subrip", "text/srt"),
}
"""Per dialect: the content types that an answer may have beside JSON; with a slash at its end, all that begin so."""

ANSWER_HEADERS: Mapping[bytes, str] = {
    b"x-request-id": "x-upstream-request-id",
    b"request-id": "x-upstream-request-id",
    b"openai-processing-ms": "openai-processing-ms",
    b"openai-version": "openai-version",
}
"""The provider's headers that may reach the client, and as what; `x-request-id` and `request-id` are the gateway's own. The
provider's rate limits are not among them: they are the installation's, not the caller's. Cookies, CORS and the server's name
never pass."""

_ANSWER_HEADERS = tuple(ANSWER_HEADERS.items())

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

_BODY, _DONE = State.BODY, State.DONE
_MAX_HEADER = 4_096
_MAX_COMPILED = 4_096


class _Way:
    """What every call to one target in one dialect shares."""

    __slots__ = ("kinds", "paths", "rest", "simple", "versioned")

    def __init__(self, base: address.Address, target: Target, dialect: DialectName) -> None:
        self.paths = (address.path(base, dialect), address.path(base, dialect, stream=True))
        """For an answer that comes whole, and for one in events."""
        self.kinds = ANSWER_KINDS.get(dialect, ())
        self.versioned = dialect not in VERSIONED or "anthropic-version" in {name.lower() for name in target.headers}
        """Whether no `anthropic-version` must be added."""
        accept = ", ".join((JSON, *(f"{kind}*" if kind.endswith("/") else kind for kind in self.kinds)))
        lines = [f"Host: {base.authority}", f"Accept: {accept}", "Accept-Encoding: identity", "User-Agent: sluicegate"]
        for name, value in target.headers.items():
            check_header(name, value)
            lines.append(f"{name}: {value}")
        if target.credential is not None:
            name, before = CREDENTIAL_HEADER.get(dialect, BEARER)
            lines.append(f"{name}: {before}")
        self.rest = "\r\n".join(lines)
        """Behind what differs between calls, up to the credential, or to the end of a line."""
        plain = [f"POST {path} HTTP/1.1\r\nContent-Type: {JSON}\r\n{self.rest}" for path in self.paths]
        self.simple = None if any(address.MODEL in path for path in self.paths) else (plain[0], plain[1])
        """The whole head up to there, for a POST of JSON to an address that names no model."""

    def head(self, request: Request) -> str:
        """The head of such a call, up to the credential. Raises ValueError where the model's name is no part of a path."""
        if self.simple is not None and request.kind is JSON and request.method == "POST" and not request.tail:
            return self.simple[request.stream]
        path = self.paths[request.stream]
        if address.MODEL in path:
            path = path.replace(address.MODEL, address.segment(request.model))
        if request.tail:
            check_tail(request.tail)
            path = f"{path}{request.tail}"
        check_kind(request.kind)
        return f"{request.method} {path} HTTP/1.1\r\nContent-Type: {request.kind}\r\n{self.rest}"


class _Compiled:
    """What every call to one target shares; made again when the catalogue gives a new Target."""

    __slots__ = ("origin", "target", "ways")

    def __init__(self, target: Target) -> None:
        base = address.parse(target.base_url)
        self.target = target
        self.origin = base.origin
        self.ways = {dialect: _Way(base, target, dialect) for dialect in target.dialects}


def check_header(name: str, value: str) -> None:
    """Raises ValueError unless a target may send this header (RFC 9110, sections 5.1 and 5.5)."""
    if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
        raise ValueError("a header's name is a token")
    if name.lower() in RESERVED_HEADERS:
        raise ValueError(f"the header {name.lower()} is set by the gateway")
    if not _sendable(value):
        raise ValueError(f"the value of the header {name} is not printable ASCII of at most {_MAX_HEADER} characters")


def check_kind(kind: str) -> None:
    """Raises ValueError unless a body's content type may be sent."""
    if not kind or not _sendable(kind):
        raise ValueError("a content type is printable ASCII")


def check_tail(tail: str) -> None:
    """Raises ValueError unless this may stand behind a path."""
    if not _sendable(tail) or any(c in ' "#<>\\^`{|}' for c in tail) or "/.." in tail or "/./" in tail:
        raise ValueError("the rest of the path is plain ASCII without spaces")


def check(target: Target) -> None:
    """Raises ValueError, saying what is wrong, unless calls to `target` can be built."""
    _Compiled(target)


def _sendable(value: str) -> bool:
    return len(value) <= _MAX_HEADER and value.isascii() and (value.isprintable() or not value)


class HttpProvider:
    """Carries requests over one shared pool."""

    def __init__(self, bounds: Upstream, pool: Pool) -> None:
        self.bounds = bounds
        self.pool = pool
        self._compiled: dict[str, _Compiled] = {}

    def send(self, target: Target, request: Request) -> "HttpCall":
        """One call; see core.provider.Provider."""
        return HttpCall(self, target, request)

    def compiled(self, target: Target) -> _Compiled:
        """What calls to `target` share. Raises UpstreamError where its configuration cannot be used."""
        found = self._compiled.get(target.deployment)
        if found is None or found.target is not target:
            try:
                found = _Compiled(target)
            except ValueError as error:
                raise UpstreamError(
                    Reason.UPSTREAM_UNREACHABLE, f"The deployment's configuration cannot be used: {error}."
                ) from None
            if len(self._compiled) >= _MAX_COMPILED:
                self._compiled.clear()
            self._compiled[target.deployment] = found
        return found


class HttpCall:
    """One call and its answer, from entering to leaving the context."""

    __slots__ = (
        "_connection",
        "_kind",
        "_over",
        "_parser",
        "_provider",
        "_request",
        "_secret",
        "_target",
        "_way",
        "headers",
        "status",
    )

    def __init__(self, provider: HttpProvider, target: Target, request: Request) -> None:
        self._provider = provider
        self._target = target
        self._request = request
        self._way: _Way
        self._kind = ""
        """The answer's content type, where it is whole and no JSON."""
        self._connection: Connection | None = None
        self._parser: SseParser | None = None
        self._over = False
        self._secret = ""
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> "HttpCall":
        compiled = self._provider.compiled(self._target)
        self._way = way = compiled.ways[self._request.dialect]
        head = self._head(way)
        pool = self._provider.pool
        connection = pool.take(compiled.origin) or await pool.open(compiled.origin)
        self._connection = connection
        entered = False
        try:
            connection.begin(head, self._request.body)
            try:
                await connection.head()
            except StaleConnectionError:
                pool.give_back(connection)
                self._connection = None
                self._connection = connection = await pool.open(compiled.origin)
                await self._again(connection, head)
            self.status = connection.status
            await self._judge(connection)
            entered = True
        finally:
            if not entered:
                self._close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._connection
        if connection is None:
            return
        if connection.state is _DONE:
            self._connection = None
            self._provider.pool.give_back(connection)
        elif kind is None and self._parser is not None and self._parser.clean:
            self._connection = None
            self._provider.pool.drain(connection)
        else:
            self._close()

    async def read(self) -> Sequence[Event]:
        """See core.provider.Answer."""
        connection, parser = self._connection, self._parser
        if connection is None or self._over:
            return ()
        if parser is None:
            self._over = True
            bound = self._provider.bounds.max_answer_bytes
            first = connection.take()
            over = connection.state is _DONE and len(first) <= bound
            body = first if over else await _whole(connection, bound, first)
            if body is None:
                raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider's answer is longer than allowed.")
            return (Event(body, b"" if self._kind else body, framed=False, kind=self._kind),)
        while True:
            if connection.pieces:
                if (data := connection.take()) and (events := parser.feed(data)):
                    return events
            elif connection.state is _BODY:
                await connection.arrival()
            else:
                connection.take()  # nothing: it raises where the answer broke off
                self._over = True
                return parser.finish()

    async def _again(self, connection: Connection, head: bytes) -> None:
        """The second and last try, after a kept connection turned out to be closed."""
        connection.begin(head, self._request.body)
        try:
            await connection.head()
        except StaleConnectionError:
            raise UpstreamError(Reason.UPSTREAM_RESET, "The provider closed the connection before it answered.") from None

    def _head(self, way: _Way) -> bytes:
        request, credential = self._request, self._target.credential
        try:
            head = way.head(request)
        except ValueError as error:
            raise UpstreamError(Reason.UPSTREAM_UNREACHABLE, f"The call cannot be made: {error}.") from None
        if credential is not None:
            try:
                self._secret = secret = credential.reveal()
            except SecretUnavailable:
                raise refusal.unauthorised() from None
            head = f"{head}{secret}"
        extra = request.headers
        for name, value in extra.items():
            if name in CLIENT_HEADERS and _sendable(value):
                head = f"{head}\r\n{name}: {value}"
        if not way.versioned and "anthropic-version" not in extra:
            head = f"{head}\r\nanthropic-version: {ANTHROPIC_VERSION}"
        return f"{head}\r\nContent-Length: {len(request.body)}\r\n\r\n".encode("ascii")

    async def _judge(self, connection: Connection) -> None:
        """Whether the head is that of an answer. Raises what core.provider.Provider.send says."""
        status, headers, bounds = connection.status, connection.headers, self._provider.bounds
        coding = headers.get(b"content-encoding")
        encoded = coding is not None and coding.strip().lower() not in (b"", b"identity")
        passing = {}
        for key, name in _ANSWER_HEADERS:
            if key in headers:
                passing[name] = _text(headers[key])
        self.headers = passing
        if status >= 400 and status not in (401, 403, 407):
            body = None if encoded else await _whole(connection, bounds.max_error_bytes)
            raise refusal.rejected(status, headers, body, self._secret, self.headers)
        if status != 200:
            raise refusal.unexpected(status)
        if encoded:
            raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider sent an encoded answer, which was not asked for.")
        kind = headers.get(b"content-type", b"")
        if kind != b"application/json":
            kind = kind.partition(b";")[0].strip().lower()
        stream = self._request.stream
        if stream and kind == b"text/event-stream":
            self._parser = SseParser(bounds.max_event_bytes, bounds.max_answer_bytes, bounds.max_events)
        elif kind != b"application/json":
            self._kind = text = _text(headers.get(b"content-type", b""))
            if stream or not any(_is_of(text.lower(), allowed) for allowed in self._way.kinds):
                raise UpstreamError(
                    Reason.UPSTREAM_INVALID, "The provider's answer is of a content type that was not asked for."
                )
        elif stream:
            body = await _whole(connection, bounds.max_error_bytes)
            raise refusal.unstreamed(body, self._secret, self.headers)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.state is _DONE:
            self._provider.pool.give_back(connection)
        else:
            self._provider.pool.discard(connection)


def _is_of(kind: str, allowed: str) -> bool:
    """Whether a content type, in lower case and with its parameters, is what ANSWER_KINDS allows."""
    return kind.startswith(allowed) if allowed.endswith("/") else kind.partition(";")[0].strip() == allowed


async def _whole(connection: Connection, bound: int, taken: bytes = b"") -> bytes | None:
    """The whole body, of which `taken` came first; None if it is longer than `bound` bytes.

    Raises UpstreamError, UpstreamTimeout.
    """
    pieces, size = [taken], len(taken)
    while size <= bound and (piece := await connection.read()):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces) if size <= bound else None


def _text(value: bytes) -> str:
    """A header's value as it may reach a client: printable ASCII, 256 characters at most."""
    text = value[:256].decode("ascii", "ignore")
    return text if text.isprintable() else "".join(c for c in text if c.isprintable())
