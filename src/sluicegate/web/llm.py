"""The surfaces clients speak: from an ASGI request to an exchange, and back. Raw ASGI, no framework."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Dialect
from sluicegate.core.errors import ClientGone, GatewayError, InvalidRequest
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.core.ids import new_id
from sluicegate.pipeline import Pipeline
from sluicegate.settings import Server
from sluicegate.web.answers import Reply
from sluicegate.web.body import read_body
from sluicegate.web.cycle import when_gone
from sluicegate.web.peer import Peers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[dict[str, Any]], Awaitable[None]]


class Surface:
    """One route at which clients speak `dialect`."""

    __slots__ = ("dialect", "path")

    def __init__(self, path: str, dialect: Dialect) -> None:
        self.path = path
        self.dialect = dialect


class Llm:
    """Serves the surfaces. One task per request, from its body to its settlement."""

    def __init__(self, pipeline: Pipeline, server: Server) -> None:
        self._pipeline = pipeline
        self._server = server
        self._peers = Peers(server)
        self._under_way = 0

    async def __call__(self, surface: Surface, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one request at `surface`."""
        fault: GatewayError | None = None
        if scope["method"] != "POST":
            fault = InvalidRequest(Reason.METHOD_NOT_ALLOWED, "This route takes POST.", headers={"allow": "POST"})
        elif self._under_way >= self._server.max_exchanges:
            fault = GatewayError(Reason.OVERLOADED, "Too many exchanges are under way.", headers={"retry-after": "1"})
        read = partial(read_body, scope, receive, self._server.max_body_bytes)
        arrival = Arrival(surface.path, self._peers.of(scope), _headers(scope["headers"]), b"", fault, read)
        exchange = Exchange(new_id(), surface.dialect, arrival)
        self._under_way += 1
        try:
            await self._run(exchange, scope, Reply(exchange, send))
        finally:
            self._under_way -= 1

    async def _run(self, exchange: Exchange, scope: Scope, reply: Reply) -> None:
        task = asyncio.current_task()
        assert task is not None
        leaving = Leaving(task)
        when_gone(scope, leaving)
        try:
            await self._answer(exchange, reply)
        except asyncio.CancelledError:
            if not leaving.happened:  # the server stops: its own business, not the client's
                raise
            task.uncancel()

    async def _answer(self, exchange: Exchange, reply: Reply) -> None:
        try:
            await self._pipeline.run(exchange, reply.events)
        except GatewayError as error:
            await reply.failure(error)
        except ClientGone:
            return


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """By name; what came more than once is joined (RFC 9110 section 5.3), so that no second credential goes unseen."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) == len(raw):
        return headers
    joined: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


class Leaving:
    """Called when the client has gone: cancels the task that serves it."""

    __slots__ = ("_task", "happened")

    def __init__(self, task: "asyncio.Task[Any]") -> None:
        self._task = task
        self.happened = False

    def __call__(self) -> None:
        """The client has gone."""
        self.happened = True
        self._task.cancel()
