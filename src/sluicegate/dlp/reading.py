"""One text about to be searched: its bytes, and where its long runs stand. Shared by all who look at it, and found once."""

from collections.abc import Sequence
from functools import cached_property

SHORTEST = 15
"""Characters from which on a run is long: enough to be encoded text, and no word."""
RUN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
"""What runs are made of: base64 and base64url, hexadecimal, words and paths."""

_FLAT = bytes(ord("w") if chr(byte) in RUN_CHARACTERS else ord(" ") for byte in range(256))
_LONG = b"w" * SHORTEST
_GO_ON = bytes(range(0x80, 0xC0))
"""The bytes with which a character of several goes on."""


class Reading:
    """A text, read once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = text.encode("utf-8", "replace")
        self.plain = len(self.data) == len(text)
        """Whether it is all ASCII, so that bytes and characters count alike."""

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """Where the long runs stand, as bytes; faster told so than by an automaton, which enters every word."""
        flat = self.data.translate(_FLAT)
        found: list[tuple[int, int]] = []
        find = flat.find
        at = find(_LONG)
        while at >= 0:
            end = find(b" ", at + SHORTEST)
            if end < 0:
                end = len(flat)
            found.append((at, end))
            at = find(_LONG, end)
        return found

    def characters(self, places: Sequence[int]) -> list[int]:
        """Sorted places of bytes as those of the characters that hold them."""
        if self.plain:
            return list(places)
        data = self.data
        found: list[int] = []
        at = characters = 0
        for byte in places:
            while byte < len(data) and data[byte] & 0xC0 == 0x80:
                byte -= 1
            if byte > at:
                characters += len(data[at:byte].translate(None, _GO_ON))
                at = byte
            found.append(characters)
        return found
