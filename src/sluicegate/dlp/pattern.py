"""The grammar of patterns: a subset of regular expressions that an automaton can run, forwards, backwards and cut off.

Allowed: literals, escapes (`\\d \\w \\s \\n \\r \\t \\xHH \\uHHHH` and escaped punctuation), `.`, classes, `(…)`, `(?:…)`,
alternation, and the repeats `? {m} {m,n}`. Everything else is refused with the reason: look-around, back-references,
anchors, and repeats without a bound, since what has no greatest width can be neither held back nor verified in bounded time.
"""

from typing import NoReturn, TypeAlias

import msgspec

MAX_WIDTH = 1_000
"""The greatest number of characters a pattern may match."""
MAX_DEPTH = 20
_FREE = 16
"""Characters from which on a repeat is long."""
_WORD_LENGTH = 6
"""Characters of which there are as many in the words of every text."""
ENDLESS = 1 << 20
"""The `high` of a repeat without a bound, which no pattern has but what is derived from one may."""
TOP = 0x10FFFF

Ranges: TypeAlias = tuple[tuple[int, int], ...]


class PatternError(ValueError):
    """A pattern is not of the grammar, or can match nothing or too much; the message says why."""


class Chars(msgspec.Struct, frozen=True):
    """One character of a set, as sorted ranges of code points."""

    ranges: Ranges


class Seq(msgspec.Struct, frozen=True):
    """One part after another; with no parts it matches the empty text."""

    parts: tuple["Node", ...]


class Alt(msgspec.Struct, frozen=True):
    """One of several parts."""

    parts: tuple["Node", ...]


class Repeat(msgspec.Struct, frozen=True):
    """A part, at least `low` and at most `high` times."""

    part: "Node"
    low: int
    high: int


Node: TypeAlias = Chars | Seq | Alt | Repeat
EMPTY = Seq(())

_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = ((9, 13), (32, 32))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_ESCAPES = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}


def parse(source: str) -> Node:
    """The tree of `source`. Raises PatternError; a result matches 1 to MAX_WIDTH characters."""
    if len(source) > 10_000:
        raise PatternError("longer than 10000 characters")
    node = _Parser(source).run()
    shortest, longest = width(node)
    if shortest == 0:
        raise PatternError("matches the empty text")
    if longest > MAX_WIDTH:
        raise PatternError(f"can match {longest} characters; at most {MAX_WIDTH} are allowed")
    return node


def one_class(source: str) -> Ranges:
    """The ranges of a pattern that is one class of ASCII characters, such as a boundary. Raises PatternError."""
    node = _Parser(source).run()
    if not isinstance(node, Chars) or node.ranges[-1][1] > 127 or node.ranges[0][0] == 0:
        raise PatternError("a boundary is one class of ASCII characters, without NUL")
    return node.ranges


def width(node: Node) -> tuple[int, int]:
    """The fewest and the most characters `node` matches."""
    if isinstance(node, Chars):
        return 1, 1
    if isinstance(node, Repeat):
        low, high = width(node.part)
        return low * node.low, high * node.high
    widths = [width(part) for part in node.parts]
    if isinstance(node, Alt):
        return min(w[0] for w in widths), max(w[1] for w in widths)
    return sum(w[0] for w in widths), sum(w[1] for w in widths)


def spaces(node: Node) -> int:
    """The most characters of ASCII white space in a match."""
    if isinstance(node, Chars):
        return int(any(low <= 32 and high >= 9 and (low <= 13 or high >= 32) for low, high in node.ranges))
    if isinstance(node, Repeat):
        return node.high * spaces(node.part)
    each = [spaces(part) for part in node.parts]
    return max(each, default=0) if isinstance(node, Alt) else sum(each)


def wide(node: Node) -> bool:
    """Whether a character beyond ASCII can match, so that the automaton must read UTF-8 rather than bytes."""
    if isinstance(node, Chars):
        return node.ranges[-1][1] > 127
    if isinstance(node, Repeat):
        return wide(node.part)
    return any(wide(part) for part in node.parts)


def has_digit(node: Node) -> bool:
    """Whether every match surely holds an ASCII digit."""
    if isinstance(node, Chars):
        return all(_DIGIT[0][0] <= low and high <= _DIGIT[0][1] for low, high in node.ranges)
    if isinstance(node, Repeat):
        return node.low > 0 and has_digit(node.part)
    return (all if isinstance(node, Alt) else any)(map(has_digit, node.parts))


def literal(node: Node) -> int:
    """How many particular characters surely follow each other in a match, more or less."""
    return max(_literal(node))


def _literal(node: Node) -> tuple[int, int]:
    """How many characters a match surely is, if it is always the same (else 0), and how many of those it surely holds."""
    if isinstance(node, Chars):
        same = int(node.ranges[0][0] == node.ranges[-1][1])
        return same, same
    if isinstance(node, Repeat):
        same, held = _literal(node.part)
        return same * node.low * (node.low == node.high), max(same * node.low, held * (node.low > 0))
    each = [_literal(part) for part in node.parts]
    if isinstance(node, Alt):
        return 0, min(held for _, held in each)
    run = longest = 0
    for same, held in each:
        run = run + same if same else 0
        longest = max(longest, run, held)
    return run if all(same for same, _ in each) else 0, longest


def backwards(node: Node) -> Node:
    """The pattern of the reversed texts."""
    if isinstance(node, Seq):
        return Seq(tuple(backwards(part) for part in reversed(node.parts)))
    if isinstance(node, Alt):
        return Alt(tuple(backwards(part) for part in node.parts))
    if isinstance(node, Repeat):
        return Repeat(backwards(node.part), node.low, node.high)
    return node


def beginnings(node: Node) -> Node:
    """The pattern of every beginning, of one character or more, of what `node` matches; whole matches are among them."""
    if isinstance(node, Chars):
        return node
    if isinstance(node, Alt):
        return Alt(tuple(beginnings(part) for part in node.parts if width(part)[1] > 0))
    if isinstance(node, Repeat):
        if isinstance(node.part, Chars):
            return Repeat(node.part, 1, node.high)
        return Seq((Repeat(node.part, 0, node.high - 1), beginnings(node.part)))
    parts = [part for part in node.parts if width(part)[1] > 0]
    result = beginnings(parts[-1])
    for part in reversed(parts[:-1]):
        following = Seq((part, Repeat(result, 0, 1)))
        result = following if isinstance(part, Chars) else Alt((beginnings(part), Seq((part, result))))
    return result


def trigger(node: Node) -> Node:
    """An ending of `node` that is cheap to look for: without a long free repeat that it begins with, or a word and digits.

    What is left anchors the search (the `@` of an e-mail address); the whole is verified backwards from each end found.
    """
    if isinstance(node, Seq) and len(node.parts) > 1:
        first, second = node.parts[0], node.parts[1]
        if isinstance(first, Repeat) and isinstance(first.part, Chars):
            literal = isinstance(second, Chars) and second.ranges[0][0] == second.ranges[-1][1]
            number = first.low >= _WORD_LENGTH and has_digit(second)
            if (first.high >= _FREE and literal) or number:
                return Seq(node.parts[1:])
    return node


def expression(node: Node) -> str:
    """`node` in the syntax the automaton compiles."""
    if isinstance(node, Chars):
        return charset(node.ranges)
    if isinstance(node, Repeat):
        most = "" if node.high == ENDLESS else node.high
        return f"(?:{expression(node.part)}){{{node.low},{most}}}" if node.high else ""
    if isinstance(node, Alt):
        return "(?:" + "|".join(expression(part) for part in node.parts) + ")"
    return "".join(expression(part) for part in node.parts)


def charset(ranges: Ranges, *, negated: bool = False) -> str:
    """A class of the ranges, or of all but them; of all but nothing, any character."""
    if not ranges:
        return "(?s:.)"
    inner = "".join(_spell(low) if low == high else f"{_spell(low)}-{_spell(high)}" for low, high in ranges)
    return f"[^{inner}]" if negated else f"[{inner}]"


def _spell(point: int) -> str:
    return f"\\x{point:02x}" if point < 128 else f"\\x{{{point:x}}}"


def merged(ranges: list[tuple[int, int]]) -> Ranges:
    """The same code points as sorted ranges that do not touch."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)


def complement(ranges: Ranges) -> Ranges:
    """Every other code point, without the surrogates, which UTF-8 has no bytes for."""
    out, at = [], 0
    for low, high in merged([*ranges, (0xD800, 0xDFFF)]):
        if low > at:
            out.append((at, low - 1))
        at = high + 1
    if at <= TOP:
        out.append((at, TOP))
    if not out:
        raise PatternError("a class that matches nothing")
    return tuple(out)


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.depth = 0

    def run(self) -> Node:
        node = self.alternatives()
        if self.at < len(self.source):
            self.fail("a ) without its (")
        return node

    def fail(self, why: str) -> NoReturn:
        raise PatternError(f"{why} (at character {self.at + 1})")

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            self.fail("ends too early")
        self.at += 1
        return char

    def alternatives(self) -> Node:
        options = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Alt(tuple(options))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while (char := self.peek()) and char not in "|)":
            parts.append(self.repeated(self.atom()))
        return parts[0] if len(parts) == 1 else Seq(tuple(parts))

    def repeated(self, part: Node) -> Node:
        char = self.peek()
        if char in ("*", "+"):
            self.fail("a repeat without a bound: write {1,64} or the like")
        if char == "?":
            self.at += 1
            low, high = 0, 1
        elif char == "{":
            self.at += 1
            low, high = self.bounds()
        else:
            return part
        if self.peek() in ("?", "+", "*", "{"):
            self.fail("a repeat of a repeat; every match is found anyway, so lazy and possessive mean nothing here")
        return Repeat(part, low, high)

    def bounds(self) -> tuple[int, int]:
        end = self.source.find("}", self.at)
        inner = self.source[self.at : end] if end > 0 else ""
        low, comma, high = inner.partition(",")
        if not low.isdecimal() or (comma and not high.isdecimal()):
            self.fail("a repeat is {m} or {m,n}, always with an upper bound")
        self.at = end + 1
        least, most = int(low), int(high or low)
        if least > most or most == 0 or most > MAX_WIDTH:
            self.fail(f"a repeat goes from m to n with m <= n and 1 <= n <= {MAX_WIDTH}")
        return least, most

    def atom(self) -> Node:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return Chars(self.charset())
        if char == ".":
            return Chars(complement(((10, 10),)))
        if char == "\\":
            return Chars(self.escape())
        if char in "^$":
            self.fail("anchors are not allowed: say what may not stand before and after as a boundary")
        if char in "*+?{":
            self.fail("a repeat of nothing")
        return Chars(((ord(char), ord(char)),))

    def group(self) -> Node:
        if self.peek() == "?":
            if self.source[self.at : self.at + 2] != "?:":
                self.fail("only (…) and (?:…) groups: no look-around, names, flags or conditions")
            self.at += 2
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"groups nested more than {MAX_DEPTH} deep")
        node = self.alternatives()
        if self.take() != ")":
            self.fail("a ( without its )")
        self.depth -= 1
        return node

    def escape(self) -> Ranges:
        char = self.take()
        if char in _CLASSES:
            return _CLASSES[char]
        if char.lower() in _CLASSES:
            return complement(_CLASSES[char.lower()])
        if char in "xu":
            digits = self.source[self.at : self.at + (2 if char == "x" else 4)]
            try:
                point = int(digits, 16)
            except ValueError:
                self.fail(f"\\{char} needs hexadecimal digits")
            self.at += len(digits)
            return ((point, point),)
        if char in _ESCAPES:
            return ((_ESCAPES[char],) * 2,)
        if char.isalnum():
            self.fail(f"\\{char} is not of the grammar: no back-references, assertions or properties")
        return ((ord(char), ord(char)),)

    def charset(self) -> Ranges:
        negated = self.peek() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        while (char := self.take()) != "]" or not ranges:
            found = self.escape() if char == "\\" else ((ord(char), ord(char)),)
            if self.peek() == "-" and self.source[self.at + 1 : self.at + 2] not in ("]", "") and len(found) == 1:
                self.at += 1
                char = self.take()
                last = self.escape() if char == "\\" else ((ord(char), ord(char)),)
                if len(last) != 1 or found[0][0] > last[0][1]:
                    self.fail("a range that runs backwards")
                found = ((found[0][0], last[0][1]),)
            ranges.extend(found)
        return complement(merged(ranges)) if negated else merged(ranges)
