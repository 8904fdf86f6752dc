"""The provider that speaks HTTP: one request in the target's dialect, an answer as events, every failure by its name."""

import logging
from collections.abc import Mapping, Sequence
from types import TracebackType

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event
from sluicegate.core.provider import Request, SecretUnavailable, Target
from sluicegate.providers import refusal
from sluicegate.providers.auth import Signer, signer
from sluicegate.providers.connection import Connection, StaleConnectionError, State
from sluicegate.providers.eventstream import EVENT_STREAM, EventStreamParser
from sluicegate.providers.pool import Pool
from sluicegate.providers.sse import SseParser
from sluicegate.providers.way import ANTHROPIC_VERSION, Compiled, Way, sendable
from sluicegate.settings import Upstream

ANSWER_HEADERS: Mapping[bytes, str] = {
    b"x-request-id": "x-upstream-request-id",
    b"request-id": "x-upstream-request-id",
    b"openai-processing-ms": "openai-processing-ms",
    b"openai-version": "openai-version",
}
"""The provider's headers that may reach the client, and as what; `x-request-id` and `request-id` are the gateway's own. The
provider's rate limits are not among them: they are the installation's, not the caller's. Cookies, CORS and the server's name
never pass."""

log = logging.getLogger(__name__)
_ANSWER_HEADERS = tuple(ANSWER_HEADERS.items())

_BODY, _DONE = State.BODY, State.DONE
_MAX_COMPILED = 4_096


class HttpProvider:
    """Carries requests over one shared pool."""

    def __init__(self, bounds: Upstream, pool: Pool) -> None:
        self.bounds = bounds
        self.pool = pool
        self._compiled: dict[str, Compiled] = {}
        self._signers: dict[object, Signer] = {}

    def send(self, target: Target, request: Request) -> "HttpCall":
        """One call; see core.provider.Provider."""
        return HttpCall(self, target, request)

    def compiled(self, target: Target) -> Compiled:
        """What calls to `target` share. Raises UpstreamError where its configuration cannot be used."""
        found = self._compiled.get(target.deployment)
        if found is None or found.target is not target:
            try:
                found = Compiled(target)
                if found.signed:
                    self.signer(target)
            except ValueError as error:
                raise UpstreamError(
                    Reason.UPSTREAM_UNREACHABLE, f"The deployment's configuration cannot be used: {error}."
                ) from None
            if len(self._compiled) >= _MAX_COMPILED:
                self._compiled.clear()
            self._compiled[target.deployment] = found
        return found

    def signer(self, target: Target) -> Signer:
        """What makes the credential of calls to `target`, shared by all that show the same. Raises ValueError."""
        reference = None if target.credential is None else target.credential.reference
        key = (target.auth, reference, target.region)
        found = self._signers.get(key)
        if found is None:
            if len(self._signers) >= _MAX_COMPILED:
                self._signers.clear()
            found = self._signers[key] = signer(target, self.pool, self.bounds.token_timeout)
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
        "_size",
        "_target",
        "_way",
        "headers",
        "status",
    )

    def __init__(self, provider: HttpProvider, target: Target, request: Request) -> None:
        self._provider = provider
        self._target = target
        self._request = request
        self._way: Way
        self._kind = ""
        """The answer's content type, where it is no JSON and no events."""
        self._connection: Connection | None = None
        self._parser: SseParser | EventStreamParser | None = None
        self._over = False
        self._size = 0
        """Bytes of such a body that have left."""
        self._secret = ""
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> "HttpCall":
        compiled = self._provider.compiled(self._target)
        self._way = way = compiled.ways[self._request.dialect]
        head = await self._signed(way) if compiled.signed and self._request.own is None else self._head(way)
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
        if parser is None and self._way.in_pieces and self._kind:
            return await self._piece(connection)
        if parser is None:
            self._over = True
            bound = self._provider.bounds.max_answer_bytes
            first = connection.take()
            over = connection.state is _DONE and len(first) <= bound
            body = first if over else await _whole(connection, bound, first)
            if body is None:
                raise _too_long()
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

    async def _piece(self, connection: Connection) -> Sequence[Event]:
        """What has arrived of a body that leaves as it comes; the last piece may be empty."""
        data = await connection.read()
        self._size += len(data)
        if self._size > self._provider.bounds.max_answer_bytes:
            raise _too_long()
        self._over = connection.state is _DONE and not connection.pieces
        return (Event(data, b"", framed=False, kind=self._kind, last=self._over),)

    async def _again(self, connection: Connection, head: bytes) -> None:
        """The second and last try, after a kept connection turned out to be closed."""
        connection.begin(head, self._request.body)
        try:
            await connection.head()
        except StaleConnectionError:
            raise UpstreamError(Reason.UPSTREAM_RESET, "The provider closed the connection before it answered.") from None

    def _head(self, way: Way) -> bytes:
        request, credential = self._request, self._target.credential
        try:
            if request.own is not None:
                return self._whole_head(way.own(request, request.own), True)
            head = way.head(request)
        except ValueError as error:
            raise _impossible(error) from None
        if credential is not None:
            try:
                self._secret = secret = credential.reveal()
            except SecretUnavailable:
                raise refusal.unauthorised() from None
            head = f"{head}{secret}"
        return self._whole_head(head, way.versioned)

    async def _signed(self, way: Way) -> bytes:
        """The head with a token, or a signature of this very request."""
        request = self._request
        try:
            head, path = way.head(request), way.path(request)
        except ValueError as error:
            raise _impossible(error) from None
        try:
            shown = await self._provider.signer(self._target).shown(request.method, way.authority, path, request.body)
        except SecretUnavailable as error:
            log.error("a provider's credential could not be made: %s", error, extra={"provider": self._target.provider})
            raise refusal.unauthorised() from None
        self._secret = shown["Authorization"].rpartition(" ")[2]
        head = "\r\n".join((head, *(f"{name}: {value}" for name, value in shown.items())))
        return self._whole_head(head, way.versioned)

    def _whole_head(self, head: str, versioned: bool) -> bytes:
        request = self._request
        extra = request.headers
        for name, value in extra.items():
            if sendable(value):
                head = f"{head}\r\n{name}: {value}"
        if not versioned and "anthropic-version" not in extra:
            head = f"{head}\r\nanthropic-version: {ANTHROPIC_VERSION}"
        return f"{head}\r\nContent-Length: {len(request.body)}\r\n\r\n".encode("latin-1")

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
        if status >= 400 and (status not in (401, 403, 407) or self._request.own is not None):
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
        elif stream and kind == EVENT_STREAM:
            self._parser = EventStreamParser(bounds.max_event_bytes, bounds.max_answer_bytes, bounds.max_events)
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


def _impossible(error: ValueError) -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_UNREACHABLE, f"The call cannot be made: {error}.")


def _too_long() -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_INVALID, "The provider's answer is longer than allowed.")


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
