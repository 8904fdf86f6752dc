"""What Messages cannot say, or the other side cannot hear, is named."""

from typing import Any

import pytest

from sluicegate.codecs.anthropic_messages import decode, encode
from sluicegate.codecs.conversation import Choice, Conversation, Text, ToolCall, ToolResult, Turn
from sluicegate.core.dialect import Json
from sluicegate.core.errors import UnsupportedFeature

USER = {"role": "user", "content": "Hi"}


def block(**fields: Any) -> Json:
    return {"messages": [{"role": "user", "content": [fields]}]}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"mcp_servers": [{"name": "x"}]}, "mcp_servers"),
        ({"thread": {"type": "create"}}, "thread"),
        ({"compaction": {"type": "summarize"}}, "compaction"),
        ({"output_config": {"future": 1}}, "output_config.future"),
        ({"metadata": {"other": 1}}, "metadata.other"),
        ({"tool_choice": {"type": "future"}}, "tool_choice.type"),
        (block(type="server_tool_use", id="i", name="web_search", input={}), "messages[0].content[0].type"),
        (block(type="search_result", source="s"), "messages[0].content[0].type"),
        (block(type="text", text="a", future="b"), "messages[0].content[0].future"),
        (block(type="document", source={"type": "url", "url": "u"}), "messages[0].content[0].source.type"),
        (block(type="tool_use", id="i", name="f", input={}, caller={"type": "code"}), "messages[0].content[0].caller"),
        (
            block(type="tool_result", tool_use_id="i", content=[{"type": "tool_reference", "tool_name": "f"}]),
            "messages[0].content[0].content[0].type",
        ),
    ],
)
def test_what_cannot_be_heard_is_named(fields: Json, field: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decode({"model": "m", "max_tokens": 5, "messages": [USER], **fields}, {})
    assert caught.value.field == field


def test_results_and_what_follows_them_are_two_turns_and_one_message() -> None:
    content = [{"type": "tool_result", "tool_use_id": "i", "content": "a"}, {"type": "text", "text": "b"}]
    document: Json = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": content}]}
    conversation = decode(document, {})
    assert conversation.turns == (Turn("user", (ToolResult("i", (Text("a"),)),)), Turn("user", (Text("b"),)))
    assert encode(conversation, {}, 9) == document


def test_texts_come_before_calls() -> None:
    content = [{"type": "tool_use", "id": "i", "name": "f", "input": {}}, {"type": "text", "text": "b"}]
    document: Json = {"model": "m", "max_tokens": 5, "messages": [{"role": "assistant", "content": content}]}
    assert decode(document, {}).turns == (Turn("assistant", (Text("b"), ToolCall("i", "f", "{}"))),)


def test_a_choice_without_tools_says_nothing() -> None:
    turns = (Turn("user", (Text("a"),)),)
    document = encode(Conversation(model="m", turns=turns, choice=Choice.AUTO, parallel=False), {}, 9)
    assert document == {"model": "m", "max_tokens": 9, "messages": [USER | {"content": "a"}]}


def test_arguments_that_are_no_object_cannot_be_said() -> None:
    with pytest.raises(UnsupportedFeature):
        encode(Conversation(model="m", turns=(Turn("assistant", (ToolCall("i", "f", "["),)),)), {}, 9)
