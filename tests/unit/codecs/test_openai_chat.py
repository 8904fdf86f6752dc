"""What Chat Completions cannot say, or the other side cannot hear, is named."""

from typing import Any

import pytest

from sluicegate.codecs.conversation import Conversation, Image, Text, ToolCall, ToolResult, Turn
from sluicegate.codecs.openai_chat import decode, encode
from sluicegate.core.dialect import Json
from sluicegate.core.errors import UnsupportedFeature

USER = {"role": "user", "content": "Hi"}


def refused(**fields: Any) -> str | None:
    with pytest.raises(UnsupportedFeature) as caught:
        decode({"model": "m", "messages": [USER], **fields}, {})
    return caught.value.field


def call(**fields: Any) -> list[Json]:
    return [{"role": "assistant", "tool_calls": [{"id": "c", "type": "function", **fields}]}]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"store": True}, "store"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice.type"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"messages": call(function={"name": "f", "arguments": "["})}, "messages[0].tool_calls[0].function.arguments"),
        ({"messages": call(type="custom", custom={})}, "messages[0].tool_calls[0].type"),
        ({"messages": [{"role": "function", "name": "f", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages[0].content[0].file.file_data",
        ),
        ({"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type"),
    ],
)
def test_what_cannot_be_heard_is_named(fields: Json, field: str) -> None:
    assert refused(**fields) == field


def test_an_answer_sent_back_says_nothing_more_than_it_means() -> None:
    message: Json = {
        "role": "assistant",
        "content": "a",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
    }
    dropped: dict[str, None] = {}
    conversation = decode({"model": "m", "messages": [USER, message], "response_format": {"type": "text"}}, dropped)
    assert conversation.turns[1] == Turn("assistant", (Text("a"),))
    assert not dropped
    decode({"model": "m", "messages": [USER, {**message, "reasoning_content": "Hm"}]}, dropped)
    assert list(dropped) == ["messages.reasoning_content"]


def said(*turns: Turn, **fields: Any) -> Json:
    return encode(Conversation(model="m", turns=turns, **fields), {}, 9)


def test_what_cannot_be_said_is_named() -> None:
    with pytest.raises(UnsupportedFeature):
        said(Turn("user", (Text("a"),)), stop=("1", "2", "3", "4", "5"))
    with pytest.raises(UnsupportedFeature):
        said(Turn("user", (ToolResult("c", (Image(url="u"),)),)))
    with pytest.raises(UnsupportedFeature):
        said(Turn("assistant", (Image(url="u"),)))
    with pytest.raises(UnsupportedFeature):
        said(Turn("user", (ToolCall("c", "f", "{}"), Text("a"))))


def test_every_answer_has_a_bound() -> None:
    assert said(Turn("user", (Text("a"),)))["max_completion_tokens"] == 9


def test_a_signature_of_gemini_is_read_and_its_neighbours_are_refused() -> None:
    signed = {"google": {"thought_signature": "c2ln"}}
    conversation = decode(
        {"model": "m", "messages": call(function={"name": "f", "arguments": "{}"}, extra_content=signed)}, {}
    )
    (made,) = conversation.turns[0].parts
    assert isinstance(made, ToolCall)
    assert made.signature == "c2ln"
    dropped: dict[str, None] = {}
    encode(conversation, dropped, 9)
    assert list(dropped) == ["messages.tool_calls.thought_signature"]
    odd = call(function={"name": "f", "arguments": "{}"}, extra_content={"google": {"more": 1}})
    assert refused(messages=odd) == "messages[0].tool_calls[0].extra_content.google.more"
