"""Checks name the field as the vendors do (hazard H11)."""

from typing import Any

import pytest

from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects import checks


def field(check: Any, *arguments: Any, **named: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        check(*arguments, **named)
    return caught.value.field


def test_wrong_types_are_named() -> None:
    assert field(checks.name, {"model": 5}, "model") == "model"
    assert field(checks.name, {"model": ""}, "model") == "model"
    assert field(checks.flag, {"stream": "true"}, "stream") == "stream"
    assert field(checks.number, {"temperature": "x"}, "temperature") == "temperature"
    assert field(checks.objects, {"messages": {}}, "messages") == "messages"
    assert field(checks.objects, {"tool_calls": [{}, 1]}, "tool_calls", "messages[2].") == "messages[2].tool_calls[1]"
    assert field(checks.texts, {"stop": [1]}, "stop", single=True) == "stop"
    assert field(checks.texts, {"stop": "a"}, "stop", single=False) == "stop"
    assert field(checks.is_parts, 5, "messages[0].content") == "messages[0].content"
    assert field(checks.is_parts, [{}], "messages[0].content") == "messages[0].content[0].type"
    assert field(checks.is_parts, ["a"], "system") == "system[0]"


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "5", 2**31, 2**63])
def test_a_count_is_a_whole_number_in_bounds(value: Any) -> None:
    assert field(checks.count, {"n": value}, "n") == "n"


def test_what_is_right_passes() -> None:
    assert checks.name({"model": "m"}, "model") == "m"
    assert checks.flag({}, "stream") is False
    assert checks.count({"n": 3}, "n") == 3
    assert checks.count({}, "n") is None
    assert checks.objects({"a": [{}]}, "a") == [{}]
    assert checks.is_parts("text", "x") is False
    assert checks.is_parts([{"type": "text"}], "x") is True
    checks.number({"t": 1.5}, "t")
    checks.texts({"stop": "a"}, "stop", single=True)


def test_a_field_that_is_known_but_for_its_case_is_refused() -> None:
    known = frozenset({"model", "messages"})
    checks.spelled({"model": "m", "other": 1}, known)
    assert field(checks.spelled, {"model": "m", "Model": "n"}, known) == "model"
    assert field(checks.spelled, {"me\u017f\u017fages": []}, known, "x.") == "x.messages"
