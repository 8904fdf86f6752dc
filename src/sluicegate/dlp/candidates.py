"""How many candidates one text may cost, and candidates by where they end."""

from collections.abc import Iterator, Sequence

import msgspec

from sluicegate.dlp.automaton import TooManyReports

DECODED_FOR_ONE = 256
"""Bytes whose decoding counts as much as one candidate."""


class Work(msgspec.Struct, gc=False):
    """How many candidates may still be examined without giving the event loop to others."""

    left: int

    def decoded(self, size: int) -> None:
        """So many bytes were decoded. Raises TooManyReports where that is too much."""
        self.left -= 1 + size // DECODED_FOR_ONE
        if self.left < 0:
            raise TooManyReports

    @property
    def bytes_left(self) -> int:
        """How many bytes may still be decoded."""
        return self.left * DECODED_FOR_ONE


def grouped(ends: Sequence[tuple[int, int]]) -> Iterator[tuple[int, list[int]]]:
    """The patterns' numbers per end."""
    at, numbers = -1, list[int]()
    for end, number in ends:
        if end != at and numbers:
            yield at, numbers
            numbers = []
        at = end
        numbers.append(number)
    if numbers:
        yield at, numbers
