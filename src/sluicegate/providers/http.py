"""The provider that speaks HTTP: one request in the target's dialect, an answer as events, every failure by its name."""

from collections.abc import Mapping, Sequence
from types import TracebackType

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event
from sluicegate.core.provider import SecretUnavailable, Target
from sluicegate.providers import address, refusal
from sluicegate.providers.connection import Connection, StaleConnectionError, State
from sluicegate.providers.pool import Pool
from sluicegate.providers.sse import SseParser
from sluicegate.settings import Upstream

CREDENTIAL_HEADER = {
    DialectName.OPENAI_CHAT: ("Authorization", "Bearer "),
    DialectName.ANTHROPIC_MESSAGES: ("x-api-key", ""),
}
"""Per dialect: the header that carries the credential, and what stands before it."""

CLIENT_HEADERS = frozenset({"anthropic-beta", "anthropic-version", "traceparent", "tracestate", "x-sluicegate-exchange"})
"""The headers of `send` that travel on; no other does. The last is the gateway's own."""

ANTHROPIC_VERSION = "2023-06-01"
"""Sent to Anthropic targets when neither the client nor the target names a version."""

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


class _Compiled:
    """What every call to one target shares; made again when the catalogue gives a new Target."""

    __slots__ = ("head", "origin", "target", "versioned")

    def __init__(self, target: Target) -> None:
        parsed = address.parse(target.base_url)
        lines = [
            f"POST {address.path(parsed, target.dialect)} HTTP/1.1",
            f"Host: {parsed.authority}",
            "Content-Type: application/json",
            "Accept: application/json",
            "Accept-Encoding: identity",
            "User-Agent: sluicegate",
        ]
        for name, value in target.headers.items():
            check_header(name, value)
            lines.append(f"{name}: {value}")
        self.target = target
        self.origin = parsed.origin
        self.versioned = target.dialect is not DialectName.ANTHROPIC_MESSAGES or "anthropic-version" in {
            name.lower() for name in target.headers
        }
        """Whether no `anthropic-version` must be added."""
        self.head = "".join(f"{line}\r\n" for line in lines)
        """Up to the credential, if there is one: the rest differs from call to call."""
        if target.credential is not None:
            name, before = CREDENTIAL_HEADER[target.dialect]
            self.head += f"{name}: {before}"


def check_header(name: str, value: str) -> None:
    """Raises ValueError unless a target may send this header (RFC 9110, sections 5.1 and 5.5)."""
    if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
        raise ValueError("a header's name is a token")
    if name.lower() in RESERVED_HEADERS:
        raise ValueError(f"the header {name.lower()} is set by the gateway")
    if not _sendable(value):
        raise ValueError(f"the value of the header {name} is not printable ASCII of at most {_MAX_HEADER} characters")


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

    def send(self, target: Target, document: bytes, *, stream: bool, headers: Mapping[str, str]) -> "HttpCall":
        """One call; see core.provider.Provider."""
        return HttpCall(self, target, document, stream, headers)

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
        "_document",
        "_extra",
        "_over",
        "_parser",
        "_provider",
        "_secret",
        "_stream",
        "_target",
        "headers",
        "status",
    )

    def __init__(
        self, provider: HttpProvider, target: Target, document: bytes, stream: bool, headers: Mapping[str, str]
    ) -> None:
        self._provider = provider
        self._target = target
        self._document = document
        self._stream = stream
        self._extra = headers
        self._connection: Connection | None = None
        self._parser: SseParser | None = None
        self._over = False
        self._secret = ""
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> "HttpCall":
        compiled = self._provider.compiled(self._target)
        head = self._head(compiled)
        pool = self._provider.pool
        connection = pool.take(compiled.origin) or await pool.open(compiled.origin)
        self._connection = connection
        entered = False
        try:
            connection.begin(head, self._document)
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
            return (Event(body, body, framed=False),)
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
        connection.begin(head, self._document)
        try:
            await connection.head()
        except StaleConnectionError:
            raise UpstreamError(Reason.UPSTREAM_RESET, "The provider closed the connection before it answered.") from None

    def _head(self, compiled: _Compiled) -> bytes:
        credential, extra, head = self._target.credential, self._extra, compiled.head
        if credential is not None:
            try:
                self._secret = secret = credential.reveal()
            except SecretUnavailable:
                raise refusal.unauthorised() from None
            head = f"{head}{secret}\r\n"
        for name, value in extra.items():
            if name in CLIENT_HEADERS and _sendable(value):
                head = f"{head}{name}: {value}\r\n"
        if not compiled.versioned and "anthropic-version" not in extra:
            head = f"{head}anthropic-version: {ANTHROPIC_VERSION}\r\n"
        return f"{head}Content-Length: {len(self._document)}\r\n\r\n".encode("ascii")

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
        if self._stream and kind == b"text/event-stream":
            self._parser = SseParser(bounds.max_event_bytes, bounds.max_answer_bytes, bounds.max_events)
        elif kind != b"application/json":
            raise UpstreamError(
                Reason.UPSTREAM_INVALID, "The provider's answer is of a content type that was not asked for."
            )
        elif self._stream:
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
