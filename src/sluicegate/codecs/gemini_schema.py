"""Gemini's `Schema`, a part of OpenAPI 3.0, as the JSON Schema that everybody else speaks.

Source: `Schema` of ai.google.dev/api/caching. Towards Gemini none is made: it reads JSON Schema itself
(`parametersJsonSchema`, `responseJsonSchema`).
"""

from typing import Any

from sluicegate.codecs.reading import cannot
from sluicegate.core.dialect import Json

_MEMBERS = {
    "additional_properties": "additionalProperties",
    "any_of": "anyOf",
    "max_items": "maxItems",
    "max_length": "maxLength",
    "max_properties": "maxProperties",
    "min_items": "minItems",
    "min_length": "minLength",
    "min_properties": "minProperties",
    "property_ordering": "propertyOrdering",
    "defs": "$defs",
    "ref": "$ref",
}
_NUMBERS = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
_ONE = frozenset({"items", "additionalProperties"})
_NAMED = frozenset({"properties", "$defs"})
_DEPTH = 64
"""How deep schemas may stand in one another."""


def json_schema(schema: Any, field: str, depth: int = 0) -> dict[str, object]:
    """The JSON Schema that says what `schema` does. Raises UnsupportedFeature, which names `field`, for what is none."""
    if type(schema) is not dict or depth > _DEPTH:
        raise cannot(field)
    out: Json = {}
    nullable = schema.get("nullable") is True
    for given, value in schema.items():
        name = str(_MEMBERS.get(given, given))
        if value is None or name in ("nullable", "propertyOrdering"):
            continue
        if name == "type":
            kind = _type(value, field)
            if kind is not None:
                out["type"] = [kind, "null"] if nullable and kind != "null" else kind
        elif name in _NUMBERS:
            out[name] = _number(value, field)
        elif name in _ONE and type(value) is not bool:
            out[name] = json_schema(value, field, depth + 1)
        elif name in _NAMED:
            if type(value) is not dict:
                raise cannot(field)
            out[name] = {key: json_schema(inner, field, depth + 1) for key, inner in value.items()}
        elif name == "anyOf":
            if type(value) is not list:
                raise cannot(field)
            out[name] = [json_schema(inner, field, depth + 1) for inner in value]
        else:
            out[name] = value
    return out


def _type(value: Any, field: str) -> str | None:
    if type(value) is not str:
        raise cannot(field)
    return None if value.upper() == "TYPE_UNSPECIFIED" else value.lower()


def _number(value: Any, field: str) -> int:
    """64-bit numbers may be written as strings."""
    if type(value) is str and value.isdecimal() and len(value) < 20:
        return int(value)
    if type(value) is not int:
        raise cannot(field)
    return value
