"""What is asked about guardrail policies is strict."""

import pytest
from pydantic import ValidationError

from sluicegate.web.admin.guardrail_models import GuardrailNew, GuardrailRevert, Try

DOCUMENT: dict[str, object] = {"prompt": {}, "answer": {}}


@pytest.mark.parametrize("name", ["", " x", "x" * 129, "ü"])
def test_a_name_is_a_name(name: str) -> None:
    with pytest.raises(ValidationError):
        GuardrailNew(name=name, document=DOCUMENT)


@pytest.mark.parametrize("version", [0, -1, 2**31])
def test_a_version_is_one_that_can_be(version: int) -> None:
    with pytest.raises(ValidationError):
        GuardrailRevert(version=version)


def test_a_note_holds_no_nul() -> None:
    with pytest.raises(ValidationError):
        GuardrailNew(name="x", document=DOCUMENT, note="\0")


def test_a_text_is_bounded() -> None:
    assert Try(text="x" * 262_144).direction == "prompt"
    with pytest.raises(ValidationError):
        Try(text="x" * 262_145)
