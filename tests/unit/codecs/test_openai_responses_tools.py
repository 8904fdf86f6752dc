"""Tools that the other dialects do not know are called by their clients' names again."""

import json
from typing import Any

import pytest

from sluicegate.codecs.conversation import Called, Said
from sluicegate.codecs.openai_responses_tools import as_declared, custom_input, declared, decode_tools
from sluicegate.codecs.reading import Fields
from sluicegate.codecs.translate import translation
from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UnsupportedFeature
from sluicegate.core.event import Event, sse

FIND = {"type": "function", "name": "find", "description": "Finds.", "parameters": {"type": "object"}}


def tools(document: Any) -> Any:
    return decode_tools(Fields(document, "tools[0]", {}))


def test_a_namespace_is_told_of_each_of_its_functions() -> None:
    [tool] = tools({"type": "namespace", "name": "crm", "description": "Customers.", "tools": [FIND]})
    assert (tool.name, tool.namespace, tool.description) == ("crm__find", "crm", "Customers.\n\nFinds.")
    [called] = as_declared([Called(0, "call_1", "crm__find")], declared([tool]))
    assert called == Called(0, "call_1", "find", namespace="crm")


def test_a_custom_tool_is_a_function_of_one_text() -> None:
    [tool] = tools(
        {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "a: B"}}
    )
    assert tool.description == "The input keeps to this lark grammar:\na: B"
    assert as_declared([Called(0, "x", "patch"), Said("a")], declared([tool])) == [
        Called(0, "x", "patch", custom=True),
        Said("a"),
    ]
    assert custom_input('{"input": "text"}') == "text"
    assert custom_input('{"other": 1}') == '{"other": 1}'
    assert custom_input("[1]") == "[1]"


def test_a_plain_function_stays_what_it_is() -> None:
    [tool] = tools(FIND)
    assert not declared([tool])


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"type": "web_search"}, "tools[0].type"),
        ({"type": "namespace", "name": "n", "tools": [{"type": "mcp"}]}, "tools[0].tools[0].type"),
        ({"type": "namespace", "name": "n" * 64, "tools": [FIND]}, "tools[0].tools[0].name"),
        ({"type": "custom", "name": "x", "format": {"type": "binary"}}, "tools[0].format.type"),
        ({"type": "custom", "name": "x", "surprise": 1}, "tools[0].surprise"),
    ],
)
def test_what_cannot_be_said_is_named(document: Any, field: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        tools(document)
    assert caught.value.field == field


@pytest.mark.parametrize("width", [1, 4, 100])
def test_both_are_called_again_as_they_were_declared(width: int) -> None:
    across = translation(DialectName.OPENAI_RESPONSES, DialectName.OPENAI_CHAT)
    assert across is not None
    offered = [{"type": "custom", "name": "patch"}, {"type": "namespace", "name": "crm", "tools": [FIND]}]
    across.request({"model": "m", "input": "Hi", "tools": offered}, "m")
    answer = across.answer()
    out: list[Event] = []
    for index, (name, said) in enumerate((("patch", '{"input": "*** \\"a\\"\\n"}'), ("crm__find", '{"a": 1}'))):
        pieces = ["", *(said[at : at + width] for at in range(0, len(said), width))]
        for piece in pieces:
            call = {"index": index, "id": f"call_{index}", "function": {"name": name, "arguments": piece}}
            out += answer.feed([sse({"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})])
    out += answer.feed([sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}), Event(b"", b"[DONE]")])
    patch, find = out[-1].document["response"]["output"]
    assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "patch", '*** "a"\n')
    assert (find["name"], find["namespace"], json.loads(find["arguments"])) == ("find", "crm", {"a": 1})
    kinds = [event.name for event in out if "custom" in (event.name or "")]
    assert kinds == ["response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"]
