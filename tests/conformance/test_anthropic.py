"""anthropic-python against the running gateway, in front of a provider of its own dialect and of OpenAI's."""

from typing import Any

import anthropic
import pytest

from tests.conformance.answers import CALLS, chat_calls, messages_calls
from tests.conformance.conftest import Bench
from tests.conformance.test_openai import MODELS, PIXEL, script
from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL
from tests.support.upstream import chat_answer, chat_stream, json_reply, messages_answer, messages_stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS: Any = [
    {
        "name": name,
        "description": "A tool.",
        "input_schema": {"type": "object", "properties": {key: {"type": "string"} for key in arguments}},
    }
    for _, name, arguments in CALLS
]
ASK: Any = [{"role": "user", "content": "Hello"}]


def client(bench: Bench, key: str = KEY) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=f"{bench.gateway.url}/anthropic", api_key=key, max_retries=0)


def said(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@MODELS
async def test_plain(bench: Bench, model: str) -> None:
    script(bench, model, chat_answer("hello"), messages_answer("hello"))
    async with client(bench) as sdk:
        answer = await sdk.messages.create(model=model, max_tokens=50, messages=ASK, system="Be kind.")
    assert said(answer) == "hello"
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 5)
    sent = bench.upstream.requests[0].json()
    if model == CHAT_MODEL:
        assert sent["messages"][0] == {"role": "system", "content": "Be kind."}
    else:
        assert sent["system"] == "Be kind."


@MODELS
async def test_streamed(bench: Bench, model: str) -> None:
    script(bench, model, chat_stream(["he", "l", "lo"]), messages_stream(["he", "l", "lo"]))
    async with client(bench) as sdk, sdk.messages.stream(model=model, max_tokens=50, messages=ASK) as stream:
        texts = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert "".join(texts) == said(message) == "hello"
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == 3


@MODELS
@pytest.mark.parametrize("stream", [False, True])
async def test_parallel_tool_calls(bench: Bench, model: str, stream: bool) -> None:
    script(bench, model, chat_calls(stream=stream), messages_calls(stream=stream))
    ask: Any = {"model": model, "max_tokens": 50, "messages": ASK, "tools": TOOLS}
    async with client(bench) as sdk:
        if stream:
            async with sdk.messages.stream(**ask) as events:
                answer = await events.get_final_message()
        else:
            answer = await sdk.messages.create(**ask)
    calls = [(block.id, block.name, block.input) for block in answer.content if block.type == "tool_use"]
    assert calls == list(CALLS)
    assert answer.stop_reason == "tool_use"


@MODELS
async def test_tool_results_and_images_go_back(bench: Bench, model: str) -> None:
    script(bench, model, chat_answer("20 degrees"), messages_answer("20 degrees"))
    id, name, arguments = CALLS[0]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    messages: Any = [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, image]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": name, "input": arguments}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "20"}]},
    ]
    async with client(bench) as sdk:
        answer = await sdk.messages.create(model=model, max_tokens=50, messages=messages, tools=TOOLS)
    assert said(answer) == "20 degrees"
    sent = bench.upstream.requests[0].json()["messages"]
    if model == MESSAGES_MODEL:
        assert sent == messages
    else:
        assert sent[0]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"
        assert sent[1]["tool_calls"][0]["function"]["name"] == name
        assert sent[2] == {"role": "tool", "tool_call_id": id, "content": "20"}


async def test_a_wrong_key_raises_the_sdks_own_exception(bench: Bench) -> None:
    async with client(bench, KEY[:-1]) as sdk:
        with pytest.raises(anthropic.PermissionDeniedError) as error:
            await sdk.messages.create(model=MESSAGES_MODEL, max_tokens=5, messages=ASK)
    assert error.value.request_id is not None


async def test_a_missing_key(bench: Bench) -> None:
    import httpx

    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{bench.gateway.url}/v1/messages", json={})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"


async def test_a_blocked_prompt(bench: Bench) -> None:
    secret = "AKIA" + "IOSFODNN7" + "QXMPLQ2"
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": f"use {secret}"}]}]
    async with client(bench) as sdk:
        with pytest.raises(anthropic.BadRequestError) as error:
            await sdk.messages.create(model=MESSAGES_MODEL, max_tokens=5, messages=messages)
    assert secret not in str(error.value)
    assert bench.upstream.requests == []


@MODELS
async def test_a_providers_rejection(bench: Bench, model: str) -> None:
    chat = json_reply({"error": {"message": "too long", "type": "invalid_request_error", "code": "context"}}, 400)
    messages = json_reply({"type": "error", "error": {"type": "invalid_request_error", "message": "too long"}}, 400)
    script(bench, model, chat, messages)
    async with client(bench) as sdk:
        with pytest.raises(anthropic.BadRequestError, match="too long"):
            await sdk.messages.create(model=model, max_tokens=5, messages=ASK)


@MODELS
async def test_a_stream_that_breaks_off_raises(bench: Bench, model: str) -> None:
    script(bench, model, chat_stream(["a", "b"], reset_after=2), messages_stream(["a", "b"], reset_after=3))
    async with client(bench) as sdk:
        stream = await sdk.messages.create(model=model, max_tokens=5, messages=ASK, stream=True)
        with pytest.raises(anthropic.APIError):
            async for _ in stream:
                pass
