"""A provider that misbehaves, as a client of the gateway meets it: each fault has its status, and its outcome entry."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sluicegate.core.decision import Reason
from tests.support.client import CHAT, DIALECTS, MESSAGES, Answer, Dialect, answer, ask
from tests.support.evidence import of, places_of
from tests.support.gateway import Gateway, governed, running
from tests.support.upstream import (
    Reply,
    Upstream,
    chat_answer,
    chat_events,
    json_reply,
    messages_answer,
    messages_events,
    sse_reply,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
EACH_DIALECT = pytest.mark.parametrize("dialect", DIALECTS, ids=("chat", "messages"))
SECRET = "provider-" + "credential-0123456789"
MOST_EVENT = 50_000
BROKEN = (Reason.UPSTREAM_RESET, Reason.UPSTREAM_TRUNCATED)


@dataclass
class Bench:
    """A gateway, its provider and its folder."""

    upstream: Upstream
    gateway: Gateway
    directory: Path

    async def ask(self, dialect: Dialect, *, stream: bool = False, **fields: Any) -> Answer:
        return await answer(self.gateway.url, dialect, stream=stream, **fields)

    async def stream(self, dialect: Dialect, first: list[bytes], rest: list[bytes]) -> Answer:
        """A stream whose `rest` comes when the client has read of `first`."""
        gate = asyncio.Event()
        self.upstream.script(sse_reply([*first, *rest], gates={len(first): gate}))
        async with ask(self.gateway.url, dialect, stream=True) as call:
            await call.until(b"upstream-model")
            gate.set()
            return await call.rest()

    def recorded(self, got: Answer) -> tuple[str, str]:
        """How the exchange ended, as its one outcome entry says."""
        intent, outcome = of(self.directory, got.exchange)
        assert (intent["kind"], outcome["kind"]) == ("intent", "outcome")
        return outcome["outcome"], outcome["reason"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    directory = tmp_path_factory.mktemp("gateway")
    (directory / "credential").write_text(SECRET)
    async with Upstream() as upstream:
        settings = governed(upstream.base_url)
        for provider in settings["providers"]:
            provider["credential"] = f"file:{directory / 'credential'}"
        fail_over(settings, upstream.base_url)
        sensitive(settings, upstream.base_url)
        bounds = {"first_byte_timeout": 0.3, "idle_timeout": 0.3, "max_event_bytes": MOST_EVENT}
        async with running(directory, {**settings, "upstream": bounds}) as gateway:
            yield Bench(upstream, gateway, directory)


def fail_over(settings: dict[str, Any], upstream: str) -> None:
    """A second deployment of each dialect, for models of a name of their own: the first is asked first."""
    for provider, model in (("chat", "test-two"), ("messages", "claude-two")):
        for order in (0, 1):
            made = {"name": f"{model}-{order}", "model": model, "provider": provider, "order": order}
            settings["deployments"].append({**settings["deployments"][0], **made})


def sensitive(settings: dict[str, Any], upstream: str) -> None:
    """Models that only a cloud has."""
    for name, dialect, url in (("chat", "openai_chat", f"{upstream}/v1"), ("messages", "anthropic_messages", upstream)):
        made = {"name": f"cloud-{name}", "dialects": [dialect], "base_url": url, "place": "cloud"}
        settings["providers"].append(made)
    for provider, model in (("cloud-chat", "test-cloud"), ("cloud-messages", "claude-cloud")):
        settings["deployments"].append({**settings["deployments"][0], "name": model, "model": model, "provider": provider})
    settings["use_cases"][0]["classification"] = "sensitive"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def healthy(bench: Bench) -> AsyncIterator[None]:
    """Each test begins with a provider that answers, and leaves a gateway that does."""
    bench.upstream.script()
    yield
    bench.upstream.script()
    for dialect in DIALECTS:
        assert (await bench.ask(dialect)).status == 200


def events_of(dialect: Dialect) -> list[bytes]:
    return chat_events(["a", "b"]) if dialect is CHAT else messages_events(["a", "b"])


def assert_error_event(dialect: Dialect, got: Answer, reason: Reason) -> None:
    """A stream that ends with an error event in the client's dialect, and not cleanly."""
    assert got.status == 200
    assert got.ended
    assert dialect.end not in got.body
    last = got.body.rstrip().split(b"\n\n")[-1]
    assert reason.value.encode() in last
    assert last.startswith(b"event: error" if dialect is MESSAGES else b'data: {"error"')
    assert got.exchange.encode() in last


@EACH_DIALECT
@pytest.mark.parametrize("stream", [False, True])
async def test_it_never_answers(bench: Bench, dialect: Dialect, stream: bool) -> None:
    bench.upstream.script(Reply(gate=asyncio.Event()))
    got = await bench.ask(dialect, stream=stream)
    assert (got.status, got.reason) == (504, "upstream_timeout")
    assert bench.recorded(got) == ("failed", "upstream_timeout")


@EACH_DIALECT
async def test_it_hangs_in_mid_stream(bench: Bench, dialect: Dialect) -> None:
    bench.upstream.script(sse_reply(events_of(dialect)[:3], hang=True))
    got = await bench.ask(dialect, stream=True)
    assert_error_event(dialect, got, Reason.UPSTREAM_TIMEOUT)
    assert bench.recorded(got) == ("failed", "upstream_timeout")


@EACH_DIALECT
@pytest.mark.parametrize("how", ["reset_after", "close_after"])
async def test_it_breaks_off_after_every_event(bench: Bench, dialect: Dialect, how: str) -> None:
    events = events_of(dialect)
    for count in range(len(events)):
        bench.upstream.script(sse_reply(events, **{how: count}))
        got = await bench.ask(dialect, stream=True)
        outcome, reason = bench.recorded(got)
        assert outcome == "failed"
        assert reason in BROKEN
        if got.status == 200:
            assert_error_event(dialect, got, Reason(reason))
        else:
            assert (got.status, got.reason) == (502, reason)


@EACH_DIALECT
async def test_it_ends_the_stream_without_its_last_event(bench: Bench, dialect: Dialect) -> None:
    bench.upstream.script(sse_reply(events_of(dialect)[:-1]))
    got = await bench.ask(dialect, stream=True)
    assert_error_event(dialect, got, Reason.UPSTREAM_TRUNCATED)
    assert bench.recorded(got) == ("failed", "upstream_truncated")


@EACH_DIALECT
@pytest.mark.parametrize("garbage", [b"data: {garbage\n\n", b"data: <html>garbage\n\n", b'data: {"garbage": \xff}\n\n'])
async def test_garbage_between_events(bench: Bench, dialect: Dialect, garbage: bytes) -> None:
    events = events_of(dialect)
    got = await bench.stream(dialect, events[:3], [garbage, *events[3:]])
    assert_error_event(dialect, got, Reason.UPSTREAM_INVALID)
    assert b"garbage" not in got.body
    assert bench.recorded(got) == ("failed", "upstream_invalid")


@EACH_DIALECT
async def test_an_endless_line_is_cut(bench: Bench, dialect: Dialect) -> None:
    line = [b"data: "] + [b"x" * 10_000] * 1_000
    got = await bench.stream(dialect, events_of(dialect)[:3], line)
    assert_error_event(dialect, got, Reason.UPSTREAM_INVALID)
    assert len(got.body) < MOST_EVENT


@EACH_DIALECT
@pytest.mark.parametrize("stream", [False, True])
async def test_429_is_passed_on_with_its_wait(bench: Bench, dialect: Dialect, stream: bool) -> None:
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    refusal = json_reply(error, 429, headers={"Retry-After": "0"})
    bench.upstream.script(refusal)
    got = await bench.ask(dialect, stream=stream)
    assert (got.status, got.reason, got.headers["retry-after"]) == (429, "upstream_rejected", "0")
    assert got.json() == error
    assert bench.recorded(got) == ("failed", "upstream_rejected")


@EACH_DIALECT
@pytest.mark.parametrize("status", [401, 403])
async def test_the_gateways_own_credential_is_refused_and_told_to_nobody(
    bench: Bench, dialect: Dialect, status: int
) -> None:
    bench.upstream.script(json_reply({"error": {"message": f"Incorrect API key provided: {SECRET}"}}, status))
    got = await bench.ask(dialect)
    sent = bench.upstream.requests[-1].headers
    assert SECRET in sent.get("authorization", "") + sent.get("x-api-key", "")
    assert (got.status, got.reason) == (502, "upstream_auth")
    assert SECRET.encode() not in got.body
    assert b"Incorrect" not in got.body
    assert SECRET not in str(got.headers)
    assert bench.recorded(got) == ("failed", "upstream_auth")
    assert list(places_of(bench.directory, SECRET.encode())) == [bench.directory / "credential"]


@EACH_DIALECT
async def test_a_redirect_is_not_followed(bench: Bench, dialect: Dialect) -> None:
    async with Upstream() as elsewhere:
        bench.upstream.script(Reply(status=302, headers={"Location": f"{elsewhere.base_url}{dialect.path}"}))
        got = await bench.ask(dialect)
        assert (got.status, got.reason) == (502, "upstream_invalid")
        assert "location" not in got.headers
        assert elsewhere.connections == 0


@EACH_DIALECT
@pytest.mark.parametrize("stream", [False, True])
async def test_a_second_deployment_answers_where_the_first_breaks_off_before_its_first_event(
    bench: Bench, dialect: Dialect, stream: bool
) -> None:
    whole = chat_answer() if dialect is CHAT else messages_answer()
    good = sse_reply(events_of(dialect)) if stream else whole
    bench.upstream.script(sse_reply(events_of(dialect), reset_after=0), good)
    before = bench.upstream.hits
    got = await bench.ask(dialect, stream=stream, model="test-two" if dialect is CHAT else "claude-two")
    assert got.status == 200
    assert bench.upstream.hits - before == 2
    assert bench.recorded(got) == ("answered", "allowed")
    attempts = of(bench.directory, got.exchange)[1]["attempts"]
    assert [attempt["result"] == "answered" for attempt in attempts] == [False, True]


@EACH_DIALECT
@pytest.mark.parametrize("stream", [False, True])
async def test_sensitive_data_never_goes_to_a_cloud(bench: Bench, dialect: Dialect, stream: bool) -> None:
    before = bench.upstream.hits
    got = await bench.ask(dialect, stream=stream, model="test-cloud" if dialect is CHAT else "claude-cloud")
    assert (got.status, got.reason) == (503, "no_permitted_route")
    assert bench.upstream.hits == before
    (refusal,) = of(bench.directory, got.exchange)
    assert (refusal["kind"], refusal["reason"]) == ("refusal", "no_permitted_route")


@EACH_DIALECT
async def test_another_model_s_name_and_fields_that_nobody_knows(bench: Bench, dialect: Dialect) -> None:
    document = (chat_answer() if dialect is CHAT else messages_answer()).body
    odd = json.loads(document) | {"model": "x" * 100_000, "unheard_of": {"deep": [1, {"said": "new"}], "": None}}
    bench.upstream.script(json_reply(odd))
    got = await bench.ask(dialect)
    assert got.status == 200
    assert json.loads(got.body) == odd
    assert bench.recorded(got) == ("answered", "allowed")
    assert all(len(str(entry)) < 20_000 for entry in of(bench.directory, got.exchange))


@EACH_DIALECT
@pytest.mark.parametrize("usage", [None, [], {"x": -1}, {"tokens": 10**15}, "many"])
async def test_reports_of_tokens_that_cannot_be_true(bench: Bench, dialect: Dialect, usage: Any) -> None:
    document = json.loads((chat_answer() if dialect is CHAT else messages_answer()).body)
    fields = ("prompt_tokens", "completion_tokens") if dialect is CHAT else ("input_tokens", "output_tokens")
    number = next(iter(usage.values())) if isinstance(usage, dict) else None
    document["usage"] = usage if number is None else dict.fromkeys(fields, number)
    bench.upstream.script(json_reply(document))
    got = await bench.ask(dialect)
    assert got.status == 200
    outcome = of(bench.directory, got.exchange)[1]
    assert outcome["tokens"]["estimated"]
    assert 0 < int(outcome["nano_usd"]) < 10**9
