import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from sluicegate.core.arguments import Arguments
from sluicegate.core.decision import Reason, deny
from sluicegate.core.errors import Denied, GatewayError, InvalidRequest
from sluicegate.core.event import Event, whole
from sluicegate.core.exchange import Exchange
from sluicegate.core.provider import ClientHeader
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dlp.vault import SESSION_HEADER
from sluicegate.identity import credentials
from sluicegate.pipeline import Pipeline, Send
from sluicegate.settings import Server
from sluicegate.web.cycle import EXTENSION
from sluicegate.web.llm import ASKED, Llm
from sluicegate.web.relay import Relay
from sluicegate.web.surface import Found, Mount, Surface
from tests.unit.web.test_answers import Sent

PATH = "/v1/chat/completions"
MOUNT = Mount(Surface("POST", PATH, OpenAIChat()))


class Fake(Pipeline):
    """A pipeline that hands each exchange to `act`."""

    def __init__(self, act: Callable[[Exchange, Send], Awaitable[None]]) -> None:
        super().__init__((), None)  # type: ignore[arg-type]  # nothing is called: run is replaced
        self.act = act
        self.exchanges: list[Exchange] = []

    async def run(self, exchange: Exchange, send: Send) -> None:
        self.exchanges.append(exchange)
        await self.act(exchange, send)


class Cycle(Relay):
    """A client that leaves when told."""

    def __init__(self, sent: Sent) -> None:
        super().__init__(receive, sent)
        self.task: asyncio.Task[Any] | None = None

    def cancel_when_gone(self) -> None:
        self.task = asyncio.current_task()

    def gone(self) -> None:
        assert self.task is not None
        self.disconnected = True
        self.task.cancel()


async def answer(_exchange: Exchange, send: Send) -> None:
    events: Sequence[Event] = [whole({"ok": True})]
    await send(events, True)


def scope(**changes: Any) -> dict[str, Any]:
    base = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "client": ("10.0.0.9", 1),
        "headers": [(b"content-type", b"application/json")],
    }
    return {**base, **changes}


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b'{"a":1}', "more_body": False}


async def test_a_request_becomes_an_exchange_and_its_answer_leaves() -> None:
    pipeline, sent = Fake(answer), Sent()
    await Llm(pipeline, Server())(MOUNT, scope(), receive, sent)
    assert json.loads(sent.body) == {"ok": True}
    arrival = pipeline.exchanges[0].arrival
    assert (arrival.body, arrival.peer, arrival.surface) == (b"", "10.0.0.9", PATH)
    assert await pipeline.exchanges[0].receive() == b'{"a":1}'


@pytest.mark.parametrize(
    ("changes", "settings", "reason"),
    [
        ({"method": "GET"}, {}, Reason.METHOD_NOT_ALLOWED),
        ({"headers": [(b"content-type", b"text/plain")]}, {}, Reason.UNSUPPORTED_MEDIA_TYPE),
        ({}, {"max_body_bytes": 3}, Reason.TOO_LARGE),
    ],
)
async def test_what_http_finds_wrong_is_told_by_the_path(
    changes: dict[str, Any], settings: dict[str, Any], reason: Reason
) -> None:
    pipeline = Fake(answer)
    await Llm(pipeline, Server(**settings))(MOUNT, scope(**changes), receive, Sent())
    with pytest.raises(GatewayError) as error:
        await pipeline.exchanges[0].receive()
    assert error.value.reason is reason


async def test_the_body_stays_with_the_client_until_it_is_asked_for() -> None:
    async def refuse(_exchange: Exchange, _send: Send) -> None:
        raise Denied(deny(Reason.NO_CREDENTIAL))

    async def never() -> dict[str, Any]:
        raise AssertionError("the body was read")

    sent = Sent()
    await Llm(Fake(refuse), Server())(MOUNT, scope(), never, sent)
    assert sent.messages[0]["status"] == 401


class Named(OpenAIChat):
    """A dialect of one request alone."""

    def __init__(self, arguments: Arguments) -> None:
        if arguments.path["model"] == "none":
            raise InvalidRequest(Reason.INVALID_FIELD, "There is none.")
        self.arguments = arguments


NAMED = Mount(Surface("POST", "/m/{model}", OpenAIChat(), Named))


async def test_a_request_has_its_own_dialect_where_its_path_says_something() -> None:
    pipeline = Fake(answer)
    asked = scope(query_string=b"alt=sse")
    await Llm(pipeline, Server())(Found(NAMED, {"model": "m-1"}), asked, receive, Sent())
    exchange = pipeline.exchanges[0]
    assert isinstance(exchange.dialect, Named)
    assert exchange.dialect.arguments.path == {"model": "m-1"}
    assert exchange.dialect.arguments.parameters() == {"alt": ["sse"]}
    assert exchange.arrival.surface == "/m/{model}"


async def test_what_a_path_cannot_mean_is_told_by_the_path_of_the_request() -> None:
    pipeline = Fake(answer)
    await Llm(pipeline, Server())(Found(NAMED, {"model": "none"}), scope(), receive, Sent())
    with pytest.raises(InvalidRequest, match="There is none"):
        await pipeline.exchanges[0].receive()


async def test_without_a_body_the_arguments_stand_for_it() -> None:
    pipeline = Fake(answer)
    mount = Mount(Surface("GET", "/m/{model}", OpenAIChat(), body=False))
    asked = scope(method="GET", headers=[], query_string=b"after=a&after=b&limit=3")
    await Llm(pipeline, Server())(Found(mount, {"model": "m-1"}), asked, receive, Sent())
    body = await pipeline.exchanges[0].receive()
    assert json.loads(body) == {"model": "m-1", "after": ["a", "b"], "limit": "3"}


async def test_each_method_reaches_its_own_surface() -> None:
    mount = Mount(Surface("POST", "/m", OpenAIChat()))
    mount.add(Surface("DELETE", "/m", OpenAIChat(), body=False))
    pipeline = Fake(answer)
    for method in ("POST", "DELETE", "GET"):
        await Llm(pipeline, Server())(mount, scope(method=method), receive, Sent())
    posted, deleted, got = pipeline.exchanges
    assert await posted.receive() == b'{"a":1}'
    assert await deleted.receive() == b"{}"
    with pytest.raises(GatewayError) as error:
        await got.receive()
    assert error.value.reason is Reason.METHOD_NOT_ALLOWED
    assert error.value.headers == {"allow": "DELETE, POST"}


@pytest.mark.parametrize(("shown", "taken"), [([], "k-1"), ([(b"x-sluicegate-key", b"k-2")], "k-2, k-1")])
async def test_a_key_in_the_path_is_what_its_header_would_be(shown: list[tuple[bytes, bytes]], taken: str) -> None:
    """Beside the header there are two, and `s1_authenticate` takes neither."""
    pipeline = Fake(answer)
    asked = scope(headers=[*scope()["headers"], *shown])
    await Llm(pipeline, Server())(Found(MOUNT, key="k-1"), asked, receive, Sent())
    arrival = pipeline.exchanges[0].arrival
    assert arrival.headers["x-sluicegate-key"] == taken
    assert arrival.surface == PATH


async def test_beyond_max_exchanges_the_fault_is_overload() -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def wait(exchange: Exchange, send: Send) -> None:
        if exchange.arrival.fault is None:
            inside.set()
            await leave.wait()
        await answer(exchange, send)

    pipeline = Fake(wait)
    llm = Llm(pipeline, Server(max_exchanges=1))
    first = asyncio.ensure_future(llm(MOUNT, scope(), receive, Sent()))
    await inside.wait()
    await llm(MOUNT, scope(), receive, Sent())
    fault = pipeline.exchanges[1].arrival.fault
    assert fault is not None
    assert fault.reason is Reason.OVERLOADED
    leave.set()
    await first


async def test_an_error_is_answered_in_the_dialect() -> None:
    async def refuse(_exchange: Exchange, _send: Send) -> None:
        raise Denied(deny(Reason.MODEL_NOT_ALLOWED))

    sent = Sent()
    await Llm(Fake(refuse), Server())(MOUNT, scope(), receive, sent)
    assert sent.messages[0]["status"] == 403
    assert json.loads(sent.body)["error"]["code"] == "model_not_allowed"


async def test_a_client_that_leaves_cancels_the_exchange_and_nothing_else() -> None:
    inside, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(_exchange: Exchange, _send: Send) -> None:
        inside.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    sent = Sent()
    cycle = Cycle(sent)
    task = asyncio.ensure_future(Llm(Fake(wait), Server())(MOUNT, scope(extensions={EXTENSION: cycle}), receive, sent))
    await inside.wait()
    cycle.gone()
    await task
    assert cancelled.is_set()
    assert (sent.messages, task.cancelled(), task.cancelling()) == ([], False, 0)


async def test_what_is_asked_for_goes_on_and_what_came_twice_is_joined() -> None:
    pipeline = Fake(answer)
    raw = [(b"x-api-key", b"a"), (b"cookie", b"c"), (b"x-api-key", b"b"), (b"user-agent", b"caf\xe9")]
    await Llm(pipeline, Server())(MOUNT, scope(headers=raw), receive, Sent())
    assert pipeline.exchanges[0].arrival.headers == {"x-api-key": "a, b", "user-agent": "caf\u00e9"}


def test_every_header_that_is_asked_for_is_named() -> None:
    assert set(ASKED) == {*credentials.HEADERS, *ClientHeader, SESSION_HEADER, "user-agent", "traceparent", "cache-control"}
    assert {"authorization", *credentials.PLAIN, *credentials.OWN} == set(credentials.HEADERS)


async def test_a_server_that_stops_cancels_as_usual() -> None:
    inside = asyncio.Event()

    async def wait(_exchange: Exchange, _send: Send) -> None:
        inside.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(Llm(Fake(wait), Server())(MOUNT, scope(), receive, Sent()))
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


GEMINI = Mount(Surface("POST", "/v1beta/models/{model:path}:streamGenerateContent", Gemini(), Gemini.streamed))


async def asked(query: bytes, **headers: str) -> Exchange:
    pipeline = Fake(answer)
    raw = [(b"content-type", b"application/json")]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    found = Found(GEMINI, {"model": "gemini-x"})
    await Llm(pipeline, Server())(found, scope(query_string=query, headers=raw), receive, Sent())
    return pipeline.exchanges[0]


@pytest.mark.parametrize(
    ("query", "headers", "found"),
    [
        (b"key=sk-1&alt=sse", {}, "sk-1"),
        (b"alt=sse&key=sk-1", {"x_goog_api_key": "sk-1"}, "sk-1"),
        (b"key=sk-1", {"x_goog_api_key": "sk-2"}, "sk-2, sk-1"),
        (b"key=sk-1&key=sk-2", {}, "sk-1, sk-2"),
        (b"alt=sse", {"x_goog_api_key": "sk-2"}, "sk-2"),
        (b"monkey=1", {}, None),
    ],
)
async def test_a_key_in_the_query_counts_as_one_in_the_header(
    query: bytes, headers: dict[str, str], found: str | None
) -> None:
    exchange = await asked(query, **headers)
    assert exchange.arrival.headers.get("x-goog-api-key") == found
    assert "sk-1" not in exchange.arrival.surface


async def test_a_stream_is_events_or_one_array() -> None:
    assert (await asked(b"alt=sse")).framing is None
    assert (await asked(b"")).framing is not None
    for query in (b"alt=proto", b"alt=sse&$alt=json", b"key=%"):
        assert isinstance((await asked(query)).arrival.fault, InvalidRequest)
