"""A small linear classifier of text, made for speed: most text is passed over by one scan, and no array library is needed.

What it sees of a window of text: *ideas* (words and phrases that say the same in many languages, which an automaton
finds), two ideas together, and hashed words, beginnings of words and pairs of words. A window's score is a sum of weights,
which come from a file that `training/` writes; docs/model-cards.md says what it was measured to find.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from hashlib import sha256
from itertools import accumulate, pairwise
from math import sqrt
from pathlib import Path
from re import compile as pattern
from zlib import crc32, decompress
from zlib import error as zlib_error

import msgspec
import yaml

from sluicegate.dlp.automaton import Automaton
from sluicegate.dlp.packs import read_yaml

VERSION = 1
"""Of the form of weights files, and of what `features` counts. Weights of another version are refused."""
BLOCK = 250
"""Characters of a block; a window is two of them, so that what is shorter than a block stands whole in one window."""
WORDS, PAIRS = 1 << 16, 1 << 18
"""Sizes of the tables of hashed words and of hashed pairs of words."""
NEAR = 48
"""Bytes up to which two ideas stand beside each other."""
MOST = 24
"""Ideas of one window that are looked at; more than these say nothing new."""
STEM = 5

_LETTERS = bytes(range(97, 123)) + b"0123456789_"
_PLAIN = bytes(byte if byte in _LETTERS or byte > 127 else byte + 32 if 65 <= byte <= 90 else 32 for byte in range(256))
"""Capitals become small letters, and what is no part of a word becomes a space, byte by byte."""
_MARKS = pattern(
    rb"\xe2\x80[\x80-\xbf]|\xc2[\xa0-\xbf]|\xe3\x80[\x80-\x91]|\xef\xbc[\x81-\x8f\x9a-\xa0]|\xef\xbd[\x80-\xa5]"
).sub
_SHORT = {length: b" " * length for length in (2, 3)}
_GLYPH = pattern(rb"[\xe3-\xed][\x80-\xbf]{2}").sub
_SYMBOLS = bytes(range(33, 48)) + bytes(range(58, 65)) + bytes(range(91, 97)) + bytes(range(123, 127))
_NOT_SYMBOLS = bytes(byte for byte in range(256) if byte not in _SYMBOLS)


Event = tuple[int, int]
"""Where an idea ends, as a byte offset into the prepared text, and its number."""


class ModelError(Exception):
    """A file of words or weights cannot be used; the message says why."""


class Idea(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that say the same; with `core` one of them is enough to look at a window more closely."""

    idea: str
    words: tuple[str, ...]
    core: bool = False


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A text made ready: small letters and spaces as bytes, the same with its signs, and where each block begins in both."""

    plain: bytes
    signed: bytes
    bounds: Sequence[int]
    """Byte offsets of the blocks' beginnings, and of the end."""
    length: int
    """Characters of the text."""

    @property
    def windows(self) -> int:
        """How many windows the text has: one for each block but the last."""
        return max(1, len(self.bounds) - 2)

    def span(self, first: int) -> tuple[int, int]:
        """The byte offsets of the window that begins with block `first`."""
        return self.bounds[first], self.bounds[min(first + 2, len(self.bounds) - 1)]


def prepare(text: str) -> Prepared:
    """`text` as the classifier reads it. Every character keeps its place."""
    length = len(text)
    if text.isascii():
        signed = text.encode()
        return Prepared(signed.translate(_PLAIN), signed.lower(), (*range(0, max(1, length), BLOCK), length), length)
    small = text.lower().replace("\u2019", "'")
    if len(small) != length:
        small = "".join(char if len(char.lower()) > 1 else char.lower() for char in text)
        small = small.replace("\u2019", "'")
    blocks = [small[at : at + BLOCK].encode("utf-8", "replace") for at in range(0, length, BLOCK)]
    signed = b"".join(blocks)
    plain = _MARKS(lambda found: _SHORT[len(found[0])], signed).translate(_PLAIN)
    return Prepared(plain, signed, tuple(accumulate(map(len, blocks), initial=0)), length)


class Ideas:
    """Finds the ideas of a file of words."""

    def __init__(self, content: bytes, kept: Path | None = None) -> None:
        """Compile, which takes a fraction of a second. Raises ModelError."""
        try:
            self.ideas = msgspec.convert(read_yaml(content), tuple[Idea, ...])
        except (yaml.YAMLError, msgspec.ValidationError) as error:
            raise ModelError(f"the words cannot be read: {error}") from None
        self.digest = sha256(content).hexdigest()[:16]
        self.core = frozenset(number for number, idea in enumerate(self.ideas) if idea.core)
        spelt = [(number, word) for number, idea in enumerate(self.ideas) for word in idea.words]
        words = dict.fromkeys((number, _word(word)) for number, word in spelt if _is_word(word))
        signs = dict.fromkeys((number, word.encode()) for number, word in spelt if not _is_word(word))
        self._words, self._signs = _compiled(words, kept), _compiled(signs, kept)

    def find(self, text: Prepared) -> list[Event]:
        """Every idea in the text, in the order of their ends."""
        found = set[Event]()
        if self._words is not None:  # whose reports count the space put before the text, and that after the word
            found.update((end - 2, number) for number, end in self._words.reports(b" %b " % text.plain))
        if self._signs is not None:
            found.update((end, number) for number, end in self._signs.reports(text.signed))
        return sorted(found)

    def worth(self, text: Prepared, events: Sequence[Event]) -> Iterator[tuple[int, Sequence[Event]]]:
        """The windows that hold a core idea, and their ideas."""
        ends = [end for end, _ in events]
        core = [end for end, idea in events if idea in self.core]
        done = -1
        for end in core:
            block = max(0, bisect_left(text.bounds, end) - 1)
            for first in (block - 1, block):
                if done < first < text.windows and first >= 0:
                    done = first
                    low, high = text.span(first)
                    yield first, events[bisect_right(ends, low) : bisect_right(ends, high)]


def _compiled(every: Iterable[tuple[int, bytes]], kept: Path | None) -> Automaton | None:
    expressions = [(number, "".join(f"\\x{byte:02x}" for byte in each), 0) for number, each in every]
    return Automaton.of(expressions, kept) if expressions else None


def _is_word(word: str) -> bool:
    """Whether it has letters or digits, and beside them nothing but spaces, apostrophes, hyphens and full stops."""
    return any(map(str.isalnum, word)) and all(char.isalnum() or char in "_ '*-." or char > "\x7f" for char in word)


def _word(word: str) -> bytes:
    """How the word stands in prepared text: between spaces where its script sets any."""
    spaceless = word[0] >= "\u2e80"
    plain = word.rstrip("*").encode().translate(_PLAIN)
    return plain if spaceless else b" " + plain + (b"" if word.endswith("*") else b" ")


def of_ideas(events: Sequence[Event], count: int, core: Set[int]) -> set[int]:
    """The features of a window's ideas, of `count` that there are.

    Each that is core, one such together with another, and one right after another. What is not core counts beside a core
    idea only.
    """
    events = events[:MOST]
    present = sorted({idea for _, idea in events})
    leading = [idea for idea in present if idea in core]
    found = set(leading)
    for first in leading:
        row = count + first * count
        found.update([row + second for second in present if second != first and (second > first or second not in core)])
    ordered = count + count * count
    for (one, before), (two, after) in pairwise(events):
        if two - one <= NEAR and (before in core or after in core):
            found.add(ordered + before * count + after)
    return found


def idea_features(count: int) -> int:
    """How many features there are of `count` ideas."""
    return count + 2 * count * count


def of_words(plain: bytes, signed: bytes) -> set[int]:
    """The features of a window's words, as places in the tables of words and of pairs, one behind the other."""
    if not plain.isascii():
        plain = _GLYPH(rb" \g<0> ", plain)
    tokens = plain.split()
    hashed = list(map(crc32, tokens))
    found = {each & (WORDS - 1) for each in hashed}
    found.update([crc32(token[:STEM], 1) & (WORDS - 1) for token in tokens])
    found.update([WORDS + (31 * one + two & (PAIRS - 1)) for one, two in pairwise(hashed)])
    symbols = len(signed.translate(None, _NOT_SYMBOLS))
    found.add(crc32(b"%d" % min(9, 40 * symbols // (len(signed) + 1)), 2) & (WORDS - 1))
    return found


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a weights file, as JSON. Compressed weights follow: of ideas with 16 bits, of words with 8."""

    version: int
    words: str
    """The digest of the file of words that the weights belong to."""
    trained_from: str
    """The digest of the texts they were trained from."""
    bias: float
    idea_unit: float
    word_unit: float
    """What 1 in the tables stands for."""
    most: float
    """The most that the words of a window may add, so that windows whose ideas say too little are passed over."""
    likely: float
    """The score from which on one text in a hundred full of trigger words was flagged by mistake."""
    certain: float
    """The score from which on one in a thousand was."""


class Model:
    """Ideas and the weights that belong to them."""

    def __init__(self, ideas: Ideas, weights: bytes) -> None:
        """Raises ModelError if the weights are not of this version, or belong to other ideas."""
        line, _, tables = weights.partition(b"\n")
        try:
            self.header = msgspec.json.decode(line, type=Header)
            content = memoryview(decompress(tables))
        except (msgspec.DecodeError, zlib_error) as refused:
            raise ModelError(f"the weights cannot be read: {refused}") from None
        self.ideas = ideas
        count = len(ideas.ideas)
        split = 2 * idea_features(count)
        if self.header.version != VERSION or self.header.words != ideas.digest or len(content) != split + WORDS + PAIRS:
            raise ModelError(
                "the weights belong to other words, or are of another version: run `python -m training.injection`"
            )
        self._ideas = array("h", content[:split].tobytes())
        self._words = array("b", content[split:].tobytes())

    def by_ideas(self, events: Sequence[Event]) -> float:
        """What the ideas of a window add to its score, with the bias."""
        found = of_ideas(events, len(self.ideas.ideas), self.ideas.core)
        return self.header.bias + self.header.idea_unit * sum([self._ideas[each] for each in found]) / idea_norm(len(found))

    def by_words(self, plain: bytes, signed: bytes) -> float:
        """What the words of a window add to its score."""
        found = of_words(plain, signed)
        return min(self.header.most, self.header.word_unit * sum([self._words[each] for each in found]) / sqrt(len(found)))

    def scores(self, text: str, least: float) -> list[tuple[int, float]]:
        """The windows, by the number of their first block, that score `least` or more, and their scores."""
        prepared = prepare(text)
        events = self.ideas.find(prepared)
        if not events:
            return []
        found = []
        enough = least - self.header.most
        for first, inside in self.ideas.worth(prepared, events):
            score = self.by_ideas(inside)
            if score >= enough:
                low, high = prepared.span(first)
                score += self.by_words(prepared.plain[low:high], prepared.signed[low:high])
                if score >= least:
                    found.append((first, score))
        return found


def idea_norm(count: int) -> float:
    """What the sum of a window's `count` features of ideas is divided by: many ideas say less each."""
    return sqrt(1 + count / 15)
