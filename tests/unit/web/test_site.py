import json
from collections.abc import MutableMapping, Sequence
from typing import Any

import pytest

from sluicegate.core.event import whole
from sluicegate.core.provider import SecretUnavailable
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.insight.metrics import CONTENT_TYPE
from sluicegate.settings import Server
from sluicegate.web.llm import Llm
from sluicegate.web.site import Asgi, Receive, Scope, Send, Site
from sluicegate.web.surface import Mounts, Surface
from tests.unit.web.test_answers import Sent as Answer
from tests.unit.web.test_llm import Fake, receive

PATH = "/v1/chat/completions"
Headers = Sequence[tuple[bytes, bytes]]


class Sent(Answer):
    """What a site answered."""

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])


class Token:
    """A credential that may be gone."""

    reference = "env:TOKEN"

    def __init__(self, secret: str = "") -> None:
        self._secret = secret

    def reveal(self) -> str:
        if not self._secret:
            raise SecretUnavailable("env:TOKEN is not set")
        return self._secret


async def _metrics() -> bytes:
    return b"m 1\n"


class Asked:
    """A site, with what it was asked for behind it."""

    def __init__(self, token: Token | None = None) -> None:
        self.admin: list[str] = []
        self.made = 0
        self.pipeline = Fake(self._answer)
        llm = Llm(self.pipeline, Server())
        self.site = Site(Mounts([Surface("POST", PATH, OpenAIChat())]), llm, self._make, _metrics, token)

    async def _answer(self, _exchange: Any, send: Any) -> None:
        await send([whole({"ok": True})], True)

    async def _make(self) -> Asgi:
        self.made += 1

        async def admin(scope: Scope, _receive: Receive, send: Send) -> None:
            self.admin.append(scope["path"])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        return admin

    async def get(
        self, path: str, headers: Headers = (), *, method: str = "GET", client: tuple[str, int] | None = ("10.0.0.9", 1)
    ) -> Sent:
        sent = Sent()
        scope = {"type": "http", "method": method, "path": path, "client": client, "headers": list(headers)}

        async def send(message: MutableMapping[str, Any]) -> None:
            await sent(dict(message))

        await self.site(scope, receive, send)
        return sent


async def test_a_surface_reaches_the_pipeline() -> None:
    asked = Asked()
    sent = await asked.get(PATH, [(b"content-type", b"application/json")], method="POST")
    assert json.loads(sent.body) == {"ok": True}
    assert asked.pipeline.exchanges[0].arrival.surface == PATH
    assert asked.made == 0


async def test_a_surface_reaches_it_below_a_key_too() -> None:
    asked = Asked()
    await asked.get(f"/k/some-key{PATH}", [(b"content-type", b"application/json")], method="POST")
    arrival = asked.pipeline.exchanges[0].arrival
    assert arrival.surface == PATH
    assert arrival.headers["x-sluicegate-key"] == "some-key"


async def test_the_admin_api_gets_what_is_below_it() -> None:
    asked = Asked()
    assert (await asked.get("/api/v1/keys")).status == 204
    assert asked.admin == ["/api/v1/keys"]


@pytest.mark.parametrize(
    "path", ["/", "/api", "/v1", "/v1/chat/completions/", "/V1/chat/completions", "/metrics/", "/docs", "/k/key/metrics"]
)
async def test_what_is_not_mounted_is_not_there(path: str) -> None:
    asked = Asked()
    sent = await asked.get(path)
    assert sent.status == 404
    assert json.loads(sent.body)["error"]["code"] == "route_unknown"
    assert (asked.made, asked.pipeline.exchanges) == (0, [])


@pytest.mark.parametrize("client", ["127.0.0.1", "127.9.9.9", "::1"])
async def test_metrics_for_this_machine(client: str) -> None:
    sent = await Asked().get("/metrics", client=(client, 1))
    assert (sent.status, sent.body) == (200, b"m 1\n")
    assert sent.headers["content-type"] == CONTENT_TYPE


@pytest.mark.parametrize("client", [("10.0.0.9", 1), ("2001:db8::1", 1), ("", 0), None])
async def test_metrics_for_nobody_else(client: tuple[str, int] | None) -> None:
    sent = await Asked().get("/metrics", client=client)
    assert sent.status == 403
    assert json.loads(sent.body)["error"]["code"] == "metrics_not_allowed"


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded"])
async def test_what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine(header: bytes) -> None:
    assert (await Asked().get("/metrics", [(header, b"127.0.0.1")], client=("127.0.0.1", 1))).status == 403


async def test_metrics_for_whoever_shows_the_token() -> None:
    sent = await Asked(Token("t0ken")).get("/metrics", [(b"authorization", b"Bearer t0ken")])
    assert (sent.status, sent.body) == (200, b"m 1\n")


@pytest.mark.parametrize("shown", [b"", b"t0ken", b"Bearer t0ken2", b"Bearer T0KEN", b"Bearer \xff"])
async def test_with_a_token_not_even_this_machine_goes_without(shown: bytes) -> None:
    headers = [(b"authorization", shown)] if shown else []
    assert (await Asked(Token("t0ken")).get("/metrics", headers, client=("127.0.0.1", 1))).status == 403


async def test_a_token_that_cannot_be_read_opens_nothing() -> None:
    assert (await Asked(Token()).get("/metrics", [(b"authorization", b"Bearer ")], client=("127.0.0.1", 1))).status == 403


async def test_metrics_take_get_alone() -> None:
    assert (await Asked().get("/metrics", method="POST", client=("127.0.0.1", 1))).status == 405
