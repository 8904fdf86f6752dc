"""Where a text may hold something that is written in another way. Both tests are cheap, and never say no wrongly.

For whole texts an automaton of its own tells places; regions around them are then read as views. For a stream one regular
expression tells ordinary prose, and from where on its last word is open.
"""

import re
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import hyperscan

from sluicegate.dlp.automaton import Automaton, Expression, Report, TooManyReports
from sluicegate.dlp.candidates import Work
from sluicegate.dlp.encodings import RUN, SHORTEST, continued, readings
from sluicegate.dlp.normalise import LONGEST_WORD
from sluicegate.dlp.normalise_tables import ALPHABETS, BESIDE, DROPPED, HARD, SOFT, source
from sluicegate.dlp.packs import CONTEXT_REACH
from sluicegate.dlp.pattern import charset
from sluicegate.dlp.spread import BETWEEN, GAP, spread

MOST_PLACES = 2_000
"""Places in one scan beyond which all of it is read."""
NEAR = 130
"""Characters before and after spread digits that are read, and what of them goes on."""
Region = tuple[int, int, bool]
"""From where to where, and whether anything in it may be written in another way."""
_WIDE, _NEAR, _RUN = 0, 1, 2
_RUN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_FLAT = bytes(ord("w") if chr(byte) in _RUN_CHARACTERS else ord(" ") for byte in range(256))
_LONG = b"w" * SHORTEST
_LOCAL = threading.local()

_B = f"[{BETWEEN}]{{1,{GAP}}}"
_MARKS = r"[\-._@+/:%=&#]"
_PLACES = (
    (_WIDE, "%[0-9a-fA-F]{2}"),
    (_WIDE, "&(?:#[0-9xX]|[A-Za-z][A-Za-z0-9]{1,30};)"),
    (_WIDE, r"\\(?:[uU][0-9a-fA-F{]|x[0-9a-fA-F]|/|[0-3][0-7]{2})"),
    (_WIDE, r"=(?:[2-7C-F][0-9A-F]|[ \t]{0,8}\r?\n)"),
    (_NEAR, f"(?:[0-9]{_B}){{8}}[0-9]"),
    (_NEAR, f"[0-9]{{3,4}}{_B}[0-9]{{2,6}}{_B}[0-9]{{4}}"),
    (_NEAR, f"[A-Z]{{2}}[0-9]{{2}}{_B}[0-9A-Z]{{4}}{_B}[0-9A-Z]{{4}}"),
)


def _wide_places() -> Iterator[tuple[int, str]]:
    soft, letter = charset(SOFT), charset(ALPHABETS)
    yield _WIDE, charset(HARD)
    yield _WIDE, f"(?:[\\t\\n\\r -~]|{letter}|{soft}){charset(DROPPED)}"
    yield _WIDE, f"[0-9=]{soft}"
    yield _WIDE, f"{soft}[0-9=]"
    yield _WIDE, f"{letter}{_MARKS}?[0-9A-Za-z]"
    yield _WIDE, f"[0-9A-Za-z]{_MARKS}?{letter}"


def _automata() -> tuple[Automaton, Automaton]:
    """For what is ASCII, and for the rest; a pair for each thread, since an automaton serves one."""
    if not hasattr(_LOCAL, "automata"):
        plain: list[Expression] = [(kind, expression, 0) for kind, expression in _PLACES]
        wide: list[Expression] = [(kind, expression, hyperscan.HS_FLAG_UTF8) for kind, expression in _wide_places()]
        _LOCAL.automata = Automaton(plain), Automaton(wide)
    return _LOCAL.automata  # type: ignore[no-any-return]  # a thread's attributes have no types


def places(text: str) -> Sequence[tuple[int, int]] | None:
    """Where in `text` something suspicious ends, in order, and of which kind; None where there is too much of it."""
    ascii_only, wide = _automata()
    plain = text.isascii()
    data = text.encode("utf-8", "replace")
    found = _long_runs(data)
    try:
        found += ascii_only.reports(data, MOST_PLACES)
        if not plain:
            found += wide.reports(data, MOST_PLACES)
    except TooManyReports:
        return None
    if not found:
        return ()
    ends = sorted({(end, kind) for kind, end in found})
    if plain:
        return ends
    out, at, characters = [], 0, 0
    for end, kind in ends:
        while data[end : end + 1] and data[end] & 0xC0 == 0x80:
            end += 1  # to the end of a character
        characters += len(data[at:end].decode("utf-8", "ignore"))
        at = end
        out.append((characters, kind))
    return out


def _long_runs(data: bytes) -> list[Report]:
    """The ends of long runs, and a character more; faster told so than by an automaton, which enters every word."""
    found: list[Report] = []
    flat = data.translate(_FLAT)
    at = flat.find(_LONG)
    while at >= 0:
        end = flat.find(b" ", at)
        found.append((_RUN, end + 1))
        at = flat.find(_LONG, end)
    return found


def placed(
    texts: Sequence[tuple[str, str]], starts: Sequence[int], found: Sequence[tuple[int, int]] | None
) -> dict[int, list[tuple[int, int]] | None]:
    """The places found in joined leads and texts, per index of a text, as places of it; None: all of it."""
    if found is None:
        return dict.fromkeys(range(len(texts)))
    leads = [start - 1 - len(lead) for (lead, _), start in zip(texts, starts, strict=True)]
    out: dict[int, list[tuple[int, int]] | None] = {}
    for end, kind in found:
        index = bisect_left(leads, end) - 1
        of = out.setdefault(index, [])
        if of is not None and (end > starts[index] or kind != _RUN):
            of.append((end - starts[index], kind))
    return out


_BREAK = re.compile(r"[A-Za-z,;:!?)] (?=[a-z])")
"""Between words, where neither a run, a spread number, a word of another alphabet nor an escape goes on."""


def regions(text: str, found: Sequence[tuple[int, int]], reach: int, work: Work) -> list[Region]:
    """Which parts of `text` to read as views for the places `found` in it.

    None begins within a unit of a view.

    What a rule looks at for one match takes at most `reach` characters. Raises TooManyReports.
    """
    wanted: list[Region] = []
    covered = 0
    for end, kind in found:
        if kind == _RUN:
            if end <= covered:
                continue
            start = len(text[: end - 1].rstrip(_RUN_CHARACTERS))
            if next(readings(text[start : end - 1], work), None) is None:
                continue
            low, high = start, continued(text, start) + 3
        elif kind == _NEAR:
            low, high = end - NEAR, spread(text, end) + NEAR
        else:
            low, high = end - reach, end + reach
        low = _break(text, low, covered)
        high = min(high, len(text))
        if wanted and low <= covered:
            wanted[-1] = wanted[-1][0], max(high, covered), wanted[-1][2] or kind == _WIDE
        else:
            wanted.append((low, high, kind == _WIDE))
        covered = wanted[-1][1]
    return wanted


def _break(text: str, low: int, floor: int) -> int:
    """The last break at or before `low`; `floor` where there is none behind it, or hardly more than context."""
    span = 256
    while low > floor + CONTEXT_REACH + 2:
        since = max(floor, low - span)
        ends = [found.end() for found in _BREAK.finditer(text, since, low + 1)]
        if ends:
            return ends[-1] if ends[-1] > floor + CONTEXT_REACH + 2 else floor
        if since == floor:
            break
        span *= 4
    return floor


def _calm() -> re.Pattern[str]:
    """Prose of any script, up to a last word, number or run that is open; what it is not sure of does not match."""
    letter, like, beside = f"[{RUN}]", f"[{source(ALPHABETS)}]", f"[{source(BESIDE)}]"
    soft, hard, dropped = f"[{source(SOFT)}]", source(HARD), f"[{source(DROPPED)}]"
    seen = rf"[\t\n\r -~{hard}{source(SOFT)}{source(ALPHABETS)}]"
    gap = f"[{BETWEEN}]{{0,{GAP}}}+"
    word = rf"{like}(?:{_MARKS}?{like}){{0,{LONGEST_WORD - 1}}}+"
    first = rf"(?<!{letter})(?={letter})"
    opens = rf"{letter}*+(?:(?<=[0-9]){gap})?\Z|{letter}{{{SHORTEST}}}"
    goes_on = rf"(?<=[0-9])[{BETWEEN}]{{1,{GAP}}}+[0-9]|(?<=[A-Z][A-Z][0-9][0-9])[{BETWEEN}]{{1,{GAP}}}+[0-9A-Z]"
    foreign = "|".join(
        (
            rf"[^\x00-\x7f{source(ALPHABETS)}{source(SOFT)}{source(DROPPED)}{hard}]",
            rf"(?<![0-9A-Za-z])(?<![0-9A-Za-z]{_MARKS}){word}(?!{_MARKS}?{like})(?={_MARKS}[^0-9A-Za-z]|(?!{_MARKS})[^0-9A-Za-z])",
            rf"(?<!{beside}){soft}(?=[^{source(BESIDE)}])",
            rf"(?<!{seen}){dropped}",
        )
    )
    item = "|".join(
        (
            r"[A-Za-z]{1,15}+(?=[ ,.;:!?'\"()\n\t])|[ ,.;:!?'\"()\n\t]++",
            rf"(?={letter})(?!{first}(?:{opens}))(?:[0-9A-Za-z]++(?!{goes_on})(?!{_MARKS}?{like})|[+/_-])",
            rf"[^{RUN}%&\\=\x80-\U0010ffff]",
            r"%(?=[^0-9A-Fa-f])|&(?=[^#A-Za-z])|\\(?=[^\\uUx0-3/])|=(?=[^0-9A-F \t\r\n]|[ \t]{1,8}[^ \t\r\n])",
            rf"(?=[^\x00-\x7f])(?:{foreign})",
        )
    )
    last = rf"{first}{letter}{{1,{SHORTEST - 1}}}+(?:(?<=[0-9]){gap})?|{word}{_MARKS}?"
    return re.compile(rf"(?s:(?:{item})*+)(?P<open>(?:{last})?)\Z")


CALM = _calm()
