"""What may stand in a record as a name; anything else that a client calls a model or a tool could be text."""

import re
from hashlib import sha256

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")


def named(text: str) -> str:
    """`text` where it reads as a name, else its digest."""
    if NAME.fullmatch(text):
        return text
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
