"""What the codecs share: taking a document apart so that nothing in it is passed over.

A codec takes each member it can say. What is left at the end is refused by name, unless it is a knob, which is noted as
dropped, or says nothing (null, or the default).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from sluicegate.core.dialect import Json
from sluicegate.core.errors import UnsupportedFeature


class Fields:
    """The members of one object of a request, each to be taken once. `path` names the object, empty for the request."""

    __slots__ = ("_dropped", "_left", "path")

    def __init__(self, document: Any, path: str, dropped: dict[str, None]) -> None:
        if type(document) is not dict:
            raise UnsupportedFeature(path, f"`{path}` is not an object, which this route cannot express.")
        self._left: Json = dict(document)
        self._dropped = dropped
        self.path = path

    def named(self, field: str) -> str:
        """The full path of a member."""
        return f"{self.path}.{field}" if self.path else field

    def take(self, field: str) -> Any:
        """The member, or None."""
        return self._left.pop(field, None)

    def text(self, field: str) -> str:
        """A member that must be a string; absent is empty."""
        value = self._left.pop(field, None)
        if value is None:
            return ""
        if type(value) is not str:
            raise self.cannot(field)
        return value

    def flag(self, field: str) -> bool | None:
        """A member that must be a boolean."""
        value = self._left.pop(field, None)
        if value is not None and type(value) is not bool:
            raise self.cannot(field)
        return value

    def object(self, field: str) -> Json:
        """A member that must be an object; absent is empty."""
        value = self._left.pop(field, None)
        if value is None:
            return {}
        if type(value) is not dict:
            raise self.cannot(field)
        return value

    def list(self, field: str) -> list[Any]:
        """A member that must be a list; absent is empty."""
        value = self._left.pop(field, None)
        if value is None:
            return []
        if type(value) is not list:
            raise self.cannot(field)
        return value

    def inner(self, value: Any, field: str) -> "Fields":
        """An object below this one, whose path is named by `field`."""
        return Fields(value, self.named(field), self._dropped)

    def drop(self, field: str) -> None:
        """Note a knob as dropped, by its name without positions: it goes into a response header."""
        self._dropped[generic(self.named(field))] = None

    def cannot(self, field: str) -> UnsupportedFeature:
        """The refusal of a member."""
        return cannot(self.named(field))

    def close(self, knobs: frozenset[str] = frozenset(), silent: Mapping[str, Any] = {}) -> None:
        """What can be said was taken: note the `knobs` left, pass over null and `silent` values, refuse the rest.

        Raises UnsupportedFeature naming the first member that cannot be said.
        """
        for field, value in self._left.items():
            if value is None or (field in silent and value == silent[field]):
                continue
            if field not in knobs:
                raise self.cannot(field)
            self.drop(field)


def cannot(field: str) -> UnsupportedFeature:
    """The refusal of a field. A member's name is the client's text: one that does not read as a name is not repeated."""
    named = "".join(c if c.isascii() and (c.isalnum() or c in "._[]-") else "?" for c in field[:120])
    return UnsupportedFeature(named, f"`{named}` cannot be expressed on the route to this model.")


def generic(path: str) -> str:
    """`messages[2].name` as `messages.name`."""
    out, depth = [], 0
    for character in path:
        depth += (character == "[") - (character == "]")
        if depth == 0 and character != "]":
            out.append(character)
    return "".join(out)


def arguments_object(text: str) -> Json | None:
    """The object that a call's arguments are; empty text is an empty object; None where they are something else."""
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if type(value) is dict else None


def arguments_text(value: Any) -> str:
    """An object of arguments as the JSON text of it."""
    return msgspec.json.encode(value).decode()
