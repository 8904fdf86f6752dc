"""Edits in a text that is JSON as a whole (a tool's result, say), done so that it stays JSON.

A string keeps its quotes and its escapes whole, and a number or word outside strings gives way to a string.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from sluicegate.dlp.findings import Edit, merged

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[-+.0-9A-Za-z]++', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[dD][89ABab][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)


def fitted(text: str, edits: Sequence[Edit]) -> Sequence[Edit]:
    """The edits as JSON takes them; as they are where `text` is no object and no list."""
    if text.lstrip()[:1] not in ("{", "[") or not _is_json(text):
        return edits
    tokens = [token.span() for token in _TOKEN.finditer(text)]
    starts = [start for start, _ in tokens]
    done: list[Edit] = []
    for edit in edits:
        for start, end in tokens[max(0, bisect_right(starts, edit.start) - 1) :]:
            if start >= edit.end:
                break
            if end > edit.start:
                done += _within(text, start, end, edit)
    return merged(done, len(text))


def _within(text: str, start: int, end: int, edit: Edit) -> Iterator[Edit]:
    """What `edit` does in the token text[start:end]."""
    if text[start] != '"':
        yield Edit(start, end, edit.rank, f'"{edit.label}"')
        return
    low, high = max(start + 1, edit.start), min(end - 1, edit.end)
    for escape in _ESCAPE.finditer(text, start + 1, end - 1):
        if escape.start() < low < escape.end():
            low = escape.start()
        if escape.start() < high < escape.end():
            high = escape.end()
    if low < high:
        yield Edit(low, high, edit.rank, edit.label)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True
