"""Redaction in a request's document: edits are done where the text stands, and the document stays valid JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sluicegate.core.dialect import Form, Nested, Span
from sluicegate.dlp.findings import Edit, redact
from sluicegate.dlp.json_text import fitted

REST = "[REDACTED]"
"""What becomes of a text that would be left empty, which some providers refuse."""

_encode = msgspec.json.Encoder().encode


def replace(spans: Sequence[tuple[Span, Sequence[Edit]]]) -> bool:
    """Do the edits of each span, which do not overlap, in the document the spans are of; True if anything changed.

    A number becomes a string that is the label. A key is renamed in its place, and told apart from its neighbours where
    two would be the same. JSON inside a string is written back only if a span in it changed. A text that is JSON stays JSON.
    """
    nested: dict[int, Nested] = {}
    keys: list[tuple[Span, Sequence[Edit]]] = []
    changed = False
    for span, edits in spans:
        if not edits:
            continue
        changed = True
        if span.form is Form.KEY:
            keys.append((span, edits))  # last: other spans still find their place by the old key
        elif span.form is Form.NUMBER:
            span.holder[span.key] = edits[0].label
        else:
            span.holder[span.key] = redact(span.text, fitted(span.text, edits)) or REST
        if span.nested is not None:
            nested[id(span.nested)] = span.nested
    renamed: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
    for span, edits in keys:
        renamed.setdefault(id(span.holder), (span.holder, {}))[1][span.text] = redact(span.text, edits)
    for holder, names in renamed.values():
        _rename(holder, names)
    for each in reversed(nested.values()):
        each.holder[each.key] = _encode(each.document).decode()
    return changed


def _rename(holder: dict[str, Any], names: dict[str, str]) -> None:
    """Give the keys their new names without changing their order."""
    items = list(holder.items())
    holder.clear()
    taken = {key for key, _ in items if key not in names}
    for key, value in items:
        name = wanted = names.get(key, key)
        number = 2
        while key in names and name in taken:
            name = f"{wanted} {number}"
            number += 1
        taken.add(name)
        holder[name] = value
