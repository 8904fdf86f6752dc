"""openai-python's Responses API against the running gateway, in front of providers of its own dialect and of others."""

import json
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from tests.conformance.answers import CALLS, chat_calls, messages_calls
from tests.conformance.conftest import Bench
from tests.conformance.test_anthropic import TOOLS as MESSAGES_TOOLS
from tests.conformance.test_anthropic import client as messages_client
from tests.conformance.test_openai import ASK, PIXEL, client
from tests.conformance.test_openai import TOOLS as CHAT_TOOLS
from tests.support import responses
from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL, RESPONSES_MODEL
from tests.support.upstream import (
    Reply,
    chat_answer,
    chat_stream,
    json_reply,
    messages_answer,
    messages_stream,
    responses_answer,
    responses_stream,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS: Any = [
    {
        "type": "function",
        "name": name,
        "description": "A tool.",
        "strict": False,
        "parameters": {"type": "object", "properties": {key: {"type": "string"} for key in arguments}},
    }
    for _, name, arguments in CALLS
]


MODELS = pytest.mark.parametrize("model", [RESPONSES_MODEL, CHAT_MODEL, MESSAGES_MODEL])


def one_of(model: str, own: Reply, chat: Reply, messages: Reply) -> Reply:
    return {RESPONSES_MODEL: own, CHAT_MODEL: chat, MESSAGES_MODEL: messages}[model]


class City(BaseModel):
    """What structured output is parsed into."""

    name: str
    people: int


def calls() -> list[responses.Item]:
    """Two parallel calls."""
    return [responses.call(id, name, arguments) for id, name, arguments in CALLS]


@MODELS
async def test_plain(bench: Bench, model: str) -> None:
    bench.upstream.script(one_of(model, responses_answer("hello"), chat_answer("hello"), messages_answer("hello")))
    async with client(bench) as sdk:
        answer = await sdk.responses.create(model=model, input="Hello")
    assert answer.output_text == "hello"
    assert answer.status == "completed"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 5)
    if model == RESPONSES_MODEL:
        assert bench.upstream.requests[0].path == "/v1/responses"
        assert bench.upstream.requests[0].json() == {"model": RESPONSES_MODEL, "input": "Hello", "store": False}


@MODELS
async def test_streamed(bench: Bench, model: str) -> None:
    texts = ["he", "l", "lo"]
    bench.upstream.script(one_of(model, responses_stream(texts), chat_stream(texts), messages_stream(texts)))
    async with client(bench) as sdk, sdk.responses.stream(model=model, input="Hello") as stream:
        texts = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        answer = await stream.get_final_response()
    assert texts == ["he", "l", "lo"]
    assert answer.output_text == "hello"


@MODELS
@pytest.mark.parametrize("stream", [False, True])
async def test_parallel_tool_calls_and_their_results(bench: Bench, model: str, stream: bool) -> None:
    own = responses_stream([], *calls()) if stream else responses_answer("", *calls())
    bench.upstream.script(
        one_of(model, own, chat_calls(stream=stream), messages_calls(stream=stream)),
        one_of(model, responses_answer("20 degrees"), chat_answer("20 degrees"), messages_answer("20 degrees")),
    )
    ask: Any = {"model": model, "tools": TOOLS}
    asked: Any = [{"role": "user", "content": "Hello"}]
    async with client(bench) as sdk:
        if stream:
            async with sdk.responses.stream(**ask, input=asked) as events:
                answer: Any = await events.get_final_response()
        else:
            answer = await sdk.responses.create(**ask, input=asked)
        made = [(item.call_id, item.name, json.loads(item.arguments)) for item in answer.output]
        results = [{"type": "function_call_output", "call_id": item.call_id, "output": "20"} for item in answer.output]
        asked += [*(item.to_dict() for item in answer.output), *results]
        last = await sdk.responses.create(**ask, input=asked)
    assert made == list(CALLS)
    assert last.output_text == "20 degrees"
    if model == RESPONSES_MODEL:
        sent = bench.upstream.requests[1].json()["input"]
        assert [item.get("type") for item in sent] == [None, *["function_call"] * 2, *["function_call_output"] * 2]


@MODELS
async def test_images_and_structured_output(bench: Bench, model: str) -> None:
    said = '{"name": "Graz", "people": 300000}'
    bench.upstream.script(one_of(model, responses_answer(said), chat_answer(said), messages_answer(said)))
    parts: Any = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
    ]
    async with client(bench) as sdk:
        answer = await sdk.responses.parse(model=model, input=[{"role": "user", "content": parts}], text_format=City)
    assert answer.output_parsed == City(name="Graz", people=300_000)
    sent = bench.upstream.requests[0].json()
    if model != RESPONSES_MODEL:
        return
    assert sent["input"][0]["content"] == parts
    assert sent["text"]["format"]["type"] == "json_schema"


@pytest.mark.parametrize("stream", [False, True])
async def test_other_clients_reach_a_provider_that_speaks_responses_alone(bench: Bench, stream: bool) -> None:
    own = responses_stream([], *calls()) if stream else responses_answer("", *calls())
    bench.upstream.script(own)
    chat: Any = {"model": RESPONSES_MODEL, "messages": ASK, "tools": CHAT_TOOLS}
    messages: Any = {"model": RESPONSES_MODEL, "messages": ASK, "max_tokens": 50, "tools": MESSAGES_TOOLS}
    async with client(bench) as one, messages_client(bench) as other:
        if stream:
            async with one.chat.completions.stream(**chat) as events:
                completion: Any = await events.get_final_completion()
            async with other.messages.stream(**messages) as told:
                message: Any = await told.get_final_message()
        else:
            completion = await one.chat.completions.create(**chat)
            message = await other.messages.create(**messages)
    called = [(c.id, c.function.name, json.loads(c.function.arguments)) for c in completion.choices[0].message.tool_calls]
    assert called == list(CALLS)
    assert [(block.id, block.name, block.input) for block in message.content] == list(CALLS)
    assert [request.path for request in bench.upstream.requests] == ["/v1/responses"] * 2
    assert all(request.json()["store"] is False for request in bench.upstream.requests)


async def test_encrypted_reasoning_goes_back_as_it_came(bench: Bench) -> None:
    thought = responses.reasoning("Hm.", encrypted_content="gAAAAAB" + "a-_9" * 30)
    bench.upstream.script(responses_stream([], thought, responses.message("hello")), responses_answer("again"))
    ask: Any = {"model": RESPONSES_MODEL, "include": ["reasoning.encrypted_content"], "store": False}
    async with client(bench) as sdk:
        async with sdk.responses.stream(**ask, input="Hello") as stream:
            answer = await stream.get_final_response()
        asked: Any = [item.to_dict() for item in answer.output]
        await sdk.responses.create(**ask, input=[*asked, {"role": "user", "content": "And?"}])
    sent = bench.upstream.requests[1].json()["input"]
    assert sent[0]["encrypted_content"] == thought["encrypted_content"]
    assert sent[0]["summary"] == thought["summary"]


@pytest.mark.parametrize(
    "fields",
    [
        {"store": True},
        {"previous_response_id": "resp_1abc"},
        {"background": True},
        {"tools": [{"type": "web_search"}]},
    ],
)
async def test_what_the_use_case_lacks_is_refused_by_name(bench: Bench, fields: Any) -> None:
    async with client(bench) as sdk:
        with pytest.raises(openai.PermissionDeniedError) as error:
            await sdk.responses.create(model=RESPONSES_MODEL, input="Hello", **fields)
    assert error.value.code == "feature_not_allowed"
    assert bench.upstream.requests == []


async def test_what_is_bound_to_nobody_is_refused(bench: Bench) -> None:
    async with client(bench) as sdk:
        with pytest.raises(openai.BadRequestError) as error:
            await sdk.responses.create(model=RESPONSES_MODEL, input="Hello", conversation="conv_1abc")
    assert error.value.param == "conversation"
    assert bench.upstream.requests == []


async def test_a_wrong_key_and_a_blocked_prompt(bench: Bench) -> None:
    async with client(bench, KEY[:-1]) as sdk:
        with pytest.raises(openai.PermissionDeniedError) as error:
            await sdk.responses.create(model=RESPONSES_MODEL, input="Hello")
    assert error.value.code == "key_malformed"
    secret = "AKIA" + "IOSFODNN7" + "QXMPLQ2"
    async with client(bench) as sdk:
        with pytest.raises(openai.BadRequestError) as refused:
            await sdk.responses.create(model=RESPONSES_MODEL, input=f"deploy with {secret} please")
    assert refused.value.code == "prompt_blocked"
    assert bench.upstream.requests == []


async def test_what_is_redacted_is_so_in_every_telling(bench: Bench) -> None:
    secret = "AKIA" + "IOSFODNN7" + "QXMPLQ2"
    bench.upstream.script(responses_stream(["It is done. ", "The key is ", secret[:9], secret[9:], " as you know."]))
    seen: list[Any] = []
    async with client(bench) as sdk, sdk.responses.stream(model=RESPONSES_MODEL, input="Hello") as stream:
        seen += [event async for event in stream]
        answer = await stream.get_final_response()
    deltas = "".join(event.delta for event in seen if event.type == "response.output_text.delta")
    [done] = [event.text for event in seen if event.type == "response.output_text.done"]
    [part] = [event.part.text for event in seen if event.type == "response.content_part.done"]
    [item] = [event.item.content[0].text for event in seen if event.type == "response.output_item.done"]
    assert [done, part, item, answer.output_text] == [deltas] * 4
    assert deltas.startswith("It is done. The key is [")
    assert not any(secret[4:9] in repr(event) for event in seen)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_failed_or_was_cut_short_says_so(bench: Bench, stream: bool) -> None:
    cut: Any = {"incomplete_details": {"reason": "max_output_tokens"}}
    events = responses.events([responses.message("hel")], last="incomplete", **cut)
    failed = responses.events([], last="failed", error={"code": "server_error", "message": "no"})
    whole = json_reply(responses.response([], status="failed", error={"code": "server_error", "message": "no"}))
    async with client(bench) as sdk:
        if stream:
            bench.upstream.script(Reply(content_type="text/event-stream", pieces=responses.framed(events)))
            kinds = [e.type async for e in await sdk.responses.create(model=RESPONSES_MODEL, input="Hi", stream=True)]
            assert kinds[-1] == "response.incomplete"
            bench.upstream.script(Reply(content_type="text/event-stream", pieces=responses.framed(failed)))
            kinds = [e.type async for e in await sdk.responses.create(model=RESPONSES_MODEL, input="Hi", stream=True)]
            assert kinds[-1] == "response.failed"
            return
        bench.upstream.script(responses_answer("hel", status="incomplete", **cut), whole)
        answer = await sdk.responses.create(model=RESPONSES_MODEL, input="Hi")
        assert answer.incomplete_details is not None
        assert answer.incomplete_details.reason == "max_output_tokens"
        answer = await sdk.responses.create(model=RESPONSES_MODEL, input="Hi")
        assert answer.status == "failed"


async def test_a_providers_rejection_and_a_stream_that_breaks_off(bench: Bench) -> None:
    bench.upstream.script(
        json_reply({"error": {"message": "too long", "type": "invalid_request_error", "code": "context"}}, 400),
        responses_stream(["a", "b"], reset_after=5),
    )
    async with client(bench) as sdk:
        with pytest.raises(openai.BadRequestError, match="too long"):
            await sdk.responses.create(model=RESPONSES_MODEL, input="Hello")
        stream = await sdk.responses.create(model=RESPONSES_MODEL, input="Hello", stream=True)
        with pytest.raises(openai.APIError):
            async for _ in stream:
                pass


async def test_with_nothing_found_each_event_is_the_providers_byte_for_byte(bench: Bench) -> None:
    reply = responses_stream(["he", "l", "lo \u00fc\u4e2d"])
    bench.upstream.script(reply)
    body = {"model": RESPONSES_MODEL, "input": "Hello", "stream": True, "store": False}
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            f"{bench.gateway.url}/openai/v1/responses", json=body, headers={"Authorization": f"Bearer {KEY}"}
        )
    assert answer.content == b"".join(reply.pieces or ())
    assert bench.upstream.requests[0].body == answer.request.content
