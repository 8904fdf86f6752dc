import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.errors import UpstreamRejected
from sluicegate.core.event import Event
from sluicegate.providers.demo import DemoProvider
from tests.support.calls import collect, request, run, target

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "unit": {"type": "string", "enum": ["c", "f"]},
                "more": {"type": "boolean"},
            },
            "required": ["city", "days", "unit"],
        },
    },
}


async def events(document: Any, *, stream: bool = False) -> list[Event]:
    body = json.dumps(document).encode()
    async with DemoProvider().send(target(), request(target(), body=body, stream=stream)) as answer:
        return await collect(answer)


async def answer(document: Any) -> dict[str, Any]:
    (event,) = await events(document)
    assert not event.framed
    found: dict[str, Any] = json.loads(event.raw)
    return found


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "demo", "messages": [{"role": "user", "content": text}], **more}


async def test_it_repeats_what_it_was_told() -> None:
    document = await answer(said("good morning"))
    choice = document["choices"][0]
    assert choice["message"]["content"].endswith("You said: good morning")
    assert choice["finish_reason"] == "stop"
    usage = document["usage"]
    assert usage["prompt_tokens"] == 2
    assert usage["completion_tokens"] == len(choice["message"]["content"].split())
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_the_same_request_gives_the_same_bytes() -> None:
    one, same, other = [await events(said(text), stream=True) for text in ("a", "a", "b")]
    assert [e.raw for e in one] == [e.raw for e in same]
    assert one[0].document["id"] != other[0].document["id"]


async def test_a_stream_says_what_the_whole_answer_says() -> None:
    whole = await answer(said("one two three"))
    streamed = await events(said("one two three", stream_options={"include_usage": True}), stream=True)
    assert streamed[-1].data == b"[DONE]"
    chunks = [event.document for event in streamed[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"
    assert chunks[-1]["usage"] == whole["usage"]
    assert len(chunks) > 6
    assert all("usage" not in event.document for event in (await events(said("x"), stream=True))[:-1])


async def test_it_calls_the_tool_that_the_text_names() -> None:
    asked = said("please use get_weather for 3 days", tools=[WEATHER])
    choice = (await answer(asked))["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "get_weather"
    arguments = json.loads(call["function"]["arguments"])
    assert arguments == {"city": "please use get_weather for 3 days", "days": 3, "unit": "c"}
    chunks = [event.document["choices"][0] for event in (await events(asked, stream=True))[:-1]]
    first = chunks[0]["delta"]["tool_calls"][0]
    assert (first["id"][:5], first["function"]["name"]) == ("call_", "get_weather")
    pieces = [c["delta"]["tool_calls"][0]["function"]["arguments"] for c in chunks[:-1]]
    assert len(pieces) > 3
    assert json.loads("".join(pieces)) == arguments
    assert chunks[-1]["finish_reason"] == "tool_calls"


async def test_after_a_result_it_answers_with_text() -> None:
    asked = said("use get_weather", tools=[WEATHER])
    asked["messages"] += [{"role": "assistant", "tool_calls": []}, {"role": "tool", "tool_call_id": "x", "content": "rain"}]
    choice = (await answer(asked))["choices"][0]
    assert choice["message"]["content"] == "The tool answered: rain"


@pytest.mark.parametrize(
    ("text", "choice", "called"),
    [
        ("hello", "auto", None),
        ("hello", "required", "get_weather"),
        ("use get_weather", "none", None),
        ("hello", {"type": "function", "function": {"name": "get_weather"}}, "get_weather"),
        ("use forget_weather", "auto", None),
    ],
)
async def test_tool_choice(text: str, choice: Any, called: str | None) -> None:
    message = (await answer(said(text, tools=[WEATHER], tool_choice=choice)))["choices"][0]["message"]
    assert (message["tool_calls"][0]["function"]["name"] if called else message.get("tool_calls")) == called


async def test_a_bound_on_tokens_ends_the_answer() -> None:
    choice = (await answer(said("hello", max_tokens=2)))["choices"][0]
    assert (choice["finish_reason"], len(choice["message"]["content"].split())) == ("length", 2)


async def test_no_messages_is_an_error_of_the_client() -> None:
    with pytest.raises(UpstreamRejected) as caught:
        await events({"model": "demo"})
    assert caught.value.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.lists(st.fixed_dictionaries({}, optional={"role": JSON | st.just("user"), "content": JSON}) | JSON, max_size=4)


@given(MESSAGES, JSON, JSON, st.booleans())
def test_no_request_breaks_it(messages: Any, tools: Any, choice: Any, stream: bool) -> None:
    asked = {"messages": messages, "tools": [WEATHER, tools], "tool_choice": choice, "max_tokens": choice, "model": choice}
    assert run("asyncio", events(asked, stream=stream))
