import json
from collections.abc import Mapping
from typing import Any

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UpstreamError, UpstreamRejected
from sluicegate.secrets.reference import credential
from tests.support.calls import DOCUMENT, Caller, request, target
from tests.support.upstream import Reply, Upstream, chat_events, chat_stream, json_reply, messages_answer

SECRET = "hush" + "-hush"
KEY = credential("env:KEY", {"KEY": SECRET})


async def sent(client: Mapping[str, str] | None = None, /, **changes: Any) -> dict[str, str]:
    """The headers that a call to such a target sends."""
    async with Upstream() as upstream, Caller() as caller:
        await caller.call(target(upstream.base_url + "/v1", credential=KEY, **changes), headers=client or {})
        got = upstream.requests[0]
        assert got.body == DOCUMENT
        return {**got.headers, ":path": got.path, ":method": got.method}


async def test_openai() -> None:
    headers = await sent({"x-sluicegate-exchange": "e", "traceparent": "t", "anthropic-beta": "b\r\nx: y"})
    assert headers[":path"] == "/v1/chat/completions"
    assert headers[":method"] == "POST"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert (headers["x-sluicegate-exchange"], headers["traceparent"]) == ("e", "t")
    assert (headers["accept-encoding"], headers["content-type"]) == ("identity", "application/json")
    assert "anthropic-beta" not in headers
    assert "anthropic-version" not in headers
    assert "x" not in headers


async def test_anthropic() -> None:
    headers = await sent(dialects=(DialectName.ANTHROPIC_MESSAGES,))
    assert headers[":path"] == "/v1/messages"
    assert headers["x-api-key"] == SECRET
    assert headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in headers
    own = await sent({"anthropic-version": "2099-01-01"}, dialects=(DialectName.ANTHROPIC_MESSAGES,))
    assert own["anthropic-version"] == "2099-01-01"
    given = await sent(dialects=(DialectName.ANTHROPIC_MESSAGES,), headers={"Anthropic-Version": "2024-01-01"})
    assert given["anthropic-version"] == "2024-01-01"


async def test_static_headers() -> None:
    assert (await sent(headers={"X-Team": "a"}))["x-team"] == "a"


async def test_a_target_that_cannot_be_used_is_unreachable() -> None:
    async with Caller() as caller:
        for to in (target("ftp://h"), target(headers={"Host": "x"})):
            with pytest.raises(UpstreamError) as caught:
                await caller.call(to)
            assert caught.value.reason is Reason.UPSTREAM_UNREACHABLE


async def test_a_secret_that_cannot_be_read() -> None:
    async with Caller() as caller:
        with pytest.raises(UpstreamError) as caught:
            await caller.call(target(credential=credential("env:NONE", {})))
        assert caught.value.reason is Reason.UPSTREAM_AUTH
        assert "NONE" not in caught.value.message


async def test_a_new_target_of_the_same_name_is_used_at_once() -> None:
    async with Upstream() as upstream, Caller() as caller:
        await caller.call(target(upstream.base_url + "/a"))
        await caller.call(target(upstream.base_url + "/b"))
        await caller.call(target(upstream.base_url + "/v1", dialects=(DialectName.ANTHROPIC_MESSAGES,)))
        assert [request.path for request in upstream.requests] == [
            "/a/chat/completions",
            "/b/chat/completions",
            "/v1/messages",
        ]


async def test_an_answer_keeps_its_bytes_and_few_of_its_headers() -> None:
    async with Upstream() as upstream, Caller() as caller:
        hostile = {"Set-Cookie": "a=b", "Access-Control-Allow-Origin": "*", "X-RateLimit-Remaining": "1"}
        upstream.script(Reply(body=b'{ "a" : 1.0 }', headers=hostile | {"x-request-id": "r\t1", "openai-version": "v"}))
        to = target(upstream.base_url)
        async with caller.provider.send(to, request(to)) as answer:
            assert answer.status == 200
            assert answer.headers == {"x-upstream-request-id": "r1", "openai-version": "v"}
            (event,) = await answer.read()
            assert (event.raw, event.framed, event.document) == (b'{ "a" : 1.0 }', False, {"a": 1})
            assert await answer.read() == ()


async def test_a_stream_keeps_its_bytes() -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(chat_stream(["a", "b"]))
        to = target(upstream.base_url)
        for _ in range(2):
            assert [event.raw for event in await caller.call(to, stream=True)] == chat_events(["a", "b"])
        assert upstream.connections == 1


GEMINI = (DialectName.GEMINI, DialectName.GEMINI_COUNT_TOKENS)


async def test_a_model_in_the_address() -> None:
    async with Upstream() as upstream, Caller() as caller:
        to = target(upstream.base_url, dialects=GEMINI, upstream_model="*", credential=KEY)
        upstream.script(json_reply({}), chat_stream(["a"]), json_reply({}))
        await caller.call(to, model="flash/2?é")
        await caller.call(to, model="pro", stream=True)
        await caller.call(to, model="pro", dialect=DialectName.GEMINI_COUNT_TOKENS)
        assert [request.path for request in upstream.requests] == [
            "/v1beta/models/flash%2F2%3F%C3%A9:generateContent",
            "/v1beta/models/pro:streamGenerateContent?alt=sse",
            "/v1beta/models/pro:countTokens",
        ]
        assert {request.headers["x-goog-api-key"] for request in upstream.requests} == {SECRET}
        with pytest.raises(UpstreamError) as caught:
            await caller.call(to, model="..")
        assert caught.value.reason is Reason.UPSTREAM_UNREACHABLE


async def test_a_target_speaks_several_dialects() -> None:
    async with Upstream() as upstream, Caller() as caller:
        spoken = (DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES, DialectName.OPENAI_EMBEDDINGS)
        to = target(upstream.base_url + "/v1", dialects=spoken, credential=KEY)
        upstream.script(json_reply({}))
        for dialect in spoken:
            await caller.call(to, dialect=dialect)
        assert [request.path for request in upstream.requests] == ["/v1/chat/completions", "/v1/messages", "/v1/embeddings"]
        assert [request.headers.get("x-api-key") for request in upstream.requests] == [None, SECRET, None]


async def test_another_method_and_what_stands_behind_the_path() -> None:
    async with Upstream() as upstream, Caller() as caller:
        to = target(upstream.base_url + "/v1", dialects=(DialectName.OPENAI_RESPONSES,))
        upstream.script(json_reply({}))
        await caller.call(to, method="GET", tail="/resp_1/input_items?limit=2", body=b"")
        assert (upstream.requests[0].method, upstream.requests[0].path) == (
            "GET",
            "/v1/responses/resp_1/input_items?limit=2",
        )
        for tail in ("/a b", "/a\r\nx: y", "/../secret", "/é", "/a#b"):
            with pytest.raises(UpstreamError):
                await caller.call(to, tail=tail)
        assert upstream.hits == 1


async def test_bodies_and_answers_that_are_no_json() -> None:
    async with Upstream() as upstream, Caller() as caller:
        kind = "multipart/form-data; boundary=x"
        upstream.script(Reply(content_type="text/plain; charset=utf-8", body=b"{said"))
        to = target(upstream.base_url, dialects=(DialectName.OPENAI_TRANSCRIPTIONS, DialectName.OPENAI_SPEECH))
        (text,) = await caller.call(to, kind=kind, body=b"--x--")
        assert (upstream.requests[0].headers["content-type"], upstream.requests[0].body) == (kind, b"--x--")
        assert (text.raw, text.data, text.kind, text.document) == (b"{said", b"", "text/plain; charset=utf-8", None)
        upstream.script(Reply(content_type="audio/mpeg", body=b"\x00\xff"))
        (sound,) = await caller.call(to, dialect=DialectName.OPENAI_SPEECH)
        assert (sound.raw, sound.kind, sound.framed) == (b"\x00\xff", "audio/mpeg", False)
        for change in ({}, {"dialect": DialectName.OPENAI_SPEECH, "stream": True}):
            with pytest.raises(UpstreamError) as caught:
                await caller.call(to, **change)
            assert caught.value.reason is Reason.UPSTREAM_INVALID
        with pytest.raises(UpstreamError):
            await caller.call(to, kind="text/plain\r\nx: y")


@pytest.mark.parametrize("status", [400, 404, 408, 422, 429, 500, 503, 529])
async def test_an_error_status_with_a_json_body(status: int) -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(json_reply({"error": {"message": "no"}}, status, headers={"Retry-After": "5", "Set-Cookie": "x"}))
        with pytest.raises(UpstreamRejected) as caught:
            await caller.call(target(upstream.base_url), stream=True)
        assert caught.value.status == status
        assert json.loads(caught.value.body) == {"error": {"message": "no"}}
        assert caught.value.headers == {"retry-after": "5"}
        upstream.script(json_reply({}))
        assert len(await caller.call(target(upstream.base_url))) == 1
        assert upstream.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500, content_type="text/html", body=b"<html>hush</html>"),
        Reply(status=500, body=b"<html>"),
        Reply(status=500, body=b'{"a":"' + b"x" * 100_000 + b'"}'),
        Reply(status=500, body=b"{}", headers={"Content-Encoding": "gzip"}),
        json_reply({"error": SECRET}, 400),
    ],
)
async def test_what_never_passes_through(reply: Reply) -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(reply)
        with pytest.raises(UpstreamRejected) as caught:
            await caller.call(target(upstream.base_url, credential=KEY))
        assert caught.value.body == b""
        assert "hush" not in caught.value.message


@pytest.mark.parametrize("status", [401, 403])
async def test_the_gateway_s_credential_was_refused(status: int) -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(json_reply({"error": {"message": f"bad key {SECRET}"}}, status))
        with pytest.raises(UpstreamError) as caught:
            await caller.call(target(upstream.base_url, credential=KEY))
        assert (caught.value.reason, caught.value.status) == (Reason.UPSTREAM_AUTH, 502)
        assert not isinstance(caught.value, UpstreamRejected)
        assert SECRET not in caught.value.message


async def test_a_stream_where_none_was_asked() -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(chat_stream(["a"]))
        with pytest.raises(UpstreamError) as caught:
            await caller.call(target(upstream.base_url))
        assert caught.value.reason is Reason.UPSTREAM_INVALID


async def test_an_answer_beyond_the_bound() -> None:
    async with Upstream() as upstream, Caller(max_answer_bytes=100) as caller:
        upstream.script(messages_answer("x" * 200))
        with pytest.raises(UpstreamError) as caught:
            await caller.call(target(upstream.base_url))
        assert caught.value.reason is Reason.UPSTREAM_INVALID
