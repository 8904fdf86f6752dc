"""What leaves for the client: the head of an answer, its events, and every error in the client's own dialect."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from sluicegate.core.decision import Verdict
from sluicegate.core.errors import GatewayError
from sluicegate.core.event import Event
from sluicegate.core.exchange import Exchange

ALLOW = Verdict.ALLOW
JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
NO_SNIFF = (b"x-content-type-options", b"nosniff")

_ALWAYS = "cache-control: no-store\r\nx-content-type-options: nosniff\r\n"
_ALWAYS_LINES = 2
_STREAM = "content-type: text/event-stream; charset=utf-8\r\nx-accel-buffering: no\r\n"
"""The second asks a reverse proxy in front not to gather events."""
_STREAM_LINES = 2
_WHOLE_LINES = 2


class Client(Protocol):
    """Where an answer goes: `web/cycle.py`, Cycle, says what these do."""

    def begin(self, status: int, head: bytes, lines: int, length: int | None, /) -> None:
        """Compose the head."""

    def write(self, body: bytes, last: bool, /) -> Awaitable[None] | None:
        """Send a piece of the body."""


class Reply:
    """The answer to one exchange. Status and headers leave with the first released event, and not before."""

    __slots__ = ("_client", "_exchange", "_opaque", "started")

    def __init__(self, exchange: Exchange, client: Client) -> None:
        self._exchange = exchange
        self._client = client
        self.started = False
        self._opaque = False
        """Whether what has begun to leave is no text."""

    async def events(self, events: Sequence[Event], last: bool) -> None:
        """Send `events` on; with `last` the answer is complete."""
        body = events[0].raw if len(events) == 1 else b"".join([event.raw for event in events])
        if not self.started:
            if not body and not last:
                return  # nothing that could be said of the rest
            self.started = True
            if last and events and not events[0].framed:
                self._begin(200, _whole(body, events[0].kind), _WHOLE_LINES, len(body))
            elif events[0].kind:
                self._opaque = True
                self._begin(200, f"content-type: {events[0].kind}\r\n", 1, None)
            elif self._exchange.framing is not None:
                self._begin(200, self._exchange.framing.head, 1, None)
            else:
                self._begin(200, _STREAM, _STREAM_LINES, None)
        waiting = self._client.write(body, last)
        if waiting is not None:
            await waiting

    async def failure(self, error: GatewayError) -> None:
        """End the answer with `error`: as a plain HTTP error before the first event, as an error event after it."""
        if self._opaque:
            return  # no error can stand in the rest of a sound: what is left unfinished here is cut off, and so is no answer
        exchange = self._exchange
        body = exchange.dialect.failure(error, exchange.id, streaming=self.started)
        if not self.started:
            self.started = True
            asked = exchange.response_headers
            headers = [f"{name}: {value}\r\n" for name, value in error.headers.items() if name not in asked]
            more = "".join(headers)
            own = f"{_whole(body)}{more}x-sluicegate-reason: {error.reason.value}\r\n"
            self._begin(error.status, own, _WHOLE_LINES + len(headers) + 1, len(body))
        waiting = self._client.write(body, True)
        if waiting is not None:
            await waiting

    def _begin(self, status: int, own: str, lines: int, length: int | None) -> None:
        """What every answer says: which exchange it was, which policy version decided, and what was done; then `own`."""
        exchange = self._exchange
        id = exchange.id
        lines += 3 + _ALWAYS_LINES
        head = f"x-sluicegate-exchange: {id}\r\nx-request-id: {id}\r\nrequest-id: {id}\r\n{_ALWAYS}"
        if exchange.policy_version:
            head += f"x-sluicegate-policy: {exchange.policy_version}\r\n"
            lines += 1
        done = ""
        for stage, decision in exchange.decisions:
            if decision.verdict is not ALLOW:
                done += f", {stage}={decision.reason}"
        if done:
            head += f"x-sluicegate-decisions: {done[2:]}\r\n"
            lines += 1
        asked = exchange.response_headers
        for name, value in asked.items():
            head += f"{name}: {value}\r\n"
        head += own
        self._client.begin(status, head.encode("latin-1", "replace"), lines + len(asked), length)


def _whole(body: bytes, kind: str = "") -> str:
    """The headers of a body that leaves in one piece; it is JSON unless `kind` says otherwise."""
    return f"content-type: {kind or 'application/json'}\r\ncontent-length: {len(body)}\r\n"
