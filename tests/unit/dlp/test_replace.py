import json
from pathlib import Path
from typing import Any

import pytest

from sluicegate.core.dialect import Form, Nested, Place, Span
from sluicegate.dlp.findings import Action
from sluicegate.dlp.replace import replace
from tests.support.guardrails import inspection

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "redaction").glob("*.json"))
BY = inspection(dict.fromkeys(("card", "private_key", "email", "ssn", "iban", "phone", "credential"), Action.REDACT))


def spans(holder: Any, nested: Nested | None = None) -> list[Span]:
    """Every string, number and key below `holder`; a string under `json` is read as JSON."""
    out: list[Span] = []
    for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
        if isinstance(holder, dict):
            out.append(Span(holder, key, key, Place.TOOL_ARGUMENTS, Form.KEY, nested))
        if isinstance(value, dict | list):
            out += spans(value, nested)
        elif isinstance(value, str) and key == "json":
            inner = Nested(holder, key, json.loads(value))
            out += spans(inner.document, inner)
        elif isinstance(value, str):
            out.append(Span(holder, key, value, Place.TOOL_ARGUMENTS, Form.TEXT, nested))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            out.append(Span(holder, key, json.dumps(value), Place.TOOL_ARGUMENTS, Form.NUMBER, nested))
    return out


def redact(document: Any) -> bool:
    found = spans(document)
    edits = BY.find([("", span.text) for span in found])
    return replace([(span, each.edits) for span, each in zip(found, edits, strict=True)])


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    document = json.loads("".join(case["in"])) if isinstance(case["in"], list) else case["in"]
    assert redact(document)
    assert document == case["out"]
    assert json.dumps(document) == json.dumps(case["out"])  # the order of keys too
    json.dumps(document)


def test_nothing_found_nothing_touched() -> None:
    document = {"a": "fine", "json": '{ "spaced" : 1 }'}
    assert not redact(document)
    assert document["json"] == '{ "spaced" : 1 }'


def test_keys_that_become_the_same_are_told_apart() -> None:
    document: dict[str, Any] = {"a@example.org": 1, "x": 2, "b@example.org": {"c@example.org": 3}, "[EMAIL] 2": 0}
    assert redact(document)
    assert document == {"[EMAIL]": 1, "x": 2, "[EMAIL] 3": {"[EMAIL]": 3}, "[EMAIL] 2": 0}
    assert list(document) == ["[EMAIL]", "x", "[EMAIL] 3", "[EMAIL] 2"]
