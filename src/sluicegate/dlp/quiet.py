"""Prose in which no pattern can match, told from the patterns themselves and without a scan.

Most pieces of a streamed answer are words. From the trees of the patterns it is told once which letters and punctuation can
stand in no beginning of a match that is all prose (such a barrier parts what may match on one side from what may on the
other); how many characters between barriers the shortest match takes; and which pattern, if any, can begin with every
word, so that a last word is open from its first character on. What cannot be told so is scanned.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from sluicegate.dlp.packs import Form
from sluicegate.dlp.pattern import TOP, Alt, Chars, Node, PatternError, Ranges, Repeat, Seq, complement, merged, wide

LONGEST = 200
"""Characters from which on a scan is cheaper."""

_PROSE: Ranges = merged(
    [
        (ord("A"), ord("Z")),
        (ord("a"), ord("z")),
        *((ord(char), ord(char)) for char in " \t\n\r,.;:!?'\"()[]{}*#&|<>$%^~\\`"),
        (0x80, 0xD7FF),
        (0xE000, TOP),
    ]
)
_SURROGATES = (0xD800, 0xDFFF)
"""No UTF-8 can say them: a scan reads something else in their place."""
_NEVER = 1 << 30


class Pattern(msgspec.Struct, frozen=True):
    """What must be known of a pattern: its tree, whether its case is ignored, and what may not stand before a match."""

    node: Node
    ignore_case: bool
    before: Ranges


class Quiet:
    """Tells of a text whether it is such prose, and from where on it is open."""

    __slots__ = ("_longest", "_match")

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        touched: list[tuple[int, int]] = []
        shortest = LONGEST + 1
        for pattern in patterns:
            if pattern.ignore_case and wide(pattern.node):  # too many characters are the same but for their case
                touched += _PROSE
                shortest = 0
            shortest = min(shortest, _shortest(pattern.node, pattern.ignore_case))
            _touch(pattern.node, pattern.ignore_case, touched)
        barriers = _minus(_PROSE, touched)
        self._longest = LONGEST if barriers and shortest else -1
        self._match = re.compile(_source(barriers, shortest - 1, *_word(patterns)) if barriers else "").fullmatch

    def open(self, text: str, low: int) -> int:
        """Where a match begins, at the earliest, that more text could still complete or lengthen; `len(text)` if nowhere.

        -1 where that takes a scan; if it is not, no pattern matches anything in text[low:]. text[low - 1] must be there, and
        no match begins before `low`.
        """
        if len(text) - low > self._longest:
            return -1
        found = self._match(text, low - 1)
        if found is None:
            return -1
        word = found.start(1)
        return len(text) if word < 0 else word


def patterns(form: Form, *, ignore_case: bool) -> list[Pattern]:
    """The patterns of one rule."""
    nodes = (form.node, form.closing)
    return [Pattern(node, ignore_case, form.before) for node in nodes if node is not None]


def _source(barriers: Ranges, most: int, word: Ranges, longest: int, before: Ranges) -> str:
    """Any one character, then runs of at most `most`, each up to a barrier, and maybe a word not right after `before`."""
    runs = f"(?s:.)(?:{_class(_minus(_PROSE, barriers))}{{0,{most}}}+{_class(barriers)})*+"
    if not word or not most:
        return f"{runs}()"
    return f"{runs}(?:(?<!{_class(merged([*before, _SURROGATES]))})({_class(word)}{{1,{min(most, longest)}}}))?"


def _word(patterns: Sequence[Pattern]) -> tuple[Ranges, int, Ranges]:
    """The pattern that may begin with the most words: of which characters, how long, and what may not stand before them."""
    best: tuple[Ranges, int, Ranges] = ((), 0, ())
    for pattern in patterns:
        first, longest = pattern.node, 1
        while isinstance(first, Seq) and first.parts:
            first = first.parts[0]
        if isinstance(first, Repeat):
            longest, first = first.high, first.part
        if isinstance(first, Chars):
            chars = _both(_folded(first, pattern.ignore_case), _PROSE)
            if (_size(chars), longest) > (_size(best[0]), best[1]):
                best = chars, longest, pattern.before
    return best


def _shortest(node: Node, ignore_case: bool) -> int:
    """The fewest characters of a match that is all prose."""
    if isinstance(node, Chars):
        return 1 if _both(_folded(node, ignore_case), _PROSE) else _NEVER
    if isinstance(node, Repeat):
        return min(_NEVER, node.low * _shortest(node.part, ignore_case))
    lengths = [_shortest(part, ignore_case) for part in node.parts]
    if isinstance(node, Alt):
        return min(lengths)
    return min(_NEVER, sum(lengths))


def _touch(node: Node, ignore_case: bool, touched: list[tuple[int, int]]) -> bool:
    """Note the characters that stand in some beginning of a match that is all prose; whether there is a whole such match."""
    if isinstance(node, Chars):
        chars = _both(_folded(node, ignore_case), _PROSE)
        touched += chars
        return bool(chars)
    if isinstance(node, Repeat):
        return _touch(node.part, ignore_case, touched) or node.low == 0
    if isinstance(node, Alt):
        whole = [_touch(part, ignore_case, touched) for part in node.parts]
        return any(whole)
    return all(_touch(part, ignore_case, touched) for part in node.parts)  # none after one that cannot be passed


def _folded(chars: Chars, ignore_case: bool) -> Ranges:
    """The characters that match, as far as they are ASCII where case is ignored (see `Quiet` for the others)."""
    if not ignore_case:
        return chars.ranges
    other = [
        (ord(swapped), ord(swapped))
        for low, high in chars.ranges
        for point in range(low, min(high, 127) + 1)
        if (swapped := chr(point).swapcase()) != chr(point)
    ]
    return merged([*chars.ranges, *other])


def _both(one: Ranges, other: Ranges) -> Ranges:
    """The characters of both."""
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple((low, high) for low, high in pairs if low <= high)


def _minus(ranges: Ranges, taken: Iterable[tuple[int, int]]) -> Ranges:
    try:
        return _both(ranges, complement(merged([*taken])))
    except PatternError:  # everything is taken
        return ()


def _size(ranges: Ranges) -> int:
    return sum(high - low + 1 for low, high in ranges)


def _class(ranges: Ranges) -> str:
    return "[" + "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges) + "]" if ranges else "(?!)"
