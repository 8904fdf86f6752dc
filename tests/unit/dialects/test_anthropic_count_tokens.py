from typing import Any

import pytest

from sluicegate.core.dialect import SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import sse, whole
from sluicegate.core.usage import Unit, Usage
from sluicegate.dialects.anthropic_count_tokens import AnthropicCountTokens

DIALECT = AnthropicCountTokens()
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def test_what_is_asked() -> None:
    document = {**ASK, "system": "Be kind."}
    asked = DIALECT.read(document)
    assert (asked.model, asked.stream, asked.max_tokens, asked.unit) == ("m", False, 0, Unit.NOTHING)
    assert "max_tokens" not in document
    assert {span.text for span in DIALECT.spans(document).spans} == {"hello", "Be kind."}
    assert DIALECT.bind_system(document, "Bound.", SystemMode.DROP).injected
    assert DIALECT.bounded(document, 9) is document
    with pytest.raises(InvalidRequest):
        DIALECT.read({"model": "m", "messages": []})


def test_the_answer_is_one_number() -> None:
    event = whole({"input_tokens": 7})
    assert (DIALECT.pieces(event), DIALECT.ended(event), DIALECT.unread(event)) == ([], True, ())
    assert (DIALECT.finish(event), DIALECT.tool_calls(event)) == (None, ())
    assert DIALECT.usage(event, Usage(estimated=True)) == Usage(estimated=True)
    told = DIALECT.pieces(whole({"input_tokens": "seven", "note": "a"}))
    assert [piece.text for piece in told] == ["seven", "a"]
    assert not DIALECT.ended(sse({}))
