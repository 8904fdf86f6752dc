"""Both names of a field mean the same, and no third one passes."""

from typing import Any

import pytest

from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects.gemini_names import Names, either, items, member, spelling

NAMES = Names("systemInstruction", "tools")


@pytest.mark.parametrize("document", [{}, {"systemInstruction": 1}, {"system_instruction": 1, "tools": 2}, {"other": 1}])
def test_either_name_is_read(document: dict[str, Any]) -> None:
    NAMES.check(document)
    assert (either(document, "systemInstruction") is None) == (len(document) == 0 or "other" in document)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"SystemInstruction": 1}, "p.systemInstruction"),
        ({"System_Instruction": 1}, "p.systemInstruction"),
        ({"TOOLS": []}, "p.tools"),
        ({"systemInstruction": 1, "system_instruction": 1}, "p.systemInstruction"),
        ({"system_instruction": None, "systemInstruction": 1}, "p.systemInstruction"),
    ],
)
def test_other_spellings_and_both_at_once_are_refused(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        NAMES.check(document, "p.")
    assert caught.value.field == field


def test_the_name_that_stands_is_kept() -> None:
    assert spelling({"system_instruction": None}, "systemInstruction") == "system_instruction"
    assert spelling({}, "systemInstruction") == "systemInstruction"


def test_an_object_may_stand_for_a_list_of_one() -> None:
    assert items({"parts": {"text": "a"}}, "parts") == [{"text": "a"}]
    assert items({"parts": None}, "parts") == []
    wrong: list[Any] = ["a", [1], [[{}]]]
    for value in wrong:
        with pytest.raises(InvalidRequest):
            items({"parts": value}, "parts")


def test_an_object_is_one() -> None:
    assert member({}, "toolConfig") == {}
    assert member({"tool_config": {"a": 1}}, "toolConfig") == {"a": 1}
    with pytest.raises(InvalidRequest):
        member({"toolConfig": []}, "toolConfig")
