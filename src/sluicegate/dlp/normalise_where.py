"""Where a text may hold something that is written in another way. Both tests are cheap, and never say no wrongly.

For whole texts an automaton of its own tells places; regions around them are then read as views. For a stream one regular
expression tells ordinary prose, and from where on its last word is open.
"""

import re
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

import hyperscan

from sluicegate.dlp.automaton import Automaton, Expression, TooManyReports
from sluicegate.dlp.candidates import Work
from sluicegate.dlp.encodings import RUN, continued, readings, worth
from sluicegate.dlp.normalise import LONGEST_WORD
from sluicegate.dlp.normalise_tables import ALPHABETS, BESIDE, DROPPED, HARD, SOFT, source
from sluicegate.dlp.packs import CONTEXT_REACH
from sluicegate.dlp.pattern import charset
from sluicegate.dlp.plan import FEW_SPACES
from sluicegate.dlp.reading import SHORTEST, Reading
from sluicegate.dlp.spread import BETWEEN, GAP, spread

MOST_PLACES = 2_000
"""Places in one scan beyond which all of it is read."""
NEAR = 130
"""Characters before and after spread digits that are read, and what of them goes on."""
Place = tuple[int, int, int]
"""Where something suspicious ends, of which kind it is, and of a run how long."""
Region = tuple[int, int, int]
"""From where to where, and what may be in it: ESCAPED, QUOTED, FORMS, INNER together."""
ESCAPED, QUOTED, FORMS, INNER = 1, 2, 4, 8
"""Escapes; quoted-printable; other forms of ASCII; runs of encoded text and spread numbers."""
_NEAR, _RUN = 16, 32
_UNIT = 64
"""The most characters of an escape."""
_OPEN = 130
"""The most characters that a view keeps back."""
_FEW = re.compile(rf"(?:[^\t-\r ]*+[\t-\r ]){{0,{FEW_SPACES}}}+[^\t-\r ]*+").match
_LOCAL = threading.local()

_B = f"[{BETWEEN}]{{1,{GAP}}}"
_MARKS = r"[\-._@+/:%=&#]"
_PLACES = (
    (ESCAPED, "%[0-9a-fA-F]{2}"),
    (ESCAPED, "&(?:#[0-9xX]|[A-Za-z][A-Za-z0-9]{1,30};)"),
    (ESCAPED, r"\\(?:[uU][0-9a-fA-F{]|x[0-9a-fA-F]|/|[0-3][0-7]{2})"),
    (QUOTED, r"=(?:[2-7C-F][0-9A-F]|[ \t]{0,8}\r?\n)"),
    (_NEAR, f"(?:[0-9]{_B}){{8}}[0-9]"),
    (_NEAR, f"[0-9]{{3,4}}{_B}[0-9]{{2,6}}{_B}[0-9]{{4}}"),
    (_NEAR, f"[A-Z]{{2}}[0-9]{{2}}{_B}[0-9A-Z]{{4}}{_B}[0-9A-Z]{{4}}"),
)


def _wide_places() -> Iterator[tuple[int, str]]:
    soft, letter = charset(SOFT), charset(ALPHABETS)
    yield FORMS, charset(HARD)
    yield FORMS, f"(?:[\\t\\n\\r -~]|{letter}|{soft}){charset(DROPPED)}"
    yield FORMS, f"[0-9=]{soft}"
    yield FORMS, f"{soft}[0-9=]"
    yield FORMS, f"{letter}{_MARKS}?[0-9A-Za-z]"
    yield FORMS, f"[0-9A-Za-z]{_MARKS}?{letter}"


class _Kept:
    """Where the automata are kept: one folder for the process, since a text is looked through wherever it is inspected."""

    folder: Path | None = None


def keep_in(folder: Path | None) -> None:
    """Read the automata from this folder from now on, or keep them there once they are compiled."""
    _Kept.folder = folder


def _automata() -> tuple[Automaton, Automaton, Automaton]:
    """For what is ASCII, for letters the rest begins or ends with, and for the rest; for each thread, as they serve one."""
    if not hasattr(_LOCAL, "automata"):
        plain: list[Expression] = [(kind, expression, 0) for kind, expression in _PLACES]
        wide: list[Expression] = [(kind, expression, hyperscan.HS_FLAG_UTF8) for kind, expression in _wide_places()]
        foreign = [(0, "|".join(map(charset, (HARD, DROPPED, SOFT, ALPHABETS))), hyperscan.HS_FLAG_UTF8)]
        _LOCAL.automata = tuple(Automaton.of(each, _Kept.folder) for each in (plain, foreign, wide))
    return _LOCAL.automata  # type: ignore[no-any-return]  # a thread's attributes have no types


def places(reading: Reading) -> Sequence[Place] | None:
    """Where in a text something suspicious ends, in order; None where there is too much of it."""
    ascii_only, foreign, wide = _automata()
    data = reading.data
    found = _encoded(reading)
    try:
        reports = ascii_only.reports(data, MOST_PLACES)
        if not reading.plain and _any(foreign, data):
            reports = [*reports, *wide.reports(data, MOST_PLACES)]
    except TooManyReports:
        return None
    if reports:
        found += {(end, kind, 0) for kind, end in reports}
    elif not found:
        return ()
    found.sort()
    if reading.plain:
        return found
    ends = reading.characters([end - 1 for end, _, _ in found])  # of the last character, all of which counts
    return [(end + 1, kind, length) for end, (_, kind, length) in zip(ends, found, strict=True)]


def _any(automaton: Automaton, data: bytes) -> bool:
    """Whether anything is found."""
    try:
        return bool(automaton.reports(data, 0))
    except TooManyReports:
        return True


def _encoded(reading: Reading) -> list[Place]:
    """The ends of long runs that may be encoded text, and a character more."""
    data = reading.data
    seen: dict[bytes, bool] = {}
    found: list[Place] = []
    for start, end in reading.runs:
        run = data[start:end]
        known = seen.get(run)
        if known is None:
            known = seen[run] = worth(run)
        if known:
            found.append((end + 1, _RUN, end - start))
    return found


def placed(
    texts: Sequence[tuple[str, str]], starts: Sequence[int], found: Sequence[Place] | None
) -> dict[int, list[Place] | None]:
    """The places found in joined leads and texts, per index of a text, as places of it; None: all of it."""
    if found is None:
        return dict.fromkeys(range(len(texts)))
    if not found:
        return {}
    leads = [start - 1 - len(lead) for (lead, _), start in zip(texts, starts, strict=True)]
    out: dict[int, list[Place] | None] = {}
    for end, kind, length in found:
        index = bisect_left(leads, end) - 1
        of = out.setdefault(index, [])
        if of is not None and (end > starts[index] or kind != _RUN):
            of.append((end - starts[index], kind, length))
    return out


_BREAK = re.compile(r"[A-Za-z,;:!?)] (?=[a-z])")
"""Between words, where neither a run, a spread number, a word of another alphabet nor an escape goes on."""


def regions(text: str, found: Sequence[Place], reach: tuple[int, int], work: Work) -> list[Region]:
    """Which parts of `text` to read as views for the places `found` in it. None begins within a unit of a view.

    A match takes at most reach[0] characters, and at most reach[1] if it is wordy. Raises TooManyReports.
    """
    wanted: list[Region] = []
    covered = 0
    for index, (end, kind, length) in enumerate(found):
        if kind == _RUN:
            if end <= covered and wanted[-1][2] & INNER:
                continue
            low = end - 1 - length
            if next(readings(text[low : end - 1], work), None) is None:
                continue
            high, what = continued(text, low) + 3, INNER
        elif kind == _NEAR:
            low, high, what = end - NEAR, spread(text, end) + NEAR, INNER
        elif end <= covered and _amid(found, index, reach[1]):
            covered = max(covered, min(end + reach[1], len(text)))
            wanted[-1] = wanted[-1][0], covered, wanted[-1][2]
            continue  # what is around it is around those beside it
        else:
            (low, high), what = _around(text, end, reach), kind
        low = _break(text, low, covered)
        high = min(high, len(text))
        if wanted and low <= covered:
            wanted[-1] = wanted[-1][0], max(high, covered), wanted[-1][2] | what
        else:
            wanted.append((low, high, what))
        covered = wanted[-1][1]
    return wanted


def _amid(found: Sequence[Place], index: int, near: int) -> bool:
    """Whether a place has others of its kind right before and after it, the latter near."""
    end, kind, _ = found[index]
    after = found[index + 1 : index + 2]
    return index > 0 and found[index - 1][1] == kind and bool(after) and after[0][1] == kind and after[0][0] <= end + near


def chains(what: int) -> tuple[bool, bool]:
    """Whether a region is to be read by the folding view, and by the quoting one, which differs where there are escapes."""
    return bool(what & (ESCAPED | FORMS)), bool(what & QUOTED) or what & (ESCAPED | FORMS) == ESCAPED | FORMS


def _around(text: str, end: int, reach: tuple[int, int]) -> tuple[int, int]:
    """What a match can take that goes on beyond a unit which begins in text[:end], and what it must be read with.

    Beyond the unit a match is as in `text`: unless it is wordy, no more than a few words. Where there is another unit, its
    own region goes on.
    """
    longest, wordy = reach
    back = max(0, end - _UNIT)
    words = _FEW(text[max(0, back - longest) : back][::-1])
    on = end + _UNIT + CONTEXT_REACH
    more = _FEW(text, on, on + longest)
    low = back - max(wordy, words.end() if words else 0)
    return low - 1, max(on + wordy, more.end() if more else 0) + _OPEN


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
