"""Official SDKs through the running gateway to clouds: Bedrock's Converse and its Anthropic, Vertex's, Azure's deployments.

botocore's own parser reads what the scripted provider sends, and its validator what the gateway sends it.
"""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import anthropic
import openai
import pytest
import pytest_asyncio
from botocore.session import Session
from botocore.validate import ParamValidator

from tests.support import eventstream
from tests.support.gateway import KEY, governed, start
from tests.support.upstream import Reply, Upstream, chat_answer, json_reply, messages_answer, messages_stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

AWS_KEY = ":".join(("AKID" + "EXAMPLE", "sec" + "ret"))
SECRET = "hush" + "-hush"
ASK: Any = [{"role": "user", "content": "Hello"}]
USAGE = {"inputTokens": 4, "outputTokens": 2, "totalTokens": 14, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 3}
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
    "metrics": {"latencyMs": 1},
}
MODEL_ID = "eu.anthropic.claude-x-v1:0"


def converse_stream() -> list[bytes]:
    return [
        eventstream.event("messageStart", {"role": "assistant"}),
        *(
            eventstream.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})
            for text in ("he", "llo")
        ),
        eventstream.event("contentBlockStop", {"contentBlockIndex": 0}),
        eventstream.event("messageStop", {"stopReason": "end_turn"}),
        eventstream.event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
    ]


def amazon(pieces: list[bytes], **options: Any) -> Reply:
    return Reply(content_type="application/vnd.amazon.eventstream", pieces=tuple(pieces), **options)


def settings(upstream: str) -> dict[str, Any]:
    given = governed(upstream, models=["*"])
    aws = {"region": "eu-central-1", "credential": "env:TEST_AWS", "base_url": upstream, "place": "on_prem"}
    token = {"auth": {"header": "Authorization", "scheme": "Bearer"}, "credential": "env:TEST_SECRET"}
    given["providers"] += [
        {"name": "converse", "preset": "aws", **aws},
        {"name": "invoke", "preset": "aws-anthropic", **aws},
        {"name": "vertex", "preset": "vertex-anthropic", "base_url": f"{upstream}/v1/projects/p", **token},
        {"name": "azure", "preset": "azure-deployments", "base_url": f"{upstream}/openai", "credential": "env:TEST_SECRET"},
    ]
    price = {"input": "1", "output": "2"}
    given["deployments"] += [
        {"name": name, "model": name, "provider": name, "upstream_model": MODEL_ID, "price": price, "place": "on_prem"}
        for name in ("converse", "invoke", "vertex", "azure")
    ]
    return given


class Clouds:
    def __init__(self, upstream: Upstream, url: str) -> None:
        self.upstream = upstream
        self.openai = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        self.anthropic = anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0)

    def sent(self) -> tuple[str, dict[str, Any], dict[str, str]]:
        """Path, body and headers of the last request."""
        request = self.upstream.requests[-1]
        return request.path, request.json(), dict(request.headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clouds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clouds]:
    async with Upstream() as upstream:
        env = {"TEST_AWS": AWS_KEY, "TEST_SECRET": SECRET}
        gateway = await start(tmp_path_factory.mktemp("gateway"), settings(upstream.base_url), env)
        made = Clouds(upstream, gateway.url)
        try:
            yield made
        finally:
            await made.openai.close()
            await made.anthropic.close()
            await gateway.stop()


@pytest.fixture(autouse=True)
def forget(clouds: Clouds) -> None:
    clouds.upstream.script()
    clouds.upstream.requests.clear()


def assert_signed(headers: dict[str, str]) -> None:
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/bedrock/aws4_request" in headers["authorization"]
    assert KEY not in str(headers)


async def test_chat_to_converse(clouds: Clouds) -> None:
    clouds.upstream.script(json_reply(ANSWER))
    answer = await clouds.openai.chat.completions.create(model="converse", messages=ASK, temperature=0.5)
    assert answer.choices[0].message.content == "hello"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 2)
    path, body, headers = clouds.sent()
    assert unquote(path) == f"/model/{MODEL_ID}/converse"
    assert_signed(headers)
    shape = Session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    assert not ParamValidator().validate({"modelId": MODEL_ID, **body}, shape).has_errors()


async def test_messages_streamed_to_converse(clouds: Clouds) -> None:
    clouds.upstream.script(amazon(converse_stream()))
    async with clouds.anthropic.messages.stream(model="converse", max_tokens=9, messages=ASK) as stream:
        texts = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert ("".join(texts), message.stop_reason) == ("hello", "end_turn")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (4, 5)
    assert unquote(clouds.sent()[0]) == f"/model/{MODEL_ID}/converse-stream"


async def test_messages_to_anthropic_on_bedrock(clouds: Clouds) -> None:
    events = [json.loads(raw.split(b"data: ")[1]) for raw in messages_stream(["he", "llo"]).pieces or ()]
    clouds.upstream.script(amazon([eventstream.chunk(event) for event in events]))
    beta = {"anthropic-beta": "context-management-2025-06-27"}
    async with clouds.anthropic.messages.stream(model="invoke", max_tokens=9, messages=ASK, extra_headers=beta) as stream:
        assert await stream.get_final_text() == "hello"
    path, body, headers = clouds.sent()
    assert unquote(path) == f"/model/{MODEL_ID}/invoke-with-response-stream"
    assert_signed(headers)
    assert {"model", "stream"}.isdisjoint(body)
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert body["anthropic_beta"] == ["context-management-2025-06-27"]
    clouds.upstream.script(messages_answer("hello"))
    whole = await clouds.openai.chat.completions.create(model="invoke", messages=ASK)
    assert whole.choices[0].message.content == "hello"
    assert unquote(clouds.sent()[0]) == f"/model/{MODEL_ID}/invoke"


async def test_messages_to_anthropic_on_vertex(clouds: Clouds) -> None:
    clouds.upstream.script(messages_stream(["he", "llo"]))
    async with clouds.anthropic.messages.stream(model="vertex", max_tokens=9, messages=ASK) as stream:
        assert await stream.get_final_text() == "hello"
    path, body, headers = clouds.sent()
    assert unquote(path) == f"/v1/projects/p/publishers/anthropic/models/{MODEL_ID}:streamRawPredict"
    assert (body["anthropic_version"], body["stream"], "model" in body) == ("vertex-2023-10-16", True, False)
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert "anthropic-version" not in headers


async def test_chat_to_an_azure_deployment(clouds: Clouds) -> None:
    clouds.upstream.script(chat_answer("hello"))
    await clouds.openai.chat.completions.create(model="azure", messages=ASK)
    path, _, headers = clouds.sent()
    assert unquote(path) == f"/openai/deployments/{MODEL_ID}/chat/completions?api-version=2024-10-21"
    assert (headers["api-key"], "authorization" in headers) == (SECRET, False)


async def test_a_refusal_is_told_in_the_client_s_words(clouds: Clouds) -> None:
    clouds.upstream.script(json_reply({"message": "too long"}, 400))
    with pytest.raises(openai.BadRequestError, match="too long"):
        await clouds.openai.chat.completions.create(model="converse", messages=ASK)
    clouds.upstream.script(json_reply({"message": "slow down"}, 429))
    with pytest.raises(anthropic.RateLimitError, match="slow down"):
        await clouds.anthropic.messages.create(model="converse", max_tokens=9, messages=ASK)


@pytest.mark.parametrize(
    "pieces",
    [
        [*converse_stream()[:3], eventstream.exception("throttlingException")],
        [*converse_stream()[:3], converse_stream()[3][:-1]],
        [*converse_stream()[:3], converse_stream()[3][:-1] + b"\x00"],
        [*converse_stream()[:3], b"\xff" * 12],
        converse_stream()[:3],
        converse_stream()[:5],
    ],
    ids=["exception", "cut", "checksum", "garbage", "no end", "no usage"],
)
async def test_what_breaks_in_mid_stream_is_an_error_of_the_sdk(clouds: Clouds, pieces: list[bytes]) -> None:
    clouds.upstream.script(amazon(pieces))
    stream = await clouds.openai.chat.completions.create(model="converse", messages=ASK, stream=True)
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass
    clouds.upstream.script(amazon(converse_stream()))
    stream = await clouds.openai.chat.completions.create(model="converse", messages=ASK, stream=True)
    texts = [choice.delta.content or "" async for part in stream for choice in part.choices]
    assert "".join(texts) == "hello"
