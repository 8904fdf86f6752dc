import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Dialect, DialectName
from sluicegate.core.errors import Denied, UnsupportedFeature, UpstreamError, UpstreamRejected, UpstreamTimeout
from sluicegate.core.event import Event, frame, sse, whole
from sluicegate.core.exchange import Arrival, Exchange, Kept, Reservation
from sluicegate.core.identity import Budget, CacheMode, Caching, Period, RateLimit
from sluicegate.core.provider import ClientHeader, Quirk, Target
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_responses import OpenAIResponses
from sluicegate.limits.capacity import Capacity
from sluicegate.limits.rate import Rates
from sluicegate.providers.scripted import Script, ScriptedProvider
from sluicegate.routing.cache import Cache
from sluicegate.routing.cached import Again
from sluicegate.routing.failures import elsewhere
from sluicegate.routing.health import FAILURES, Health
from sluicegate.routing.retries import SAVED, Retries
from sluicegate.routing.scores import Scores
from sluicegate.settings import Cache as CacheBounds
from sluicegate.settings import Upstream as Bounds
from sluicegate.stages.s6_call import Call, Standing
from tests.support import responses, upstream
from tests.support.calls import collect, target
from tests.support.exchanges import grant

DIALECTS: dict[DialectName, Dialect] = {
    DialectName.OPENAI_CHAT: OpenAIChat(),
    DialectName.ANTHROPIC_MESSAGES: AnthropicMessages(),
}
A, B, C = (target(deployment=name, kind="scripted") for name in "abc")
UNREACHABLE = Script(refusal=UpstreamError(Reason.UPSTREAM_UNREACHABLE, "x"))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CHAT = whole(json.loads(upstream.chat_answer("hi").body))


def events(raws: Sequence[bytes]) -> list[Event]:
    """Server-sent events of these bytes, each on its own line of data."""
    return [Event(raw, raw.split(b"data: ", 1)[1][:-2]) for raw in raws]


def streamed(texts: Sequence[str] = ("a", "b"), **script: Any) -> Script:
    return Script(batches=[[event] for event in events(upstream.chat_events(texts))], **script)


def exchange(
    *route: Target,
    stream: bool = False,
    dialect: DialectName = DialectName.OPENAI_CHAT,
    headers: Mapping[str, str] | None = None,
    cache: Caching | None = None,
    **fields: Any,
) -> Exchange:
    document: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **fields}
    if stream:
        document["stream"] = True
    spoken = DIALECTS[dialect]
    asked = Exchange("e" * 32, spoken, Arrival("/v1/x", "127.0.0.1", headers or {}, json.dumps(document).encode()))
    granted = grant()
    asked.grant = msgspec.structs.replace(granted, use_case=msgspec.structs.replace(granted.use_case, cache=cache))
    asked.document = document
    asked.ask = spoken.read(document)
    asked.route = route
    asked.reservation = Reservation(100, 0, 50)
    return asked


def stage(
    scripts: Mapping[str, Sequence[Script]], health: Health | None = None, retry: float = 0, **bounds: Any
) -> tuple[Call, ScriptedProvider]:
    """Without repeats, unless for `retry` seconds; their waits are drawn as 0."""
    provider = ScriptedProvider(scripts)
    standing = Standing(
        health or Health(lambda: 0.0), Scores(lambda: 0.0), Retries(0.1, retry, lambda: 0.0), Capacity(Rates(10))
    )
    return Call({"scripted": provider}, DIALECTS, standing, Bounds(**bounds)), provider


async def read(call: Call, asked: Exchange) -> list[Event]:
    async with call.open(asked) as answer:
        return await collect(answer)


def results(asked: Exchange) -> list[tuple[str, str]]:
    return [(attempt.deployment, attempt.result) for attempt in asked.attempts]


async def test_the_client_s_own_bytes_go_and_the_provider_s_come() -> None:
    call, provider = stage({"*": [Script(batches=[[CHAT]], headers={"x-upstream-request-id": "r"})]})
    asked = exchange(A, headers={"traceparent": TRACE, "anthropic-beta": "b", "cookie": "c"})
    assert await read(call, asked) == [CHAT]
    assert provider.sent[0].request.body == asked.arrival.body
    assert provider.sent[0].request.headers == {"traceparent": TRACE, "x-sluicegate-exchange": asked.id}
    assert (asked.usage.input, asked.usage.output, asked.usage.estimated) == (7, 5, False)
    assert asked.finish == "stop"
    assert asked.target is A
    assert asked.called is not None
    assert results(asked) == [("a", "answered")]
    assert asked.response_headers == {"x-upstream-request-id": "r"}
    assert provider.left == [True]


async def test_a_use_case_with_a_cache_is_answered_from_it() -> None:
    call, provider = stage({"*": [Script(batches=[[CHAT]])]})
    standing = Standing(call.health, call.scores, call.retries, call.capacity)
    call = Call({"scripted": provider}, DIALECTS, standing, Bounds(), again=Again(Cache(CacheBounds())))
    for caching in (None, None, Caching(CacheMode.EXACT, 60), Caching(CacheMode.EXACT, 60)):
        asked = exchange(A, cache=caching)
        assert [event.raw for event in await read(call, asked)] == [CHAT.raw]
    assert len(provider.sent) == 3


async def test_another_name_upstream_and_an_edit_are_sent() -> None:
    call, provider = stage({"*": [Script(batches=[[CHAT]])]})
    await read(call, exchange(msgspec.structs.replace(A, upstream_model="other")))
    await read(call, exchange(msgspec.structs.replace(A, upstream_model="*")))
    edited = exchange(A)
    edited.document["messages"][0]["content"] = "redacted"
    edited.edited = True
    await read(call, edited)
    documents = [json.loads(sent.request.body) for sent in provider.sent]
    assert [document["model"] for document in documents] == ["other", "m", "m"]
    assert documents[2]["messages"][0]["content"] == "redacted"


async def test_usage_is_asked_for_and_taken_out_again() -> None:
    call, provider = stage({"a": [UNREACHABLE], "*": [streamed()]})
    asked = exchange(A, B, stream=True)
    got = [event.raw for event in await read(call, asked)]
    assert got == upstream.chat_events(["a", "b"], usage=False)
    assert all(json.loads(sent.request.body)["stream_options"] == {"include_usage": True} for sent in provider.sent)
    assert (asked.usage.input, asked.usage.output) == (7, 2)
    own = exchange(B, stream=True, stream_options={"include_usage": True})
    assert [event.raw for event in await read(call, own)] == upstream.chat_events(["a", "b"])
    assert provider.sent[-1].request.body == own.arrival.body


FAILURES_ELSEWHERE = [
    UpstreamError(Reason.UPSTREAM_UNREACHABLE, "x"),
    UpstreamError(Reason.UPSTREAM_AUTH, "x"),
    UpstreamError(Reason.UPSTREAM_INVALID, "x"),
    UpstreamTimeout("x"),
    *(UpstreamRejected(status, b"{}", "x") for status in (408, 429, 500, 503, 529)),
]


@pytest.mark.parametrize("error", FAILURES_ELSEWHERE)
async def test_it_fails_over_before_the_first_event(error: UpstreamError) -> None:
    for script in (Script(refusal=error), Script(failure=error)):
        call, _ = stage({"a": [script], "b": [Script(batches=[[CHAT]])]})
        asked = exchange(A, B)
        assert await read(call, asked) == [CHAT]
        assert results(asked) == [("a", error.reason), ("b", "answered")]
        assert asked.target is B
        assert elsewhere(error)


@pytest.mark.parametrize(
    "script",
    [
        Script(),
        Script(batches=[events([b'data: {"error":{"message":"no"}}\n\n'])]),
        Script(batches=[events([b'data: {"a":\n\n'])]),
        Script(batches=[events([b'data: ["a"]\n\n'])]),
        Script(batches=[events([b"data: words\n\n"])]),
        Script(batches=[[CHAT]]),
    ],
)
async def test_a_stream_that_never_begins_is_no_answer(script: Script) -> None:
    call, provider = stage({"a": [script], "b": [streamed()]})
    asked = exchange(A, B, stream=True)
    assert (await read(call, asked))[-1].data == b"[DONE]"
    assert asked.target is B
    assert len(provider.left) == 2


async def test_the_client_s_own_error_is_told_at_once() -> None:
    call, provider = stage({"a": [Script(refusal=UpstreamRejected(400, b'{"error":1}', "x"))]})
    asked = exchange(A, B)
    with pytest.raises(UpstreamRejected) as caught:
        await read(call, asked)
    assert caught.value.body == b'{"error":1}'
    assert len(provider.sent) == 1
    assert results(asked) == [("a", "upstream_rejected")]
    assert not asked.knows("target")


async def test_attempts_are_bounded_and_the_last_failure_is_told() -> None:
    call, provider = stage({"a": [UNREACHABLE], "*": [Script(refusal=UpstreamTimeout("late"))]}, attempts=2)
    asked = exchange(A, B, C)
    with pytest.raises(UpstreamTimeout):
        await read(call, asked)
    assert [sent.target for sent in provider.sent] == [A, B]


async def test_nothing_after_the_first_event_goes_elsewhere() -> None:
    health = Health(lambda: 0.0)
    broken = Script(
        batches=[[event] for event in events(upstream.chat_events(["a"]))[:2]],
        failure=UpstreamError(Reason.UPSTREAM_RESET, "x"),
    )
    call, provider = stage({"a": [broken]}, health)
    for _ in range(FAILURES):
        asked = exchange(A, B, stream=True)
        async with call.open(asked) as answer:
            assert await answer.read()
            assert await answer.read()
            with pytest.raises(UpstreamError):
                await answer.read()
    assert all(sent.target is A for sent in provider.sent)
    assert asked.usage.estimated


async def test_failures_open_the_circuit_and_the_client_s_own_do_not() -> None:
    health = Health(lambda: 0.0)
    call, _ = stage({"a": [UNREACHABLE], "b": [Script(refusal=UpstreamRejected(400, b"", "x"))]}, health)
    for _ in range(FAILURES):
        for to in (A, B):
            with pytest.raises(UpstreamError):
                await read(call, exchange(to))
    assert not health.available("a")
    assert health.available("b")
    limited = UpstreamRejected(429, b"", "x", headers={"retry-after": "5"})
    call, _ = stage({"c": [Script(refusal=limited)]}, health)
    with pytest.raises(UpstreamRejected):
        await read(call, exchange(C))
    assert health.available("c")
    assert health.throttled("c")


async def test_an_error_in_mid_stream_ends_it() -> None:
    first = events(upstream.chat_events(["a"]))[:2]
    script = Script(batches=[first, events([b'data: {"error":{"message":"no","code":503}}\n\n'])])
    call, _ = stage({"*": [script]})
    async with call.open(exchange(A, stream=True)) as answer:
        assert len(await answer.read()) == 2
        with pytest.raises(UpstreamRejected) as caught:
            await answer.read()
        assert caught.value.status == 503


async def test_a_client_that_leaves_while_waiting() -> None:
    call, provider = stage({"*": [Script(hold=asyncio.Event())]})
    asked = exchange(A, B)
    task = asyncio.ensure_future(read(call, asked))
    await provider.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert results(asked) == [("a", "client_gone")]
    assert asked.target is A


async def test_tool_calls_are_noted() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    answer = whole(json.loads(upstream.chat_answer("", tool_calls=calls).body))
    call, _ = stage({"*": [Script(batches=[[answer]])]})
    asked = exchange(A)
    await read(call, asked)
    assert (asked.tool_calls, asked.finish) == (["look"], "tool_calls")


ACROSS = msgspec.structs.replace(A, dialects=(DialectName.ANTHROPIC_MESSAGES,), upstream_model="claude")


async def test_across_dialects() -> None:
    message = whole(json.loads(upstream.messages_answer("salut").body))
    call, provider = stage({"*": [Script(batches=[[message]])]})
    asked = exchange(ACROSS, headers={"anthropic-beta": "b"}, seed=7)
    (event,) = await read(call, asked)
    assert event.document["choices"][0]["message"]["content"] == "salut"
    sent = json.loads(provider.sent[0].request.body)
    assert (sent["model"], sent["max_tokens"]) == ("claude", 1_000)
    assert "anthropic-beta" not in provider.sent[0].request.headers
    assert (asked.usage.input, asked.usage.output, asked.finish) == (7, 5, "end_turn")
    assert asked.response_headers["x-sluicegate-dropped"] == "seed"


async def test_across_dialects_streamed() -> None:
    raws = upstream.messages_events(["sa", "lut"])
    batches = [[Event(raw, raw.split(b"data: ")[1][:-2], raw[7 : raw.index(b"\n")].decode())] for raw in raws]
    call, _ = stage({"*": [Script(batches=batches)]})
    got = await read(call, exchange(ACROSS, stream=True))
    texts = [c["delta"].get("content") or "" for e in got[:-1] for c in e.document["choices"]]
    assert "".join(texts) == "salut"
    assert got[-1].data == b"[DONE]"


async def test_a_refusal_across_dialects_loses_its_body() -> None:
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"too long"}}'
    call, _ = stage({"*": [Script(refusal=UpstreamRejected(400, body, "x", headers={"retry-after": "1"}))]})
    with pytest.raises(UpstreamRejected) as caught:
        await read(call, exchange(ACROSS))
    assert (caught.value.status, caught.value.body, caught.value.headers) == (400, b"", {"retry-after": "1"})
    assert "too long" in caught.value.message


async def test_what_one_target_cannot_be_asked_goes_to_the_next() -> None:
    call, provider = stage({"*": [Script(batches=[[CHAT]])]})
    asked = exchange(ACROSS, B, n=2)
    await read(call, asked)
    assert [sent.target for sent in provider.sent] == [B]
    assert results(asked) == [("b", "answered")]
    with pytest.raises(UnsupportedFeature):
        await read(call, exchange(ACROSS, n=2))


async def test_an_unknown_kind_is_unreachable() -> None:
    call, _ = stage({})
    with pytest.raises(UpstreamError) as caught:
        await read(call, exchange(target(kind="nobody")))
    assert caught.value.reason is Reason.UPSTREAM_UNREACHABLE


def test_frames_are_what_the_scripts_say() -> None:
    assert events([frame(b"{}")])[0].data == b"{}"


async def test_a_budget_bounds_an_answer_that_the_client_does_not() -> None:
    """What was reserved for the answer is the most it may become."""
    for budgets, bound in (((), None), ((Budget("key:k", Period.DAY, None, 10),), A.max_output_tokens)):
        call, provider = stage({"a": [Script(batches=[[CHAT]])]})
        asked = exchange(A)
        del asked.__dict__["grant"]
        asked.grant = grant(*budgets)
        await read(call, asked)
        assert json.loads(provider.sent[0].request.body).get("max_completion_tokens") == bound


BOTH = (ClientHeader.ANTHROPIC_BETA, ClientHeader.ANTHROPIC_VERSION)


@pytest.mark.parametrize(
    ("name", "value", "travels"),
    [
        ("traceparent", TRACE, True),
        ("traceparent", "my card is 4111 1111 1111 1111", False),
        ("tracestate", "vendor=anything at all", False),
        ("anthropic-beta", "context-management-2025-06-27,effort-2025-11-24", True),
        ("anthropic-beta", "my card is 4111", False),
        ("anthropic-version", "2023-06-01", True),
    ],
)
async def test_a_clients_header_travels_on_only_in_its_form(name: str, value: str, travels: bool) -> None:
    target_a = target(deployment="a", kind="scripted", dialects=(DialectName.ANTHROPIC_MESSAGES,), client_headers=BOTH)
    message = whole(json.loads(upstream.messages_answer("hi").body))
    call, provider = stage({"a": [Script(batches=[[message]])]})
    asked = exchange(target_a, dialect=DialectName.ANTHROPIC_MESSAGES, headers={name: value}, max_tokens=5)
    await read(call, asked)
    assert (name in provider.sent[0].request.headers) is travels


async def test_a_target_is_asked_in_the_client_s_dialect_where_it_speaks_it() -> None:
    both = msgspec.structs.replace(A, dialects=(DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES))
    message = whole(json.loads(upstream.messages_answer("hi").body))
    call, provider = stage({"*": [Script(batches=[[message]])]})
    asked = exchange(both, dialect=DialectName.ANTHROPIC_MESSAGES, max_tokens=5)
    assert await read(call, asked) == [message]
    sent = provider.sent[0].request
    assert (sent.dialect, sent.body, sent.model) == (DialectName.ANTHROPIC_MESSAGES, asked.arrival.body, "m")


async def test_a_client_is_translated_to_the_first_dialect_and_no_other() -> None:
    embeds = msgspec.structs.replace(A, dialects=(DialectName.OPENAI_EMBEDDINGS, DialectName.OPENAI_CHAT))
    call, provider = stage({"*": [Script(batches=[[CHAT]])]})
    with pytest.raises(UnsupportedFeature, match="anthropic_messages"):
        await read(call, exchange(embeds, dialect=DialectName.ANTHROPIC_MESSAGES, max_tokens=5))
    assert not provider.sent
    await read(call, exchange(embeds, B, dialect=DialectName.ANTHROPIC_MESSAGES, max_tokens=5))
    assert [sent.target for sent in provider.sent] == [B]
    assert provider.sent[0].request.dialect is DialectName.OPENAI_CHAT


async def test_what_is_called_goes_on_as_it_came() -> None:
    call, provider = stage({"*": [Script(batches=[[Event(b"sound", b"", framed=False, kind="audio/mpeg")]])]})
    asked = exchange(msgspec.structs.replace(A, upstream_model="other"))
    asked.arrival.kind, asked.arrival.method, asked.arrival.tail = "multipart/form-data; boundary=x", "DELETE", "/resp_1"
    asked.arrival.write = lambda document: f"form of {document['model']}".encode()
    (event,) = await read(call, asked)
    assert (event.raw, event.kind) == (b"sound", "audio/mpeg")
    sent = provider.sent[0].request
    assert (sent.kind, sent.method, sent.tail) == ("multipart/form-data; boundary=x", "DELETE", "/resp_1")
    assert (sent.body, sent.model) == (b"form of other", "other")


async def test_a_route_is_gone_again_after_failures_that_cost_nothing() -> None:
    limited = Script(refusal=UpstreamRejected(429, b"", "x"))
    call, _ = stage({"a": [limited, Script(batches=[[CHAT]])], "b": [UNREACHABLE]}, retry=5)
    asked = exchange(A, B)
    assert await read(call, asked) == [CHAT]
    assert results(asked) == [("a", "upstream_rejected"), ("b", "upstream_unreachable"), ("a", "answered")]


@pytest.mark.parametrize(
    ("script", "retry"),
    [
        (Script(refusal=UpstreamTimeout("late")), 5),  # may have cost something
        (Script(refusal=UpstreamRejected(400, b"", "x")), 5),  # the client's own
        (Script(refusal=UpstreamRejected(429, b"", "x", headers={"retry-after": "6"})), 5),  # later than the time there is
        (UNREACHABLE, 0),
    ],
)
async def test_what_is_not_repeated(script: Script, retry: float) -> None:
    call, provider = stage({"a": [script]}, retry=retry)
    with pytest.raises(UpstreamError):
        await read(call, exchange(A))
    assert len(provider.sent) == 1


async def test_attempts_bound_repeats_and_so_does_the_budget() -> None:
    call, provider = stage({"*": [UNREACHABLE]}, retry=5, attempts=3)
    many = [msgspec.structs.replace(A, deployment=str(n), circuit=str(n)) for n in range(100)]
    for each in many:
        with pytest.raises(UpstreamError):
            await read(call, exchange(each))
    # each call earns a tenth of a repeat, beside what was saved
    assert len(many) + SAVED <= len(provider.sent) <= len(many) * 1.1 + SAVED


async def test_a_circuit_that_has_opened_meanwhile_is_not_called_again() -> None:
    call, provider = stage({"*": [UNREACHABLE]}, retry=5, attempts=20)
    with pytest.raises(UpstreamError):
        await read(call, exchange(A))
    assert len(provider.sent) == FAILURES


async def test_a_target_at_its_own_limit_is_passed_over() -> None:
    limited = msgspec.structs.replace(A, rate=RateLimit(requests_per_minute=1))
    call, _ = stage({"*": [Script(batches=[[CHAT]])]})
    first, second, third = exchange(limited, B), exchange(limited, B), exchange(limited)
    await read(call, first)
    await read(call, second)
    assert (first.target.deployment, second.target.deployment) == ("a", "b")
    assert first.capacity is not None
    assert second.capacity is None
    with pytest.raises(Denied) as caught:
        await read(call, third)
    assert caught.value.status == 429
    assert 1 <= int(caught.value.headers["retry-after"]) <= 61


async def test_what_a_failed_call_took_of_its_target_s_limits_comes_back() -> None:
    limited = msgspec.structs.replace(A, rate=RateLimit(tokens_per_minute=60, concurrent=1))
    call, _ = stage({"a": [UNREACHABLE, UNREACHABLE, Script(batches=[[CHAT]])]})
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await read(call, exchange(limited))
    asked = exchange(limited)
    assert await read(call, asked) == [CHAT]
    assert asked.capacity is not None
    with pytest.raises(Denied):  # it is still under way
        await read(call, exchange(limited))
    asked.capacity(10)
    assert await read(call, exchange(limited)) == [CHAT]


GEMINI = Gemini("m", stream=True)
G = msgspec.structs.replace(A, dialects=(DialectName.GEMINI,), upstream_model="gemini-x")


def chunk(text: str = "", finish: str | None = None) -> Event:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, **({"finishReason": finish} if finish else {})}
    return sse({"candidates": [candidate]})


def gemini() -> Exchange:
    asked = Exchange("e" * 32, GEMINI, Arrival("/v1beta/x", "127.0.0.1", {}, b'{"contents": [{"parts":[{"text":"a"}]}]}'))
    asked.grant = grant()
    asked.document = json.loads(asked.arrival.body)
    asked.ask = GEMINI.read(asked.document)
    asked.route = (G,)
    return asked


@pytest.mark.parametrize("failure", [None, UpstreamError(Reason.UPSTREAM_RESET, "x")])
async def test_without_a_mark_of_the_end_the_connections_end_after_a_reason_is_one(failure: UpstreamError | None) -> None:
    late = sse({"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}})
    batches = [[chunk("a")], [chunk("b", "STOP")], [late, Event(b": bye\n\n", b"")]]
    call, provider = stage({"*": [Script(batches=batches, failure=failure)]})
    asked = gemini()
    out = await read(call, asked)
    assert [(GEMINI.ended(event), event.data[:14]) for event in out] == [
        (False, b'{"candidates":'),
        (False, b'{"candidates":'),
        (True, b'{"usageMetadat'),
    ]
    assert (asked.usage.input, asked.usage.output, asked.finish) == (3, 2, "STOP")
    assert (provider.sent[0].request.model, provider.sent[0].request.body) == ("gemini-x", asked.arrival.body)


async def test_without_a_reason_to_finish_there_is_no_end() -> None:
    call, _ = stage({"*": [Script(batches=[[chunk("a")], [chunk("b")]])]})
    assert not any(GEMINI.ended(event) for event in await read(call, gemini()))


async def test_a_header_that_the_provider_does_not_list_stays_here() -> None:
    call, provider = stage({"*": [Script(batches=[[CHAT]])]})
    listed = msgspec.structs.replace(A, client_headers=(ClientHeader.OPENAI_PROJECT,))
    await read(call, exchange(listed, headers={"openai-project": "proj_1", "openai-organization": "org-1"}))
    assert set(provider.sent[0].request.headers) == {"openai-project", "x-sluicegate-exchange"}


async def test_quirks_change_what_is_sent_and_name_what_was_left_out() -> None:
    odd = msgspec.structs.replace(A, quirks=(Quirk.MAX_TOKENS, Quirk.NO_SAMPLING, Quirk.NO_STREAM_OPTIONS))
    call, provider = stage({"a": [UNREACHABLE, Script(batches=[[CHAT]])], "b": [Script(batches=[[CHAT]])]})
    asked = exchange(odd, B, max_completion_tokens=5, temperature=0.5)
    await read(call, asked)
    first, second = (json.loads(sent.request.body) for sent in provider.sent)
    assert (first["max_tokens"], "temperature" in first, "max_completion_tokens" in first) == (5, False, False)
    assert provider.sent[1].request.body == asked.arrival.body
    assert (second["max_completion_tokens"], second["temperature"]) == (5, 0.5)
    assert "x-sluicegate-dropped" not in asked.response_headers
    asked = exchange(odd, max_completion_tokens=5, temperature=0.5)
    await read(call, asked)
    assert asked.response_headers["x-sluicegate-dropped"] == "temperature"


async def test_quirks_of_a_target_in_another_dialect() -> None:
    odd = msgspec.structs.replace(A, quirks=(Quirk.MAX_TOKENS,))
    call, provider = stage({"*": [Script(batches=[[CHAT]])]})
    await read(call, exchange(odd, dialect=DialectName.ANTHROPIC_MESSAGES, max_tokens=5))
    assert json.loads(provider.sent[0].request.body)["max_tokens"] == 5


KEY, OWN = "sk-sg" + "-key", "sk-ant" + "-own"


def with_own_credential(*route: Target, **more: Any) -> Exchange:
    asked = exchange(*route, headers={"x-sluicegate-key": KEY}, **more)
    asked.arrival.raw = [(b"x-api-key", OWN.encode()), (b"authorization", f"Bearer {KEY}".encode()), (b"x-any", b"1")]
    asked.own_credential = True
    return asked


async def test_a_client_s_own_credential_goes_to_one_provider_and_the_key_to_none() -> None:
    elsewhere_ = msgspec.structs.replace(B, base_url="http://127.0.0.1:2/v1")
    call, provider = stage({"a": [UNREACHABLE], "b": [Script(batches=[[CHAT]])]})
    with pytest.raises(UpstreamError):
        await read(call, with_own_credential(A, elsewhere_))
    assert [sent.target for sent in provider.sent] == [A]
    assert provider.sent[0].request.own == [(b"x-api-key", OWN.encode()), (b"x-any", b"1")]
    await read(call, with_own_credential(A, B))
    assert provider.sent[-1].target is B
    await read(call, exchange(B))
    assert provider.sent[-1].request.own is None


async def test_a_client_s_own_credential_is_never_translated() -> None:
    call, provider = stage({"*": [Script(batches=[[CHAT]])]})
    with pytest.raises(UnsupportedFeature, match="its own API"):
        await read(call, with_own_credential(A, dialect=DialectName.ANTHROPIC_MESSAGES, max_tokens=5))
    assert not provider.sent


class Keeping:
    """Remembers whose an answer is, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.kept: list[tuple[str, str, str, Kept]] = []
        self._failure = failure

    async def keep(self, organisation: str, use_case: str, answer: str, kept: Kept) -> None:
        if self._failure is not None:
            raise self._failure
        self.kept.append((organisation, use_case, answer, kept))


def storing(keeping: Keeping, *answer: Event, **fields: Any) -> tuple[Call, ScriptedProvider, Exchange]:
    made, provider = stage({"*": [Script(batches=[[event] for event in answer])]})
    spoken = {**DIALECTS, DialectName.OPENAI_RESPONSES: OpenAIResponses()}
    call = Call(
        made.providers, spoken, Standing(made.health, made.scores, made.retries, made.capacity), Bounds(), {}, keeping
    )
    asked = exchange(msgspec.structs.replace(A, dialects=(DialectName.OPENAI_RESPONSES,)))
    asked.dialect = spoken[DialectName.OPENAI_RESPONSES]
    asked.__dict__["document"] = {"model": "m", "input": "Hi", **fields}
    asked.__dict__["ask"] = asked.dialect.read(asked.document)
    return call, provider, asked


async def test_it_is_durable_whose_a_stored_answer_is_before_its_first_event_is_given() -> None:
    keeping = Keeping()
    call, _, asked = storing(keeping, whole(responses.response([])))
    async with call.open(asked) as answer:
        kept = Kept("m", A.provider, "", asked.usage.total)
        assert keeping.kept == [("o" * 32, "u" * 32, "resp_1abc2def", kept)]
        assert await collect(answer)
    call, _, asked = storing(keeping, whole(responses.response([])), store=False)
    await read(call, asked)
    assert len(keeping.kept) == 1


async def test_a_streamed_answer_brings_along_what_it_may_have_until_it_is_complete() -> None:
    keeping = Keeping()
    said = [sse(event, event["type"]) for event in responses.events([responses.message("Hello")])]
    call, _, asked = storing(keeping, *said, stream=True)
    await read(call, asked)
    assert [kept.tokens for _, _, _, kept in keeping.kept] == [asked.reservation.tokens, asked.usage.total]


@pytest.mark.parametrize(
    ("failure", "body", "raised"),
    [(OSError("full"), responses.response([]), OSError), (None, responses.response([], id="odd id"), UpstreamError)],
)
async def test_what_cannot_be_remembered_is_not_given_and_the_call_is_over(
    failure: Exception | None, body: Any, raised: type[Exception]
) -> None:
    call, provider, asked = storing(Keeping(failure), whole(body))
    with pytest.raises(raised):
        async with call.open(asked):
            pass
    assert provider.left == [False]
