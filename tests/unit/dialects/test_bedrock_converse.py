from typing import Any

import pytest

from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.bedrock_converse import BedrockConverse

DIALECT = BedrockConverse()
NONE = Usage(estimated=True)
REPORT = {"inputTokens": 4, "outputTokens": 9, "totalTokens": 13, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 3}


def test_its_name_and_that_usage_comes_by_itself() -> None:
    assert DIALECT.name is DialectName.BEDROCK_CONVERSE
    document: dict[str, Any] = {"messages": []}
    assert not DIALECT.ask_usage(document)
    assert document == {"messages": []}


def test_usage() -> None:
    for event in (sse({"metadata": {"usage": REPORT}}), whole({"usage": REPORT})):
        assert DIALECT.usage(event, NONE) == Usage(12, 9, 5, 3)


@pytest.mark.parametrize(
    "event",
    [
        sse({"metadata": {"usage": {"inputTokens": -1, "outputTokens": 1}}}),
        sse({"metadata": {"usage": 1}}),
        sse({"metadata": 1}),
        sse({"messageStop": {"usage": REPORT}}),
        whole({}),
        Event(b"", b""),
    ],
)
def test_what_is_no_report(event: Event) -> None:
    assert DIALECT.usage(event, NONE) is NONE
    assert DIALECT.finish(event) is None
    assert list(DIALECT.tool_calls(event)) == []


def test_why_it_ended() -> None:
    for event in (sse({"messageStop": {"stopReason": "tool_use"}}), whole({"stopReason": "tool_use"})):
        assert DIALECT.finish(event) == "tool_use"
    assert DIALECT.finish(whole({"stopReason": "x" * 100})) == "x" * 64


def test_tool_calls() -> None:
    use = {"toolUse": {"toolUseId": "1", "name": "f"}}
    assert list(DIALECT.tool_calls(sse({"contentBlockStart": {"start": use}}))) == ["f"]
    assert list(DIALECT.tool_calls(whole({"output": {"message": {"content": [{"text": "a"}, use, 1]}}}))) == ["f"]


def test_what_cannot_be_read() -> None:
    with pytest.raises(UpstreamError):
        DIALECT.finish(Event(b"", b"[1]"))
