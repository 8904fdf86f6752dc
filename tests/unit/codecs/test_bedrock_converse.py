"""What Converse cannot say is refused by name; tests/golden and the laws hold what it can."""

from typing import Any

import pytest

from sluicegate.codecs.bedrock_converse import decode, encode
from sluicegate.codecs.conversation import Choice, Conversation, Document, Image, Text, Tool, ToolCall, Turn
from sluicegate.core.errors import UnsupportedFeature

TOOL = Tool("f", None, {"type": "object"})


def asking(*parts: Any, **more: Any) -> Conversation:
    return Conversation(model="m", turns=(Turn("user", parts or (Text("hi"),)),), **more)


@pytest.mark.parametrize(
    ("conversation", "field"),
    [
        (asking(Image(url="https://example.org/a.png")), "messages.content.image"),
        (asking(Image(media_type="image/tiff", data="aGk=")), "messages.content.image"),
        (asking(ToolCall("1", "f", "no object")), "messages.tool_calls.function.arguments"),
        (asking(tools=(TOOL,), choice=Choice.NONE), "tool_choice"),
        (asking(tools=(TOOL,), parallel=False), "parallel_tool_calls"),
    ],
)
def test_what_it_cannot_say(conversation: Conversation, field: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        encode(conversation, {}, 10)
    assert caught.value.field == field


def test_the_bound_is_the_deployments_where_there_is_none() -> None:
    assert encode(asking(), {}, 10)["inferenceConfig"] == {"maxTokens": 10}
    assert encode(asking(max_tokens=3), {}, 10)["inferenceConfig"] == {"maxTokens": 3}


def test_what_has_no_word_is_named() -> None:
    dropped: dict[str, None] = {}
    document = encode(asking(user="u"), dropped, 10)
    assert list(dropped) == ["user"]
    assert not {"model", "stream", "user"} & document.keys()


@pytest.mark.parametrize("name", ["", "***", "a/b.pdf"])
def test_a_document_has_a_name_that_is_taken(name: str) -> None:
    (message,) = encode(asking(Document("aGk=", name)), {}, 10)["messages"]
    assert message["content"][0]["document"]["name"] in ("document", "a b pdf")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"messages": [{"role": "robot", "content": []}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"video": {}}]}]}, "messages[0].content[0].video"),
        (
            {"messages": [{"role": "user", "content": [{"image": {"format": "tiff"}}]}]},
            "messages[0].content[0].image.format",
        ),
        (
            {"messages": [{"role": "user", "content": [{"document": {"format": "csv"}}]}]},
            "messages[0].content[0].document.format",
        ),
        (
            {"messages": [{"role": "user", "content": [{"toolResult": {"content": [{"document": {"format": "pdf"}}]}}]}]},
            "messages[0].content[0].toolResult.content[0].content",
        ),
        ({"toolConfig": {"toolChoice": {"none": {}}}}, "toolConfig.toolChoice"),
        ({"promptVariables": {}}, "promptVariables"),
        (
            {"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": "["}}}}},
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
        (
            {"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": "[]"}}}}},
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
    ],
)
def test_what_it_cannot_read(document: Any, field: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decode(document, {})
    assert caught.value.field == field


def test_knobs_are_named() -> None:
    dropped: dict[str, None] = {}
    decode({"messages": [], "performanceConfig": {"latency": "optimized"}, "outputConfig": {"effort": "low"}}, dropped)
    assert set(dropped) == {"performanceConfig", "outputConfig.effort"}
