"""Names in Gemini's documents: each field has two, `systemInstruction` and `system_instruction`; a list of one may be bare.

Source: protobuf.dev/programming-guides/json (a parser takes a field's lowerCamelCase name and its own), and the examples of
ai.google.dev, in which an object stands where a list of objects is meant.
"""

import re
from typing import Any

from sluicegate.core.dialect import Json
from sluicegate.dialects.checks import wrong

_CAPITAL = re.compile("[A-Z]")


class _Snake(dict[str, str]):
    """A field's own name by its lowerCamelCase one; asked only for names that stand in this code."""

    def __missing__(self, name: str) -> str:
        own = self[name] = _CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", name)
        return own


OWN = _Snake()


class Names:
    """The fields of one kind of object that anything here decides by."""

    __slots__ = ("_folded", "_spelled")

    def __init__(self, *names: str) -> None:
        """`names` in lowerCamelCase."""
        self._spelled = {spelling: name for name in names for spelling in (name, OWN[name])}
        self._folded = {_fold(name): name for name in names}

    def check(self, document: Json, path: str = "") -> None:
        """Refuse a field that is spelled as no parser here reads it, and one that is given twice.

        Raises InvalidRequest. A parser that ignores case would read `SystemInstruction`, past everything decided about it.
        """
        spelled = self._spelled
        for field in document:
            name = spelled.get(field)
            if name is None:
                meant = self._folded.get(_fold(field))
                if meant is not None:
                    raise wrong(path + meant, "spelled like that, or with underscores")
            elif name is not field and name != field and name in document:
                raise wrong(path + name, "given once")


def _fold(name: str) -> str:
    return name.replace("_", "").casefold()


def either(document: Json, name: str) -> Any:
    """The value of a field under either of its names; None where it is not given."""
    value = document.get(name)
    return document.get(OWN[name]) if value is None else value


def spelling(document: Json, name: str) -> str:
    """The name under which `document` has the field, or would get it."""
    own = OWN[name]
    return own if own in document else name


def items(document: Json, name: str, path: str = "") -> list[Json]:
    """A list of objects, or the one that stands in its place. Raises InvalidRequest for anything else."""
    value = either(document, name)
    if value is None:
        return []
    if type(value) is dict:
        return [value]
    if type(value) is not list:
        raise wrong(path + name, "a list")
    for index, element in enumerate(value):
        if type(element) is not dict:
            raise wrong(f"{path}{name}[{index}]", "an object")
    return value


def member(document: Json, name: str, path: str = "") -> Json:
    """An object, empty where it is not given. Raises InvalidRequest for anything else."""
    value = either(document, name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise wrong(path + name, "an object")
    return value
