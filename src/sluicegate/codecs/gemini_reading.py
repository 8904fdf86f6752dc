"""What Gemini's codec reads with: fields of two names, and calls that results must find again."""

import re
from typing import Any

from sluicegate.codecs.conversation import ToolCall
from sluicegate.codecs.reading import Fields, arguments_text
from sluicegate.core.dialect import Json

_LOW = re.compile("_([a-z])")


class NamedTwice(Fields):
    """The members of an object whose fields have two names each; here they go by the lowerCamelCase one."""

    __slots__ = ()

    def __init__(self, document: Any, path: str, dropped: dict[str, None]) -> None:
        if type(document) is dict:
            document = {_LOW.sub(lambda low: low[1].upper(), name): value for name, value in document.items()}
        super().__init__(document, path, dropped)

    def inner(self, value: Any, field: str) -> "NamedTwice":
        """An object below this one, whose path is named by `field`."""
        return NamedTwice(value, self.named(field), self._dropped)

    def each(self, field: str) -> "list[NamedTwice]":
        """The objects of a list, or the one that stands in its place."""
        value = self.take(field)
        found = [value] if type(value) is dict else value or ()
        if type(found) is not list and found != ():
            raise self.cannot(field)
        return [self.inner(element, f"{field}[{index}]") for index, element in enumerate(found)]


class Calls:
    """The calls of a conversation that have no result yet."""

    def __init__(self) -> None:
        self._turn = 0
        self._open: list[ToolCall] = []

    def turn(self) -> None:
        """The model speaks again: what it asked for before is over."""
        self._turn += 1
        self._open.clear()

    def made(self, fields: Fields, signature: str) -> ToolCall:
        """The call that is held here. One without an id gets it from where it stands, the same in every turn."""
        id, name = fields.text("id"), fields.text("name")
        arguments: Json = fields.object("args")
        fields.close(silent={"partialArgs": [], "willContinue": False})
        call = ToolCall(id or f"call_{self._turn}_{len(self._open)}", name, arguments_text(arguments), signature)
        self._open.append(call)
        return call

    def asked(self, fields: Fields) -> str:
        """The id of the call that a result is of: the one it names, or else the first of its name without a result.

        Raises UnsupportedFeature where there is none.
        """
        id, name = fields.text("id"), fields.text("name")
        found = next((call for call in self._open if id and call.id == id), None)
        if found is None:
            found = next((call for call in self._open if call.name == name), None)
        if found is None:
            raise fields.cannot("name")
        self._open.remove(found)
        return found.id
