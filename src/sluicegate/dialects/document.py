"""From bytes to the client's document, strictly: what is inspected must be what a provider reads.

RFC 8259 leaves open what duplicate keys, lone surrogates and huge numbers mean; parsers differ, so a body that uses them
could read one way here and another way at the provider. They are refused. The bounds keep a hostile body from costing time.

There are two ways to read. The strict one tells what is wrong; the quick one, for nearly every body, uses a parser that
does not see duplicates and proves from counts that there are none. Wherever it is in doubt, the strict one has the word.
"""

import re
from collections.abc import Sequence
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Json
from sluicegate.core.errors import InvalidRequest

_SHORT_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_LONGEST_INTEGER = 19
"""Digits of a 64-bit integer; longer ones are checked by value."""
_SHALLOW = 200
"""Levels that the strict way surely reads: beyond, it meets the interpreter's own bound."""
_FEW = 64
"""Values of JSON inside a string that need no exact count."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class _DuplicateKeyError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__("duplicate key")
        self.key = key


class _NumberError(ValueError):
    """A number no double and no 64-bit integer can hold, or NaN and its kind."""


def _object(pairs: list[tuple[str, Any]]) -> Json:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return document


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER + 1:
        raise _NumberError
    number = int(digits)
    if not -(2**63) <= number < 2**64:
        raise _NumberError
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise _NumberError
    return number


def _constant(_: str) -> NoReturn:
    raise _NumberError


_quick_decode = msgspec.json.Decoder().decode
_decode = JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant).decode


def parse(body: bytes, max_depth: int, max_values: int) -> Json:
    """The one JSON object in `body`, UTF-8 without a byte order mark.

    Raises InvalidRequest: INVALID_JSON, DUPLICATE_KEY (naming the key where it is a short identifier), or TOO_DEEP for more
    than `max_depth` levels or `max_values` members and elements.
    """
    if len(body) <= max_values or _openings(body) + body.count(b",") <= max_values:  # then the values are no more than that
        document = _quick(body, max_depth)
        if document is not None:
            return document
    return _strict(body, max_depth, max_values)


def _openings(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[")


def _quick(body: bytes, max_depth: int) -> Json | None:
    """The document, if it is surely the one that the strict way would give; None where in doubt."""
    try:
        document = _quick_decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if type(document) is not dict:
        return None
    level: list[Any] = [document]
    texts: list[str] = []
    left, members = min(max_depth, _SHALLOW), 0
    while level:
        left -= 1
        if left < 0:
            return None
        below: list[Any] = []
        for container in level:
            children = container
            if type(container) is dict:
                members += len(container)
                children = container.values()
            for child in children:
                kind = type(child)
                if kind is str:
                    texts.append(child)
                elif kind is dict or kind is list:
                    below.append(child)
                elif kind is int and not -(2**63) <= child < 2**64:
                    return None
        level = below
    return document if _no_key_twice(body, members, texts) else None


def _no_key_twice(body: bytes, members: int, texts: Sequence[str]) -> bool:
    """Whether the body surely holds no more keys than the `members` that were kept of them.

    Each key has a colon of its own. The other colons stand in strings, and those in `texts`, which the document kept, came
    from there unless they were written as an escape. So what is left of the colons is never less than the keys.
    """
    colons = body.count(b":")
    if colons == members:
        return True
    return colons - "".join(texts).count(":") == members and b"\\u003a" not in body and b"\\u003A" not in body


def _strict(body: bytes, max_depth: int, max_values: int) -> Json:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(Reason.INVALID_JSON, "The body is not UTF-8.") from None
    openings = _openings(body)
    many = len(body) > max_values and openings + body.count(b",") > max_values
    if many and _crowded(body, max_values):
        raise _too_many(max_values)
    document = _load(text)
    if type(document) is not dict:
        raise InvalidRequest(Reason.INVALID_JSON, "The body must be one JSON object.")
    if many or openings > max_depth:
        _bound(document, max_depth, max_values)
    return document


def nested(text: str, field: str, max_depth: int, max_values: int) -> tuple[Any, int]:
    """JSON found inside the string `field` of a document, and how many values it holds (of a small one: at most).

    Raises ValueError where it is none, InvalidRequest for a duplicate key, and with TOO_DEEP beyond the bounds.
    """
    most = text.count(",") + text.count("{") + text.count("[")
    if most > max_values and _crowded(text.encode("utf-8", "surrogatepass"), max_values):
        raise _too_many(max_values, field)
    try:
        document = _decode(text)
        if _SURROGATE_ESCAPE.search(text) is not None:
            _check_surrogates(document)
    except RecursionError:
        raise _too_deep(max_depth, field) from None
    except _DuplicateKeyError as error:
        raise _twice(error.key) from None
    if most <= min(_FEW, max_depth, max_values) or (type(document) is not dict and type(document) is not list):
        return document, min(most, _FEW)
    return document, _bound(document, max_depth, max_values, field)


def _load(text: str) -> Any:
    try:
        document = _decode(text)
        if _SURROGATE_ESCAPE.search(text) is not None:
            _check_surrogates(document)
    except _DuplicateKeyError as error:
        raise _twice(error.key) from None
    except _NumberError:
        message = "A number is not finite, or larger than 64 bits hold."
        raise InvalidRequest(Reason.INVALID_JSON, message) from None
    except JSONDecodeError as error:
        message = f"The body is not valid JSON (line {error.lineno}, column {error.colno})."
        raise InvalidRequest(Reason.INVALID_JSON, message) from None
    except UnicodeEncodeError:
        raise InvalidRequest(Reason.INVALID_JSON, "A text holds half of a surrogate pair.") from None
    except RecursionError:
        raise InvalidRequest(Reason.TOO_DEEP, "The body is nested too deeply.") from None
    return document


def _twice(key: str) -> InvalidRequest:
    """A key is the client's text: it is named only where it reads as a name."""
    field = key if _SHORT_IDENTIFIER.fullmatch(key) else None
    return InvalidRequest(Reason.DUPLICATE_KEY, "A key stands twice in one object.", field=field)


def _check_surrogates(document: Any) -> None:
    """Raises UnicodeEncodeError where a string or key holds a lone surrogate, which no UTF-8 can carry on."""
    stack = [document]
    while stack:
        value = stack.pop()
        if type(value) is str:
            value.encode()
        elif type(value) is dict:
            stack.extend(value)
            stack.extend(value.values())
        elif type(value) is list:
            stack.extend(value)


def _crowded(body: bytes, max_values: int) -> bool:
    """Whether the body surely holds more than `max_values` values, found without the cost of parsing it.

    Each value stands with at most two strings, its key and itself, so the unescaped quotes settle most hostile bodies; in
    the others the strings are few enough to be taken out, and what commas are left are structure.
    """
    if body.count(b'"') - body.count(b'\\"') > 4 * max_values:
        return True
    return _STRING.sub(b"", body).count(b",") > max_values


def _too_many(max_values: int, field: str | None = None) -> InvalidRequest:
    message = (
        f"The body holds more than {max_values} values."
        if field is None
        else f"The JSON in `{field}` holds too many values."
    )
    return InvalidRequest(Reason.TOO_DEEP, message, field=field)


def _too_deep(max_depth: int, field: str | None = None) -> InvalidRequest:
    what = "The body" if field is None else f"The JSON in `{field}`"
    return InvalidRequest(Reason.TOO_DEEP, f"{what} is nested more than {max_depth} levels deep.", field=field)


def _bound(document: Any, max_depth: int, max_values: int, field: str | None = None) -> int:
    """The number of values. Count exactly, level by level, once the cheap upper bounds do not settle it."""
    level: list[Any] = [document]
    depth = values = 0
    while level:
        depth += 1
        if depth > max_depth:
            raise _too_deep(max_depth, field)
        below: list[Any] = []
        for container in level:
            values += len(container)
            children = container.values() if type(container) is dict else container
            below += [child for child in children if type(child) is dict or type(child) is list]
        if values > max_values:
            raise _too_many(max_values, field)
        level = below
    return values
