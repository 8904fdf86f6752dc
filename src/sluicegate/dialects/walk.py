"""One pass over a request that finds every governed string: inspect by default, exempt by place.

A dialect describes its documents with the rules below, which are plain functions made once, at import. What no rule knows
goes to `free`: there every string, key and number is governed. A rule exempts a value only where it is what that place is
for: a known word, an identifier made by a provider, base64 data. Anything else in such a place is governed after all.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sluicegate.core.dialect import Form, Nested, Place, Reading, Span
from sluicegate.core.encoded import is_base64
from sluicegate.dialects import files
from sluicegate.dialects.document import nested as read_nested

Rule = Callable[[Any, Any, Any, Place, Reading], None]
"""Takes a value, what holds it, under which key, whose text it is, and where to note the spans."""

_IDENTIFIER = re.compile(
    r"(?:(?:call|(?:toolu|msg)(?:_bdrk|_vrtx)?|srvtoolu|mcptoolu|ctc|fc|chatcmpl|chatcmpl-tool|file|container|audio|resp|run"
    r"|fco|ctco|rs|ws|fs|ig|ci|cu|cuo|mcp|mcpl|mcpr|mcpa|lsh|lsho|sh|sho|apc|apco|tsc|tso|cmp|cntr|cfile)"
    r"[_-](?:[A-Za-z0-9]{4,96}|(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})))"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[A-Za-z0-9]{9}"
)
"""Identifiers as the providers make them: prefixed, a UUID, or nine letters and digits (Mistral)."""
_LONG_RUN = re.compile(r"[0-9]{8}")
"""What has so many digits in a row could be a number of somebody's."""
_LONG_DIGITS = re.compile(r"[0-9]{12}")
_PLAIN_NUMBER = 10_000_000
"""Numbers below this are settings; from here on they are long enough to be somebody's."""
_PLAIN_DIGITS = 8
_SHORTEST_OPAQUE = 64
THOUGHT = "thinking"
"""What `Span.sealed` says of a thought."""
_SHORTEST_DATA = 32
"""Characters from which on a data URI is decoded where nobody expects one; a shorter one is a text like any other."""


def free(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """Nothing here is structural: strings, keys and numbers are governed, all the way down."""
    _free(value, holder, key, place, out, None)


def _free(value: Any, holder: Any, key: Any, place: Place, out: Reading, within: Nested | None) -> None:
    """Walk with a stack of its own: what a string holds may be nested deeper than the request's bound.

    A key is noted after everything below it, so that renaming keys in the order of spans loses no span before it.
    """
    spans = out.spans
    stack: list[tuple[Any, Any, Any, bool]] = [(value, holder, key, False)]
    while stack:
        value, holder, key, is_key = stack.pop()
        kind = type(value)
        if kind is str:
            if len(value) >= _SHORTEST_DATA and value[4] == ":" and not is_key:
                taken = files.url(value, files.Link(holder, key, place, within), out, "file")
            else:
                taken = False
            if not taken:
                spans.append(Span(holder, key, value, place, Form.KEY if is_key else Form.TEXT, within))
        elif kind is dict:
            for name in reversed(value):
                stack.append((name, value, name, True))
                stack.append((value[name], value, name, False))
        elif kind is list:
            stack.extend((value[index], value, index, False) for index in range(len(value) - 1, -1, -1))
        elif kind is int or kind is float:
            spans.append(Span(holder, key, repr(value), place, Form.NUMBER, within))


def text(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """A place for text."""
    if type(value) is str:
        out.spans.append(Span(holder, key, value, place))
    elif value is not None and type(value) is not bool:
        free(value, holder, key, place, out)


def structural(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """A string that other controls decide about (the model's name); anything but a string is governed."""
    if type(value) is not str:
        free(value, holder, key, place, out)


def knob(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """A setting: true, false, null or a plain number. Strings and long numbers are governed."""
    kind = type(value)
    if value is None or kind is bool:
        return
    if kind is int and -_PLAIN_NUMBER < value < _PLAIN_NUMBER:
        return
    if kind is float and len(repr(value)) <= _PLAIN_DIGITS:
        return
    free(value, holder, key, place, out)


def opaque(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """A signature or other base64 that only its provider reads, longer than any credential, and no long number in it."""
    if type(value) is str and len(value) >= _SHORTEST_OPAQUE and is_base64(value) and not _LONG_DIGITS.search(value):
        return
    text(value, holder, key, place, out)


def identifier(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """An identifier that a provider made; one that does not look like any is governed."""
    if type(value) is str and _IDENTIFIER.fullmatch(value) and not _LONG_RUN.search(value):
        return
    text(value, holder, key, place, out)


def nested(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """JSON inside a string: its strings, keys and numbers are governed; a string that holds no object or list is text."""
    if type(value) is str:
        try:
            document, held = read_nested(value, key, out.depth, out.values)
            out.values -= held
        except ValueError:
            document = None
        if type(document) is dict or type(document) is list:
            _free(document, None, None, place, out, Nested(holder, key, document))
            return
    text(value, holder, key, place, out)


def words(*known: str) -> Rule:
    """A place for one of the words `known`, whatever their case."""
    known_words = frozenset(known)

    def rule(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
        if type(value) is str and (value in known_words or value.lower() in known_words):
            return
        text(value, holder, key, place, out)

    return rule


def blob(kind: str) -> Rule:
    """Base64 data of an image, sound or file, maybe as a data URI: read, or noted as unread. What is neither is governed."""

    def rule(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
        if value is None:
            return
        if type(value) is not str:
            out.unread.append(kind)
        elif value[:5].lower() == "data:":
            if files.url(value, files.Link(holder, key, place), out, kind):
                return
        else:
            media = holder.get("media_type") if type(holder) is dict else None
            if files.base64(value, media if type(media) is str else "", files.Link(holder, key, place), out, kind):
                return
        text(value, holder, key, place, out)

    return rule


def address(kind: str) -> Rule:
    """A URL: data in it is read, or noted as unread; any other address is governed text, and what it names is elsewhere."""

    def rule(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
        if value is None:
            return
        if type(value) is not str or value[:5].lower() != "data:":
            out.unread.append("remote")
        elif files.url(value, files.Link(holder, key, place), out, kind):
            return
        text(value, holder, key, place, out)

    return rule


def reference(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """An identifier of what is kept at the provider, and so cannot be read here."""
    if value is None:
        return
    out.unread.append("remote")
    identifier(value, holder, key, place, out)


def each(item: Rule) -> Rule:
    """A list whose elements follow `item`; anything else follows `item` itself (a string where parts may stand)."""

    def rule(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
        if type(value) is list:
            for index, element in enumerate(value):
                item(element, value, index, place, out)
        else:
            item(value, holder, key, place, out)

    return rule


def fields(known: Mapping[str, Rule], at: Place | None = None) -> Rule:
    """An object with known members; a member that is not known is governed, its name included. `at` sets the place below."""

    def rule(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
        if type(value) is not dict:
            text(value, holder, key, place, out)
            return
        below = at or place
        for name, member in value.items():
            follow = known.get(name)
            if follow is not None:
                follow(member, value, name, below, out)
            else:
                free(member, value, name, below, out)
                out.spans.append(Span(value, name, name, below, Form.KEY))

    return rule


def by(discriminator: str, cases: Mapping[str, Rule], otherwise: Rule) -> Rule:
    """An object whose member `discriminator` says which rule it follows."""

    def rule(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
        follow = otherwise
        if type(value) is dict:
            named = value.get(discriminator)
            if type(named) is str:
                follow = cases.get(named, otherwise)
        follow(value, holder, key, place, out)

    return rule


def sealed(rule: Rule) -> Rule:
    """`rule`, for a thought, which its model takes back only as it was: what is found in it cannot be replaced."""

    def kept(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
        first = len(out.spans)
        rule(value, holder, key, place, out)
        for span in out.spans[first:]:
            span.sealed = THOUGHT

    return kept


def within(at: Place, rule: Rule) -> Rule:
    """`rule`, at the place `at` whatever is above it."""

    def placed(value: Any, holder: Any, key: Any, _: Place, out: Reading) -> None:
        rule(value, holder, key, at, out)

    return placed
