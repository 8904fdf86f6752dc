"""Edits of a text that arrives in pieces, done piece by piece."""

SourceEdit = tuple[int, int, str]
"""source[start:end] gives way to the text."""


def rendered(edits: list[SourceEdit], start: int, source: str) -> str | None:
    """What the piece `source`, which stands at `start` of its text, gives way to; None where it stays.

    The edits are in order and none overlap; those that end within the piece are taken out of the list.
    """
    end = start + len(source)
    if not edits or edits[0][0] >= end:
        return None
    parts: list[str] = []
    at = start
    while edits and edits[0][0] < end:
        low, high, text = edits.pop(0)
        parts += (source[at - start : low - start], text)
        at = min(high, end)
        if high > end:
            edits.insert(0, (end, high, ""))
            break
    parts.append(source[at - start :])
    return "".join(parts)
