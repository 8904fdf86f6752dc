"""OpenAPI's schema, as Gemini has it, in JSON Schema."""

from typing import Any

import pytest

from sluicegate.codecs.gemini_schema import json_schema
from sluicegate.core.errors import UnsupportedFeature


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "TYPE_UNSPECIFIED", "description": "d"}, {"description": "d"}),
        ({"type": "INTEGER", "nullable": True}, {"type": ["integer", "null"]}),
        ({"type": "NULL", "nullable": True}, {"type": "null"}),
        (
            {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": "2"},
            {"type": "array", "items": {"type": "number"}, "minItems": 2},
        ),
        ({"any_of": [{"type": "STRING"}, {"type": "NULL"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (
            {"type": "OBJECT", "properties": {"any_of": {"type": "STRING"}}, "propertyOrdering": ["any_of"], "title": None},
            {"type": "object", "properties": {"any_of": {"type": "string"}}},
        ),
        (
            {"type": "object", "additionalProperties": False, "defs": {"a": {"type": "STRING"}}, "ref": "#/$defs/a"},
            {"type": "object", "additionalProperties": False, "$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"},
        ),
        (
            {"enum": ["a"], "format": "enum", "default": {"type": "STRING"}},
            {"enum": ["a"], "format": "enum", "default": {"type": "STRING"}},
        ),
    ],
)
def test_what_it_says(schema: Any, expected: Any) -> None:
    assert json_schema(schema, "f") == expected


@pytest.mark.parametrize(
    "schema", [5, {"type": 5}, {"properties": []}, {"anyOf": {}}, {"anyOf": [5]}, {"minItems": "two"}, {"maxLength": 1.5}]
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        json_schema(schema, "tools[0].parameters")
    assert caught.value.field == "tools[0].parameters"


def test_depth_is_bounded() -> None:
    schema: Any = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(UnsupportedFeature):
        json_schema(schema, "f")
