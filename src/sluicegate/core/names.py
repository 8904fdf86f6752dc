"""What may stand in a record as a name; anything else that a client calls a model or a tool could be text."""

import re
from hashlib import sha256

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")

REMEMBERED = 4_096
_names: dict[str, str] = {}
"""Texts lately seen that read as names: as short as names are."""


def named(text: str) -> str:
    """`text` where it reads as a name, else its digest."""
    return _names.get(text) or _named(text)


def _named(text: str) -> str:
    if NAME.fullmatch(text):
        if len(_names) >= REMEMBERED:
            _names.clear()
        _names[text] = text
        return text
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
