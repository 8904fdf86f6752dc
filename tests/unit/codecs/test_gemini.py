"""What Gemini cannot say, or the other side cannot hear, is named."""

from typing import Any

import pytest

from sluicegate.codecs.conversation import Choice, Conversation, Document, Image, Text, Tool, ToolCall, ToolResult, Turn
from sluicegate.codecs.gemini import decode, encode
from sluicegate.core.dialect import Json
from sluicegate.core.errors import UnsupportedFeature

USER: Json = {"role": "user", "parts": [{"text": "Hi"}]}


def heard(*contents: Json, **fields: Any) -> Conversation:
    return decode({"contents": [USER, *contents], **fields}, {})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tools": [{"codeExecution": {}}]}, "tools[0].codeExecution"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "odd"}}}, "toolConfig.functionCallingConfig.mode"),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}}},
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        ({"toolConfig": {"retrievalConfig": {"languageCode": "de"}}}, "toolConfig.retrievalConfig"),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0].inlineData"),
        ({"generationConfig": {"responseSchema": {}}}, "generationConfig.responseMimeType"),
        (
            {"generationConfig": {"responseJsonSchema": [], "responseMimeType": "application/json"}},
            "generationConfig.responseJsonSchema",
        ),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "generationConfig.responseModalities"),
        ({"generationConfig": {"responseLogprobs": True}}, "generationConfig.responseLogprobs"),
        ({"store": True}, "store"),
    ],
)
def test_what_cannot_be_heard_is_named(fields: Json, field: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        heard(**fields)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"text": 5}, "text"),
        ({"toolCall": {}}, "toolCall"),
        ({"fileData": {"fileUri": "https://example.org/a.pdf", "mimeType": "application/pdf"}}, "fileData.fileUri"),
        ({"inlineData": {"mimeType": "video/mp4", "data": "QUJD"}}, "inlineData.mimeType"),
        ({"functionCall": {"name": "f", "willContinue": True}}, "functionCall.willContinue"),
    ],
)
def test_parts_that_cannot_be_heard_are_named(part: Json, field: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        heard({"role": "model", "parts": [part]})
    assert caught.value.field == f"contents[1].parts[0].{field}"


def test_a_document_in_a_result_cannot_be_heard() -> None:
    response = {"name": "f", "parts": [{"inlineData": {"mimeType": "application/pdf", "data": "QUJD"}}]}
    with pytest.raises(UnsupportedFeature):
        heard({"role": "model", "parts": [{"functionCall": {"name": "f"}}]}, {"parts": [{"functionResponse": response}]})


@pytest.mark.parametrize(
    ("response", "parts", "error"),
    [
        ({"output": "a"}, (Text("a"),), False),
        ({"result": "a"}, (Text("a"),), False),
        ({"error": "a"}, (Text("a"),), True),
        ({"output": ["a", "b"]}, (Text("a"), Text("b")), False),
        ({"output": ""}, (), False),
        ({"output": {"n": 1}}, (Text('{"output":{"n":1}}'),), False),
        ({"output": "a", "more": 1}, (Text('{"output":"a","more":1}'),), False),
        ({}, (), False),
    ],
)
def test_what_a_function_gave_back(response: Json, parts: Any, error: bool) -> None:
    call = {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}
    conversation = heard(call, {"parts": [{"functionResponse": {"name": "f", "response": response}}]})
    assert conversation.turns[-1].parts == (ToolResult("call_1_0", parts, error),)


def test_thoughts_and_signatures_of_texts_are_dropped_and_named() -> None:
    dropped: dict[str, None] = {}
    parts = [{"text": "Hm", "thought": True}, {"text": "a", "thoughtSignature": "c2ln"}, {"thoughtSignature": "c2ln"}]
    conversation = decode({"contents": [USER, {"role": "model", "parts": parts}]}, dropped)
    assert conversation.turns[1] == Turn("assistant", (Text("a"),))
    assert list(dropped) == ["contents.parts.thought", "contents.parts.thoughtSignature"]


def test_a_mode_that_checks_arguments_is_named() -> None:
    dropped: dict[str, None] = {}
    config = {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert decode({"contents": [USER], "toolConfig": config}, dropped).choice is Choice.AUTO
    assert list(dropped) == ["toolConfig.functionCallingConfig.mode"]


def said(*turns: Turn, model: str = "gemini-x", **fields: Any) -> Json:
    return encode(Conversation(model=model, turns=turns, **fields), {}, 9)


ASKED = Turn("user", (Text("a"),))
CALLED = Turn("assistant", (ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}")))


@pytest.mark.parametrize(
    ("model", "signature"),
    [
        ("gemini-3-pro", "skip_thought_signature_validator"),
        ("gemini-flash-latest", "skip_thought_signature_validator"),
        ("gemini-2.5-pro", None),
        ("gemini-1.5-flash", None),
        ("gemma-3", None),
    ],
)
def test_the_first_call_is_signed_where_the_model_wants_that(model: str, signature: str | None) -> None:
    first, second = said(ASKED, CALLED, model=model)["contents"][1]["parts"]
    assert (first.get("thoughtSignature"), second.get("thoughtSignature")) == (signature, None)


def test_a_signature_goes_back_as_it_came() -> None:
    turn = Turn("assistant", (ToolCall("c", "f", "{}", "c2ln"),))
    assert said(ASKED, turn)["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"


@pytest.mark.parametrize(
    ("turns", "fields"),
    [
        ((ASKED,), {"stop": ("1", "2", "3", "4", "5", "6")}),
        ((ASKED, Turn("system", (Text("a"),))), {}),
        ((Turn("assistant", (ToolCall("c", "f", "["),)),), {}),
        ((Turn("user", (ToolResult("unknown", ()),)),), {}),
    ],
)
def test_what_cannot_be_said_is_named(turns: tuple[Turn, ...], fields: Json) -> None:
    with pytest.raises(UnsupportedFeature):
        said(*turns, **fields)


def test_a_turn_that_says_nothing_is_left_out() -> None:
    assert len(said(ASKED, Turn("assistant", ()), ASKED)["contents"]) == 2


def test_media() -> None:
    parts = (Image(url="https://example.org/a"), Image(url="https://example.org/a.gif?b"), Document("QUJD"))
    first, second, third = said(Turn("user", parts))["contents"][0]["parts"]
    assert first["fileData"]["mimeType"] == "image/jpeg"
    assert second["fileData"]["mimeType"] == "image/gif"
    assert third == {"inlineData": {"mimeType": "application/pdf", "data": "QUJD"}}


def test_what_is_dropped_is_named() -> None:
    dropped: dict[str, None] = {}
    tool = Tool("f", None, {}, strict=True)
    encode(Conversation(model="m", turns=(ASKED,), tools=(tool,), parallel=False, user="u"), dropped, 9)
    assert list(dropped) == ["tools.strict", "parallel_tool_calls", "user"]
