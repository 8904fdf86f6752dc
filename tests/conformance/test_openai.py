"""openai-python against the running gateway, in front of a provider of its own dialect and of Anthropic's."""

import json
from typing import Any

import openai
import pytest

from tests.conformance.answers import CALLS, chat_calls, messages_calls
from tests.conformance.conftest import Bench
from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL
from tests.support.upstream import Reply, chat_answer, chat_stream, json_reply, messages_answer, messages_stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODELS = pytest.mark.parametrize("model", [CHAT_MODEL, MESSAGES_MODEL])
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "A tool.",
            "parameters": {"type": "object", "properties": {key: {"type": "string"} for key in arguments}},
        },
    }
    for _, name, arguments in CALLS
]
ASK: Any = [{"role": "user", "content": "Hello"}]


def client(bench: Bench, key: str = KEY) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{bench.gateway.url}/v1", api_key=key, max_retries=0)


def script(bench: Bench, model: str, chat: Reply, messages: Reply) -> None:
    bench.upstream.script(chat if model == CHAT_MODEL else messages)


@MODELS
async def test_plain(bench: Bench, model: str) -> None:
    script(bench, model, chat_answer("hello"), messages_answer("hello"))
    async with client(bench) as sdk:
        answer = await sdk.chat.completions.create(model=model, messages=ASK)
    assert answer.choices[0].message.content == "hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 5)
    assert bench.upstream.requests[0].json()["model"] == model


@MODELS
async def test_streamed(bench: Bench, model: str) -> None:
    script(bench, model, chat_stream(["he", "l", "lo"]), messages_stream(["he", "l", "lo"]))
    async with client(bench) as sdk:
        stream = await sdk.chat.completions.create(
            model=model, messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "hello"
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 7


@MODELS
async def test_usage_nobody_asked_for_does_not_show(bench: Bench, model: str) -> None:
    script(bench, model, chat_stream(["hello"]), messages_stream(["hello"]))
    async with client(bench) as sdk:
        stream = await sdk.chat.completions.create(model=model, messages=ASK, stream=True)
        chunks = [chunk async for chunk in stream]
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    if model == CHAT_MODEL:
        assert bench.upstream.requests[0].json()["stream_options"] == {"include_usage": True}


@MODELS
@pytest.mark.parametrize("stream", [False, True])
async def test_parallel_tool_calls(bench: Bench, model: str, stream: bool) -> None:
    script(bench, model, chat_calls(stream=stream), messages_calls(stream=stream))
    async with client(bench) as sdk:
        if stream:
            async with sdk.chat.completions.stream(model=model, messages=ASK, tools=TOOLS) as events:
                answer: Any = await events.get_final_completion()
        else:
            answer = await sdk.chat.completions.create(model=model, messages=ASK, tools=TOOLS)
    calls = answer.choices[0].message.tool_calls
    assert [(c.id, c.function.name, json.loads(c.function.arguments)) for c in calls] == list(CALLS)
    assert answer.choices[0].finish_reason == "tool_calls"


@MODELS
async def test_tool_results_go_back(bench: Bench, model: str) -> None:
    script(bench, model, chat_answer("20 degrees"), messages_answer("20 degrees"))
    id, name, arguments = CALLS[0]
    call = {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    messages: Any = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": id, "content": "20"},
    ]
    async with client(bench) as sdk:
        answer = await sdk.chat.completions.create(model=model, messages=messages, tools=TOOLS)
    assert answer.choices[0].message.content == "20 degrees"
    sent = bench.upstream.requests[0].json()["messages"]
    if model == MESSAGES_MODEL:
        assert sent[1]["content"] == [{"type": "tool_use", "id": id, "name": name, "input": arguments}]
        assert sent[2]["content"][0]["tool_use_id"] == id
    else:
        assert sent == messages


@MODELS
async def test_images(bench: Bench, model: str) -> None:
    script(bench, model, chat_answer("a pixel"), messages_answer("a pixel"))
    parts: Any = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    async with client(bench) as sdk:
        answer = await sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}])
    assert answer.choices[0].message.content == "a pixel"
    sent = bench.upstream.requests[0].json()["messages"][0]["content"]
    if model == CHAT_MODEL:
        assert sent == parts
    else:
        assert sent[1]["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}


async def test_a_wrong_key_raises_the_sdks_own_exception(bench: Bench) -> None:
    async with client(bench, KEY[:-1]) as sdk:
        with pytest.raises(openai.PermissionDeniedError) as error:
            await sdk.chat.completions.create(model=CHAT_MODEL, messages=ASK)
    assert error.value.code == "key_malformed"
    assert bench.upstream.requests == []


async def test_a_model_outside_the_use_case(bench: Bench) -> None:
    async with client(bench) as sdk:
        with pytest.raises(openai.PermissionDeniedError) as error:
            await sdk.chat.completions.create(model="gpt-other", messages=ASK)
    assert error.value.code == "model_not_allowed"
    assert error.value.request_id is not None


async def test_a_blocked_prompt(bench: Bench) -> None:
    secret = "AKIA" + "IOSFODNN7" + "QXMPLQ2"
    messages: Any = [{"role": "user", "content": f"deploy with {secret} please"}]
    async with client(bench) as sdk:
        with pytest.raises(openai.BadRequestError) as error:
            await sdk.chat.completions.create(model=CHAT_MODEL, messages=messages)
    assert error.value.code == "prompt_blocked"
    assert secret not in str(error.value)
    assert bench.upstream.requests == []


@MODELS
async def test_a_providers_rejection(bench: Bench, model: str) -> None:
    chat = json_reply({"error": {"message": "too long", "type": "invalid_request_error", "code": "context"}}, 400)
    messages = json_reply({"type": "error", "error": {"type": "invalid_request_error", "message": "too long"}}, 400)
    script(bench, model, chat, messages)
    async with client(bench) as sdk:
        with pytest.raises(openai.BadRequestError, match="too long"):
            await sdk.chat.completions.create(model=model, messages=ASK)


async def test_a_provider_that_fails(bench: Bench) -> None:
    bench.upstream.script(Reply(status=500, body=b"<html>stack</html>", content_type="text/html"))
    async with client(bench) as sdk:
        with pytest.raises(openai.InternalServerError) as error:
            await sdk.chat.completions.create(model=CHAT_MODEL, messages=ASK)
    assert "stack" not in str(error.value)


@MODELS
async def test_a_stream_that_breaks_off_raises(bench: Bench, model: str) -> None:
    script(bench, model, chat_stream(["a", "b"], reset_after=2), messages_stream(["a", "b"], reset_after=3))
    async with client(bench) as sdk:
        stream = await sdk.chat.completions.create(model=model, messages=ASK, stream=True)
        with pytest.raises(openai.APIError):
            async for _ in stream:
                pass


async def test_with_nothing_found_each_event_is_the_providers_byte_for_byte(bench: Bench) -> None:
    import httpx

    reply = chat_stream(["he", "l", "lo \u00fc\u4e2d"], usage=True)
    bench.upstream.script(reply)
    body = {"model": CHAT_MODEL, "messages": ASK, "stream": True, "stream_options": {"include_usage": True}}
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            f"{bench.gateway.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {KEY}"}
        )
    assert answer.content == b"".join(reply.pieces or ())
    assert json.loads(bench.upstream.requests[0].body) == body
    assert bench.upstream.requests[0].body == answer.request.content
