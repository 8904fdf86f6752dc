"""Numbers whose digits are spread: one per line, in the cells of a table, in bold, with dots. What they are joined is told.

Only what is spread evenly counts, which tables and dates are not: single digits with the same between each two of them, or
groups as on a card (4-4-4-4), in a social security number (3-2-4), in a phone number (3-3-4), in an IBAN.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

MOST_GROUPS = 40
"""Groups that are looked at together."""
FEWEST, MOST = 9, 19
"""How many single digits may make a number."""
BETWEEN = " \\t\\r\\n.\\-_*|/,:;+~`'\"<>()\\[\\]=·•\\\\"
GAP = 8
"""The most characters between two groups."""

_B = f"[{BETWEEN}]{{1,{GAP}}}+"
_RUN = re.compile(
    rf"(?<![0-9A-Za-z])(?:(?P<iban>[A-Z]{{2}}[0-9]{{2}}(?:{_B}[0-9A-Z]{{1,4}}(?![0-9A-Za-z])){{0,8}}+)(?![0-9A-Za-z])"
    rf"|[0-9]{{1,20}}+(?![0-9])(?:{_B}[0-9]{{1,20}}+(?![0-9])){{0,{MOST_GROUPS}}}+)"
)
_SPREAD = re.compile(f"[0-9A-Z{BETWEEN}]{{1,{MOST_GROUPS * (20 + GAP)}}}")
_OPEN = re.compile(rf"[{BETWEEN}]{{0,{GAP}}}\Z")
_HEAD = re.compile(r"(?<![0-9A-Za-z])[A-Z]{1,2}[0-9]?\Z")
_GROUP = re.compile("[0-9A-Z]+")
_EMPHASIS = str.maketrans("", "", "*_`~\\")
_SHAPES = {
    (4, 4, 4, 4): ("card",),
    (4, 6, 5): ("card",),
    (4, 6, 4): ("card",),
    (4, 4, 4, 4, 3): ("card",),
    (4, 4, 4, 3): ("card",),
    (4, 4, 4, 2): ("card",),
    (3, 2, 4): ("ssn",),
    (3, 3, 4): ("phone",),
}


class Number(msgspec.Struct, frozen=True, gc=False):
    """What stands spread in text[start:end], joined in the ways that rules know; of which kinds, or () of any."""

    start: int
    end: int
    joined: tuple[str, ...]
    kinds: tuple[str, ...] = ()


def numbers(text: str, at: int, *, final: bool) -> tuple[list[Number], int]:
    """The numbers spread in text[at:], and from where on more text may still make or lengthen one."""
    found: list[Number] = []
    for run in _RUN.finditer(text, at):
        if not final and _OPEN.match(text, run.end()):
            return found, run.start()
        if run.end() - run.start() > FEWEST:
            found += _iban(run) if run["iban"] else _digits(text, run.start(), run.end())
        at = run.end()
    head = None if final else _HEAD.search(text, max(at, len(text) - 3))
    return found, head.start() if head else max(at, len(text))


def _iban(run: re.Match[str]) -> Iterator[Number]:
    parts = _GROUP.findall(run[0])
    if len(parts) >= 4 and all(len(part) == 4 for part in parts[:-1]):
        yield Number(run.start(), run.end(), ("".join(parts), " ".join(parts)), ("iban",))


def _digits(text: str, start: int, end: int) -> Iterator[Number]:
    groups = [group.span() for group in _GROUP.finditer(text, start, end)]
    if text[end : end + 1].isalnum():
        groups.pop()  # it is of a word
    gaps = [text[left[1] : right[0]].translate(_EMPHASIS) for left, right in pairwise(groups)]
    if len(gaps) < 2:
        return
    yield from _singles(text, groups, gaps)
    if all(len(gap) <= 2 for gap in gaps):
        yield from _shaped(text, groups)
    first = 0
    for last in range(1, len(gaps) + 1):
        if last == len(gaps) or gaps[last] != gaps[first]:
            if last - first < len(gaps) or not all(len(gap) <= 2 for gap in gaps):
                yield from _shaped(text, groups[first : last + 1])
            first = last


def _singles(text: str, groups: Sequence[tuple[int, int]], gaps: Sequence[str]) -> Iterator[Number]:
    first = 0
    for index in range(1, len(groups) + 1):
        both = index < len(groups) and _single(groups[index - 1]) and _single(groups[index])
        if both and gaps[index - 1] == gaps[first]:
            continue
        if FEWEST <= index - first <= MOST:
            joined = "".join(text[begin:end] for begin, end in groups[first:index])
            yield Number(groups[first][0], groups[index - 1][1], (joined,))
        first = index - 1 if both else index


def _single(group: tuple[int, int]) -> bool:
    return group[1] - group[0] == 1


def _shaped(text: str, groups: Sequence[tuple[int, int]]) -> Iterator[Number]:
    kinds = _SHAPES.get(tuple(end - start for start, end in groups))
    if kinds:
        parts = [text[start:end] for start, end in groups]
        yield Number(groups[0][0], groups[-1][1], ("-".join(parts),), kinds)


def spread(text: str, at: int) -> int:
    """Where the digits and what may stand between them end that stand at `at`."""
    found = _SPREAD.match(text, at)
    return found.end() if found else at
