"""What leaves for the client: the head of an answer, its events, and every error in the client's own dialect."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sluicegate.core.decision import Verdict
from sluicegate.core.errors import GatewayError
from sluicegate.core.event import Event
from sluicegate.core.exchange import Exchange

AsgiSend = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

ALLOW = Verdict.ALLOW
JSON = (b"content-type", b"application/json")
SSE = (b"content-type", b"text/event-stream; charset=utf-8")
NO_STORE = (b"cache-control", b"no-store")
NO_SNIFF = (b"x-content-type-options", b"nosniff")
NO_BUFFER = (b"x-accel-buffering", b"no")
"""Asks a reverse proxy in front not to gather events."""


class Reply:
    """The answer to one exchange. Status and headers leave with the first released event, and not before."""

    __slots__ = ("_exchange", "_send", "started")

    def __init__(self, exchange: Exchange, send: AsgiSend) -> None:
        self._exchange = exchange
        self._send = send
        self.started = False

    async def events(self, events: Sequence[Event], last: bool) -> None:
        """Send `events` on; with `last` the answer is complete."""
        body = events[0].raw if len(events) == 1 else b"".join([event.raw for event in events])
        if not self.started:
            self.started = True
            headers = self._headers()
            if last and events and not events[0].framed:
                headers += (JSON, (b"content-length", b"%d" % len(body)))
            else:
                headers += (SSE, NO_BUFFER)
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def failure(self, error: GatewayError) -> None:
        """End the answer with `error`: as a plain HTTP error before the first event, as an error event after it."""
        exchange = self._exchange
        if self.started:
            body = exchange.dialect.failure(error, exchange.id, streaming=True)
            await self._send({"type": "http.response.body", "body": body, "more_body": False})
            return
        self.started = True
        body = exchange.dialect.failure(error, exchange.id, streaming=False)
        headers = [*self._headers(), JSON, (b"content-length", b"%d" % len(body))]
        headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in error.headers.items()]
        headers.append((b"x-sluicegate-reason", error.reason.value.encode()))
        await self._send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _headers(self) -> list[Header]:
        """What every answer says: which exchange it was, which policy version decided, and what was done."""
        exchange = self._exchange
        id = exchange.id.encode()
        headers = [(b"x-sluicegate-exchange", id), (b"x-request-id", id), (b"request-id", id), NO_STORE, NO_SNIFF]
        if exchange.policy_version:
            headers.append((b"x-sluicegate-policy", exchange.policy_version.encode()))
        done = [f"{stage}={d.reason}" for stage, d in exchange.decisions if d.verdict is not ALLOW]
        if done:
            headers.append((b"x-sluicegate-decisions", ", ".join(done).encode()))
        for name, value in exchange.response_headers.items():
            headers.append((name.encode(), value.encode("latin-1", "replace")))
        return headers
