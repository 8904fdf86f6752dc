"""Checks of a field's type that name the field the way the vendors do: `messages[2].content`."""

from typing import Any, TypeGuard

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Json
from sluicegate.core.errors import InvalidRequest

_LARGEST = 2**31 - 1
"""The largest count a request may name; larger ones overflow somewhere."""


def wrong(field: str, expected: str) -> InvalidRequest:
    """The refusal of `field`; `expected` completes the sentence."""
    return InvalidRequest(Reason.INVALID_FIELD, f"`{field}` must be {expected}.", field=field)


def name(document: Json, field: str) -> str:
    """A required string with something in it."""
    value = document.get(field)
    if type(value) is not str or not value:
        raise wrong(field, "a string that is not empty")
    return value


def spelled(document: Json, known: frozenset[str], path: str = "") -> None:
    """Refuse a field that is one of `known` but for its case.

    Parsers that ignore case (Go's encoding/json, so Ollama) read `Model` as `model`, past everything decided about that.
    """
    if document.keys() <= known:
        return
    for field in document.keys() - known:
        if (meant := field.casefold()) in known:
            raise wrong(path + meant, "spelled in lower case")


def flag(document: Json, field: str) -> bool:
    """An optional boolean, false unless given."""
    value = document.get(field)
    if value is None:
        return False
    if type(value) is not bool:
        raise wrong(field, "true or false")
    return value


def count(document: Json, field: str, least: int = 1) -> int | None:
    """An optional whole number from `least` on."""
    value = document.get(field)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= _LARGEST:
        raise wrong(field, f"a whole number from {least} to {_LARGEST}")
    return value


def number(document: Json, field: str) -> None:
    """An optional number."""
    value = document.get(field)
    if value is not None and type(value) is not int and type(value) is not float:
        raise wrong(field, "a number")


def objects(document: Json, field: str, path: str = "") -> list[Json]:
    """An optional list of objects; `path` stands before the field in messages."""
    value = document.get(field)
    if value is None:
        return []
    if type(value) is not list:
        raise wrong(path + field, "a list")
    for index, element in enumerate(value):
        if type(element) is not dict:
            raise wrong(f"{path}{field}[{index}]", "an object")
    return value


def texts(document: Json, field: str, *, single: bool) -> None:
    """An optional list of strings, or with `single` also one string."""
    value = document.get(field)
    if value is None or (single and type(value) is str):
        return
    if type(value) is not list or not all(type(element) is str for element in value):
        raise wrong(field, "a string or a list of strings" if single else "a list of strings")


def is_parts(value: Any, path: str) -> TypeGuard[list[Json]]:
    """Whether a content is a list of typed parts; False for a string. Raises for anything else."""
    if type(value) is str:
        return False
    if type(value) is not list:
        raise wrong(path, "a string or a list of parts")
    for index, part in enumerate(value):
        if type(part) is not dict:
            raise wrong(f"{path}[{index}]", "an object")
        if type(part.get("type")) is not str:
            raise wrong(f"{path}[{index}].type", "a string")
    return True
