"""Which part of the gateway answers a path: the surfaces clients speak, the admin API, health and metrics."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

import msgspec

from sluicegate.core.provider import Credential, SecretUnavailable
from sluicegate.insight.metrics import CONTENT_TYPE
from sluicegate.web.answers import JSON, NO_SNIFF, NO_STORE
from sluicegate.web.llm import Llm
from sluicegate.web.surface import Mounts

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

ADMIN = "/api/"
METRICS = "/metrics"
FORWARDED = frozenset({b"forwarded", b"x-forwarded-for"})
"""What a proxy on this machine adds; the request that it passes on is not from this machine."""


class Site:
    """The whole gateway as one ASGI application."""

    def __init__(
        self,
        mounts: Mounts,
        llm: Llm,
        admin: Callable[[], Awaitable[Asgi]],
        metrics: Callable[[], Awaitable[bytes]],
        scraper: Credential | None,
    ) -> None:
        """`admin` makes the admin API when it is first asked for; `scraper` is the token that `/metrics` asks for."""
        self._exact = mounts.exact
        self._find = mounts.find
        self._llm = llm
        self._admin = admin
        self._metrics = metrics
        self._scraper = scraper

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Serve one request."""
        path = scope["path"]
        found = self._exact.get(path) or self._find(path)
        if found is not None:
            return self._llm(found, scope, receive, send)
        return self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith(ADMIN):
            await (await self._admin())(scope, receive, send)
        elif path == METRICS:
            await self._serve_metrics(scope, send)
        else:
            await answer(send, 404, _error("route_unknown", "There is no such route."))

    async def _serve_metrics(self, scope: Scope, send: Send) -> None:
        if scope["method"] != "GET":
            await answer(send, 405, _error("method_not_allowed", "This route takes GET."))
        elif not self._may_scrape(scope):
            await answer(send, 403, _error("metrics_not_allowed", "Show the token that `metrics.credential` names."))
        else:
            await answer(send, 200, await self._metrics(), CONTENT_TYPE.encode())

    def _may_scrape(self, scope: Scope) -> bool:
        """With a token set, whoever shows it; else whoever calls from this machine."""
        headers = dict(scope["headers"])
        if self._scraper is None:
            return _from_here(scope.get("client")) and FORWARDED.isdisjoint(headers)
        try:
            token = self._scraper.reveal()
        except SecretUnavailable as error:
            log.error("nobody may read the metrics: %s", error)
            return False
        return compare_digest(headers.get(b"authorization", b""), b"Bearer " + token.encode())


def _from_here(client: tuple[str, int] | None) -> bool:
    return client is not None and client[0] != "" and ip_address(client[0]).is_loopback


async def answer(send: Send, status: int, body: bytes, kind: bytes = JSON[1]) -> None:
    """A whole response."""
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), NO_STORE, NO_SNIFF]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _error(code: str, message: str) -> bytes:
    """In the form that OpenAI's clients read; no dialect is known here."""
    return msgspec.json.encode({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})
