"""What every match of a pattern surely holds that is cheap to look for: a long run, or many digits close together.

Told from the pattern's tree alone, and never wrongly: where in doubt a pattern is said to hold nothing.
"""

import msgspec

from sluicegate.dlp.pattern import Alt, Chars, Node, Repeat, Seq, width
from sluicegate.dlp.reading import RUN_CHARACTERS, SHORTEST

_MOST_COPIES = 64
"""Of a repeat, as many are looked at."""


class Sign(msgspec.Struct, frozen=True):
    """At least `least` of the `main` characters, with at most `gap` of the `between` ones between two of them."""

    main: frozenset[int]
    between: frozenset[int]
    gap: int
    least: int


RUN = Sign(frozenset(map(ord, RUN_CHARACTERS)), frozenset(), 0, SHORTEST)
"""A long run, as `Reading.runs` has them."""
DIGITS = Sign(frozenset(range(48, 58)), frozenset(map(ord, " ./-()")), 2, 6)
"""Digits enough for a number that is of somebody."""
DENSE = "[0-9](?:[ ./()-]{0,2}[0-9]){5}[^0-9]"
"""The expression of DIGITS; it ends right behind a group of digits."""


class _Held(msgspec.Struct, frozen=True):
    """How many main characters stand in one row: at the left edge of a match, at its right edge, and anywhere, at least.

    A `pure` one is nothing but one row, or nothing but `gaps` characters, or empty; `gaps` is the most there are, `lead` and
    `trail` the most before and after the row.
    """

    pure: bool
    gaps: int = 0
    lead: int = 0
    trail: int = 0
    left: int = 0
    right: int = 0
    best: int = 0


def holds(node: Node, sign: Sign) -> bool:
    """Whether every match of `node` holds the sign."""
    return _held(node, sign).best >= sign.least


def around(node: Node, sign: Sign) -> tuple[int, int]:
    """The most characters of a match before and after the row that has the sign; `node` holds it."""
    whole = width(node)[1]
    held = _held(node, sign)
    if held.pure and not held.gaps:
        return 0, 0
    if isinstance(node, Alt):
        each = [around(part, sign) for part in node.parts]
        return max(before for before, _ in each), max(after for _, after in each)
    best = whole, whole
    if isinstance(node, Seq):
        for first, part in enumerate(node.parts):
            for last in range(first, len(node.parts)):
                row = _row([_held(each, sign) for each in node.parts[first : last + 1]], sign.gap)
                if row.best < sign.least or not (row.pure or first == last):
                    continue
                before, after = (0, 0) if row.pure else around(part, sign)
                before += sum(width(each)[1] for each in node.parts[:first])
                after += sum(width(each)[1] for each in node.parts[last + 1 :])
                best = min(best, (before, after), key=sum)
    return best


def _held(node: Node, sign: Sign) -> _Held:
    if isinstance(node, Chars):
        return _of(node, sign)
    if isinstance(node, Repeat):
        part = _held(node.part, sign)
        surely = min(node.low, _MOST_COPIES)
        return _row([part] * surely + [_Held(part.pure, part.gaps * (node.high - surely))], sign.gap)
    parts = [_held(part, sign) for part in node.parts]
    if isinstance(node, Seq):
        return _row(parts, sign.gap)
    return _Held(
        all(part.pure for part in parts),
        max(part.gaps for part in parts),
        max(part.lead for part in parts),
        max(part.trail for part in parts),
        min(part.left for part in parts),
        min(part.right for part in parts),
        min(part.best for part in parts),
    )


def _of(node: Chars, sign: Sign) -> _Held:
    points = {point for low, high in node.ranges for point in range(low, min(high, 128) + 1)}
    if points <= sign.main:
        return _Held(True, left=1, right=1, best=1)
    return _Held(points <= sign.main | sign.between, 1)


def _row(parts: list[_Held], gap: int) -> _Held:
    """What stands in parts that follow each other."""
    pure = all(part.pure for part in parts)
    lead = trail = left = right = best = 0
    begun, unbroken = False, True
    for part in parts:
        if part.pure and not part.best:  # perhaps nothing but what may stand between, or nothing at all
            trail += part.gaps
            lead += 0 if begun else part.gaps
            continue
        if right and trail + part.lead > gap:
            pure, right, unbroken = False, 0, False
        lead += 0 if begun else part.lead
        begun = True
        row = right + part.left
        best = max(best, row, part.best)
        left = row if unbroken else left
        right = row if part.pure else part.right
        unbroken &= part.pure
        trail = part.trail
    return _Held(pure, sum(part.gaps for part in parts), lead, trail, left, right, best)
