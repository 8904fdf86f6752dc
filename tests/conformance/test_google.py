"""google-genai against the running gateway, in front of a provider of its own dialect and of others."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from google import genai
from google.genai import errors, types

from tests.conformance.answers import CALLS, chat_calls, messages_calls
from tests.conformance.conftest import Bench
from tests.support import gemini
from tests.support.gateway import CHAT_MODEL, GEMINI_MODEL, KEY, MESSAGES_MODEL
from tests.support.upstream import (
    Reply,
    chat_answer,
    chat_stream,
    gemini_answer,
    gemini_stream,
    json_reply,
    messages_answer,
    messages_stream,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODELS = pytest.mark.parametrize("model", [GEMINI_MODEL, CHAT_MODEL, MESSAGES_MODEL])
PIXEL = bytes.fromhex("89504e470d0a1a0a")
TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name=name,
            description="A tool.",
            parameters_json_schema={"type": "object", "properties": {key: {"type": "string"} for key in arguments}},
        )
        for _, name, arguments in CALLS
    ]
)


OPEN: list[genai.Client] = []


def client(bench: Bench, key: str = KEY) -> genai.Client:
    options = types.HttpOptions(base_url=f"{bench.gateway.url}/gemini", retry_options=types.HttpRetryOptions(attempts=1))
    OPEN.append(genai.Client(api_key=key, http_options=options))
    return OPEN[-1]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def closed() -> AsyncIterator[None]:
    """The SDK's clients keep connections until they are closed."""
    yield
    while OPEN:
        made = OPEN.pop()
        await made.aio.aclose()
        made.close()


def script(bench: Bench, model: str, own: Reply, chat: Reply, messages: Reply) -> None:
    bench.upstream.script({GEMINI_MODEL: own, CHAT_MODEL: chat, MESSAGES_MODEL: messages}[model])


@MODELS
async def test_plain(bench: Bench, model: str) -> None:
    script(bench, model, gemini_answer("hello"), chat_answer("hello"), messages_answer("hello"))
    config = types.GenerateContentConfig(system_instruction="Be kind.", max_output_tokens=50)
    answer = await client(bench).aio.models.generate_content(model=model, contents="Hello", config=config)
    assert answer.text == "hello"
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count) == (7, 5)
    (sent,) = bench.upstream.requests
    if model == GEMINI_MODEL:
        assert sent.path == f"/v1beta/models/{GEMINI_MODEL}:generateContent"
        assert sent.json()["systemInstruction"]["parts"] == [{"text": "Be kind."}]
    elif model == CHAT_MODEL:
        assert sent.json()["messages"][0] == {"role": "system", "content": "Be kind."}
    assert KEY not in sent.headers.values()


@MODELS
async def test_streamed(bench: Bench, model: str) -> None:
    script(bench, model, gemini_stream("he", "l", "lo"), chat_stream(["he", "l", "lo"]), messages_stream(["he", "l", "lo"]))
    chunks = [c async for c in await client(bench).aio.models.generate_content_stream(model=model, contents="Hello")]
    assert "".join(chunk.text or "" for chunk in chunks) == "hello"
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata is not None
    assert last.usage_metadata.prompt_token_count == 7


async def test_the_synchronous_client_streams(bench: Bench) -> None:
    bench.upstream.script(gemini_stream("he", "llo"))

    def ask() -> list[str | None]:
        stream = client(bench).models.generate_content_stream(model=GEMINI_MODEL, contents="Hello")
        return [chunk.text for chunk in stream]

    assert await asyncio.to_thread(ask) == ["he", "llo"]


@MODELS
@pytest.mark.parametrize("stream", [False, True])
async def test_parallel_function_calls(bench: Bench, model: str, stream: bool) -> None:
    parts = [gemini.call(name, arguments) for _, name, arguments in CALLS]
    own = gemini_stream(*parts) if stream else gemini_answer(*parts)
    script(bench, model, own, chat_calls(stream=stream), messages_calls(stream=stream))
    config = types.GenerateContentConfig(tools=[TOOL])
    models = client(bench).aio.models
    if stream:
        chunks = [c async for c in await models.generate_content_stream(model=model, contents="Go", config=config)]
    else:
        chunks = [await models.generate_content(model=model, contents="Go", config=config)]
    calls = [call for chunk in chunks for call in chunk.function_calls or ()]
    assert [(call.name, call.args) for call in calls] == [(name, arguments) for _, name, arguments in CALLS]
    if model != GEMINI_MODEL:
        assert [call.id for call in calls] == [id for id, _, _ in CALLS]


@MODELS
async def test_a_chat_with_a_function_that_the_sdk_calls(bench: Bench, model: str) -> None:
    """Automatic function calling: the call, its result, and the thought signature go back as they came."""
    called = gemini.call("get_weather", {"city": "Vienna"}, thoughtSignature=gemini.SIGNATURE)
    calls: Any = {
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Vienna"}'}}
        ]
    }
    use = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Vienna"}}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [use], "stop_reason": "tool_use"}
    first = {
        GEMINI_MODEL: gemini_answer(called),
        CHAT_MODEL: chat_answer("", **calls),
        MESSAGES_MODEL: json_reply({**message, "usage": {"input_tokens": 9, "output_tokens": 8}}),
    }
    last = {
        GEMINI_MODEL: gemini_answer("20 degrees"),
        CHAT_MODEL: chat_answer("20 degrees"),
        MESSAGES_MODEL: messages_answer("20 degrees"),
    }
    bench.upstream.script(first[model], last[model])
    asked = []

    async def get_weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "20"

    chat = client(bench).aio.chats.create(model=model, config=types.GenerateContentConfig(tools=[get_weather]))
    answer = await chat.send_message("What is the weather?")
    assert (asked, answer.text) == (["Vienna"], "20 degrees")
    sent = bench.upstream.requests[1].json()
    if model == GEMINI_MODEL:
        assert sent["contents"][1]["parts"][0]["functionCall"]["args"] == {"city": "Vienna"}
        signature = sent["contents"][1]["parts"][0]["thoughtSignature"]
        assert signature.translate(str.maketrans("-_", "+/")).rstrip("=") == gemini.SIGNATURE
        assert sent["contents"][2]["parts"][0]["functionResponse"]["response"] == {"result": "20"}
    elif model == CHAT_MODEL:
        assert sent["messages"][-1] == {"role": "tool", "tool_call_id": "call_1", "content": "20"}
    else:
        assert sent["messages"][-1]["content"][0]["tool_use_id"] == "toolu_1"


@MODELS
async def test_a_streamed_chat_remembers(bench: Bench, model: str) -> None:
    script(bench, model, gemini_stream("he", "llo"), chat_stream(["he", "llo"]), messages_stream(["he", "llo"]))
    chat = client(bench).aio.chats.create(model=model)
    assert "".join([chunk.text or "" async for chunk in await chat.send_message_stream("Hello")]) == "hello"
    history = chat.get_history(curated=True)
    assert [content.role for content in history][:2] == ["user", "model"]


@MODELS
async def test_images(bench: Bench, model: str) -> None:
    script(bench, model, gemini_answer("a pixel"), chat_answer("a pixel"), messages_answer("a pixel"))
    contents = ["What is it?", types.Part.from_bytes(data=PIXEL, mime_type="image/png")]
    answer = await client(bench).aio.models.generate_content(model=model, contents=contents)
    assert answer.text == "a pixel"
    sent = json.dumps(bench.upstream.requests[0].json())
    assert "iVBORw0KGgo=" in sent


@MODELS
async def test_structured_output(bench: Bench, model: str) -> None:
    text = '{"city":"Vienna"}'
    script(bench, model, gemini_answer(text), chat_answer(text), messages_answer(text))
    schema = types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)})
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema)
    answer = await client(bench).aio.models.generate_content(model=model, contents="Where?", config=config)
    assert answer.parsed == {"city": "Vienna"}


async def test_thoughts_pass_byte_for_byte(bench: Bench) -> None:
    thought = {"text": "Hm.", "thought": True, "thoughtSignature": gemini.SIGNATURE}
    bench.upstream.script(gemini_answer(thought, "hello"))
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    answer = await client(bench).aio.models.generate_content(model=GEMINI_MODEL, contents="Hello", config=config)
    assert answer.text == "hello"
    assert answer.parts is not None
    assert answer.parts[0].thought


async def test_with_nothing_found_each_event_is_the_providers_byte_for_byte(bench: Bench) -> None:
    reply = gemini_stream("he", "l", "lo \u00fc\u4e2d")
    bench.upstream.script(reply)
    body = {"contents": [{"parts": [{"text": "Hello"}]}], "generation_config": {"topK": 4}}
    url = f"{bench.gateway.url}/v1beta/models/{GEMINI_MODEL}:streamGenerateContent?alt=sse&key={KEY}"
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, json=body)
    assert answer.content == b"".join(reply.pieces or ())
    (sent,) = bench.upstream.requests
    assert sent.body == answer.request.content
    assert sent.path == f"/v1beta/models/{GEMINI_MODEL}:streamGenerateContent?alt=sse"
    assert KEY not in (bench.gateway.directory / "stderr.log").read_text()


@MODELS
async def test_a_stream_as_one_array(bench: Bench, model: str) -> None:
    script(bench, model, gemini_stream("he", "l", "lo"), chat_stream(["he", "l", "lo"]), messages_stream(["he", "l", "lo"]))
    url = f"{bench.gateway.url}/gemini/v1beta/models/{model}:streamGenerateContent"
    async with httpx.AsyncClient(headers={"x-goog-api-key": KEY}) as http:
        answer = await http.post(url, json={"contents": {"parts": {"text": "Hello"}}})
    assert answer.headers["content-type"].startswith("application/json")
    events = [types.GenerateContentResponse.model_validate(event) for event in answer.json()]
    assert "".join(event.text or "" for event in events) == "hello"


@MODELS
@pytest.mark.parametrize("array", [False, True])
async def test_a_stream_that_breaks_off(bench: Bench, model: str, array: bool) -> None:
    own = gemini_stream("a", "b", "c", reset_after=2)
    script(bench, model, own, chat_stream(["a", "b"], reset_after=2), messages_stream(["a", "b"], reset_after=3))
    if not array:
        stream = await client(bench).aio.models.generate_content_stream(model=model, contents="Hello")
        with pytest.raises(errors.ServerError) as error:
            _ = [chunk async for chunk in stream]
        assert error.value.status == "UNAVAILABLE"
        return
    url = f"{bench.gateway.url}/v1beta/models/{model}:streamGenerateContent"
    async with httpx.AsyncClient(headers={"x-goog-api-key": KEY}) as http:
        answer = await http.post(url, json={"contents": {"parts": {"text": "Hello"}}})
    assert answer.json()[-1]["error"]["code"] == 502


async def test_a_stream_without_a_reason_to_finish_broke_off(bench: Bench) -> None:
    bench.upstream.script(Reply(content_type="text/event-stream", pieces=gemini.framed([gemini.response({"text": "a"})])))
    stream = await client(bench).aio.models.generate_content_stream(model=GEMINI_MODEL, contents="Hello")
    with pytest.raises(errors.ServerError):
        _ = [chunk async for chunk in stream]


async def test_what_follows_a_reason_to_finish_belongs_to_the_answer(bench: Bench) -> None:
    late = {"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 9, "totalTokenCount": 16}, "responseId": "r1"}
    events = [gemini.response({"text": "a"}, finish="STOP"), gemini.response({"text": "b"}, finish="STOP"), late]
    bench.upstream.script(Reply(content_type="text/event-stream", pieces=gemini.framed(events)))
    stream = await client(bench).aio.models.generate_content_stream(model=GEMINI_MODEL, contents="Hello")
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.text or "" for chunk in chunks) == "ab"
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.candidates_token_count == 9


@pytest.mark.parametrize(
    ("key", "model", "status", "reason"),
    [
        (KEY[:-1], GEMINI_MODEL, "PERMISSION_DENIED", "KEY_MALFORMED"),
        (KEY, "another", "PERMISSION_DENIED", "MODEL_NOT_ALLOWED"),
    ],
)
async def test_refusals_are_the_sdks_own_errors(bench: Bench, key: str, model: str, status: str, reason: str) -> None:
    with pytest.raises(errors.ClientError) as error:
        await client(bench, key).aio.models.generate_content(model=model, contents="Hello")
    assert (error.value.code, error.value.status) == (403, status)
    info = error.value.details["error"]["details"][0]
    assert (info["reason"], bool(info["metadata"]["exchange_id"])) == (reason, True)
    assert bench.upstream.requests == []


async def test_a_blocked_prompt(bench: Bench) -> None:
    secret = "AKIA" + "IOSFODNN7" + "QXMPLQ2"
    with pytest.raises(errors.ClientError) as error:
        await client(bench).aio.models.generate_content(model=GEMINI_MODEL, contents=f"deploy with {secret} please")
    assert (error.value.code, error.value.status) == (400, "INVALID_ARGUMENT")
    assert secret not in str(error.value)
    assert bench.upstream.requests == []


async def test_features_that_the_use_case_does_not_allow(bench: Bench) -> None:
    config = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
    with pytest.raises(errors.ClientError) as error:
        await client(bench).aio.models.generate_content(model=GEMINI_MODEL, contents="Hello", config=config)
    assert error.value.details["error"]["details"][0]["reason"] == "FEATURE_NOT_ALLOWED"


@MODELS
async def test_a_providers_rejection(bench: Bench, model: str) -> None:
    own = json_reply(gemini.error(400, "too long", "INVALID_ARGUMENT"), 400)
    chat = json_reply({"error": {"message": "too long", "type": "invalid_request_error", "code": "context"}}, 400)
    messages = json_reply({"type": "error", "error": {"type": "invalid_request_error", "message": "too long"}}, 400)
    script(bench, model, own, chat, messages)
    with pytest.raises(errors.ClientError, match="too long"):
        await client(bench).aio.models.generate_content(model=model, contents="Hello")


async def test_models_are_those_of_the_use_case(bench: Bench) -> None:
    models = client(bench).aio.models
    assert [model.name async for model in await models.list()] == []  # the deployments have names with wildcards alone
    assert (await models.get(model=GEMINI_MODEL)).display_name == GEMINI_MODEL
    with pytest.raises(errors.ClientError) as error:
        await models.get(model="another")
    assert error.value.code == 404


async def test_tokens_are_counted(bench: Bench) -> None:
    bench.upstream.script(json_reply({"totalTokens": 4, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4}]}))
    counted = await client(bench).aio.models.count_tokens(model=GEMINI_MODEL, contents="Hello")
    assert counted.total_tokens == 4
    (sent,) = bench.upstream.requests
    assert sent.path == f"/v1beta/models/{GEMINI_MODEL}:countTokens"


@pytest.mark.parametrize("contents", ["a", ["a", "b"]])
async def test_vectors(bench: Bench, contents: Any) -> None:
    values = {"values": [0.25, -0.5]}
    bench.upstream.script(json_reply({"embeddings": [values] * len(contents), "embedding": values}))
    answer = await client(bench).aio.models.embed_content(model=GEMINI_MODEL, contents=contents)
    assert answer.embeddings is not None
    assert [embedding.values for embedding in answer.embeddings] == [[0.25, -0.5]] * len(contents)
    (sent,) = bench.upstream.requests
    assert sent.path.startswith(f"/v1beta/models/{GEMINI_MODEL}:")


async def test_what_is_to_become_a_vector_is_inspected(bench: Bench) -> None:
    secret = "AKIA" + "IOSFODNN7" + "QXMPLQ2"
    with pytest.raises(errors.ClientError):
        await client(bench).aio.models.embed_content(model=GEMINI_MODEL, contents=["a", secret])
    with pytest.raises(errors.ClientError):
        await client(bench).aio.models.count_tokens(model=GEMINI_MODEL, contents=secret)
    assert bench.upstream.requests == []
