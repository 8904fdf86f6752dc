"""The surfaces clients speak: from an ASGI request to an exchange, and back. Raw ASGI, no framework."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import partial
from typing import Any

from sluicegate.core.arguments import Arguments
from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Dialect
from sluicegate.core.errors import ClientGone, GatewayError, InvalidRequest
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.core.ids import new_id
from sluicegate.core.provider import ClientHeader
from sluicegate.identity import credentials
from sluicegate.pipeline import Pipeline
from sluicegate.settings import Server
from sluicegate.web.answers import Reply
from sluicegate.web.body import Headers, body_of, content_type
from sluicegate.web.cycle import EXTENSION, Cycle
from sluicegate.web.form import Bounds, Form
from sluicegate.web.peer import Peers
from sluicegate.web.relay import Relay
from sluicegate.web.surface import Found, Mount, Surface

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[dict[str, Any]], Awaitable[None]]

ASKED = (
    *credentials.HEADERS,
    "user-agent",
    "traceparent",
    "cache-control",
    "x-sluicegate-session",
    *(name.value for name in ClientHeader),
)
"""The headers that the stages and the audit log ask for; clients send four times as many, and these alone go on."""
KEY_HEADER = "x-sluicegate-key"
"""A virtual key in the path says what this header would."""
GOOGLE_HEADER = "x-goog-api-key"
QUERY_KEY = b"key="
"""In a query, where there may be a virtual key; only surfaces with a dialect for each request look into it."""
_ASKED = {name.encode("ascii"): name for name in ASKED}


class Llm:
    """Serves the surfaces. One task per request, from its body to its settlement."""

    def __init__(self, pipeline: Pipeline, server: Server) -> None:
        self._pipeline = pipeline
        self._server = server
        self._max_exchanges = server.max_exchanges
        self._max_body_bytes = server.max_body_bytes
        self._form_bounds = Bounds(server.max_form_parts, server.max_form_head_bytes)
        self._peers = Peers(server)
        self._under_way = 0

    async def __call__(self, found: Mount | Found, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one request at the surface that was found for its path."""
        extensions = scope.get("extensions")
        client: Cycle | Relay = (extensions and extensions.get(EXTENSION)) or Relay(receive, send)
        raw = scope["headers"]
        mount = found if isinstance(found, Mount) else found.mount
        surface = mount.first
        method = scope["method"]
        if method != surface.method:
            surface = mount.by_method.get(method, surface)
        read = partial(body_of, raw, client, self._max_body_bytes)
        arrival = Arrival(surface.path, self._peers.of(scope), _headers(raw), b"", None, read, raw=raw)
        dialect = surface.dialect
        if not surface.plain or mount is not found:
            dialect = _argued(found, surface, scope, arrival)
            if surface.form:
                arrival.read = partial(self._form, raw, client, arrival)
        if method != surface.method:
            allowed = mount.allowed
            arrival.fault = InvalidRequest(
                Reason.METHOD_NOT_ALLOWED, f"This route takes {allowed}.", headers={"allow": allowed}
            )
        elif self._under_way >= self._max_exchanges:
            arrival.fault = GatewayError(
                Reason.OVERLOADED, "Too many exchanges are under way.", headers={"retry-after": "1"}
            )
        exchange = Exchange(new_id(), dialect, arrival)
        if dialect is not surface.dialect:
            exchange.framing = getattr(dialect, "framing", None)
        reply = Reply(exchange, client)
        client.cancel_when_gone()
        self._under_way += 1
        try:
            try:
                await self._pipeline.run(exchange, reply.events)
            except GatewayError as error:
                await reply.failure(error)
        except ClientGone:
            return
        except asyncio.CancelledError:
            if not client.disconnected:  # the server stops: its own business, not the client's
                raise
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        finally:
            self._under_way -= 1

    def _form(self, raw: Headers, client: Cycle | Relay, arrival: Arrival) -> bytes | Awaitable[bytes]:
        """The body of a form, which `arrival` is then told how to read and to write. Raises InvalidRequest."""
        form = Form(content_type(raw), self._form_bounds)
        arrival.kind, arrival.parse, arrival.write = form.kind, form.read, form.write
        return body_of(raw, client, self._max_body_bytes, form=True)


def _argued(found: Mount | Found, surface: Surface, scope: Scope, arrival: Arrival) -> Dialect:
    """The request's own dialect; what stands in its path and query becomes part of `arrival`, errors in them too."""
    headers = arrival.headers
    places: Mapping[str, str] = {}
    if isinstance(found, Found):
        places = found.places
        if found.key:
            shown = headers.get(KEY_HEADER)
            arrival.headers = headers = {**headers, KEY_HEADER: f"{shown}, {found.key}" if shown else found.key}
    arguments = Arguments(places, scope.get("query_string", b""), headers)
    if not surface.body:
        arrival.read = arguments.body
    try:
        if QUERY_KEY in arguments.query:
            arrival.headers = _with_query_key(arguments)
        return surface.dialect_for(arguments)
    except InvalidRequest as error:
        arrival.fault = error
        return surface.dialect


def _with_query_key(arguments: Arguments) -> dict[str, str]:
    """The headers, with the keys of the query (`?key=`, as Google's APIs take them) in the one that says the same."""
    headers = dict(arguments.headers)
    for key in arguments.parameters().get("key", ()):
        shown = headers.get(GOOGLE_HEADER)
        headers[GOOGLE_HEADER] = key if shown in (None, key) else f"{shown}, {key}"
    return headers


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """By name; what came more than once is joined (RFC 9110 section 5.3), so that no second credential goes unseen."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key = _ASKED.get(name)
        if key is not None:
            text = value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
