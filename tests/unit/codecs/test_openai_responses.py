"""Responses requests that the golden files do not show."""

from typing import Any

import pytest

from sluicegate.codecs.conversation import Text, ToolCall, Turn
from sluicegate.codecs.openai_responses import decode, encode
from sluicegate.core.dialect import Json
from sluicegate.core.errors import UnsupportedFeature

PDF = "data:application/pdf;base64,aGk="


def decoded(**fields: Any) -> Any:
    return decode({"model": "m", **fields}, {})


def call(id: str) -> Json:
    return {"type": "function_call", "call_id": id, "name": "f", "arguments": ""}


def test_what_the_model_says_in_a_row_is_one_turn_its_texts_before_its_calls() -> None:
    said = {"role": "assistant", "content": "So."}
    conversation = decoded(input=[{"role": "user", "content": "Hi"}, call("call_1"), said, call("call_2")])
    assert conversation.turns[1] == Turn(
        "assistant", (Text("So."), ToolCall("call_1", "f", "{}"), ToolCall("call_2", "f", "{}"))
    )


def test_what_a_later_system_message_says_stays_where_it_stands() -> None:
    items = [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}, {"role": "system", "content": "c"}]
    conversation = decoded(instructions="first", input=items)
    assert conversation.system == (Text("first"), Text("a"))
    assert conversation.turns[1] == Turn("system", (Text("c"),))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "mcp_call", "name": "x"}]}, "input[0].type"),
        ({"input": [{"type": "function_call", "arguments": "[1]"}]}, "input[0].arguments"),
        ({"input": [{"role": "system", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input[0].content"),
        (
            {"input": [{"type": "function_call_output", "output": [{"type": "input_file", "file_data": PDF}]}]},
            "input[0].output",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x", "new": 1}]}]},
            "input[0].content[0].new",
        ),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        ({"top_logprobs": 3}, "top_logprobs"),
    ],
)
def test_what_cannot_be_said_is_named(fields: Json, field: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decoded(**fields)
    assert caught.value.field == field


def test_what_codex_tells_openai_alone_is_left_out_and_named() -> None:
    dropped: dict[str, None] = {}
    item = {"role": "user", "content": "Hi", "internal_chat_message_metadata_passthrough": {"a": 1}}
    assert decode({"model": "m", "input": [item]}, dropped).turns == (Turn("user", (Text("Hi"),)),)
    assert list(dropped) == ["input.internal_chat_message_metadata_passthrough"]


def test_a_tool_that_does_not_say_is_not_strict() -> None:
    tool = {"type": "function", "name": "f", "parameters": {}}
    conversation = decoded(input="Hi", tools=[tool])
    assert conversation.tools[0].strict is None
    assert encode(conversation, {}, 9)["tools"][0]["strict"] is False


def test_a_tool_may_give_back_nothing() -> None:
    conversation = decoded(input=[call("call_1"), {"type": "function_call_output", "call_id": "call_1", "output": ""}])
    assert encode(conversation, {}, 9)["input"][-1] == {"type": "function_call_output", "call_id": "call_1", "output": ""}
