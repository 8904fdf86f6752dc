"""What characters stand for when values are looked for: forms of ASCII, letters that look like it, and what is not seen.

By character, never by context, so that a text folds the same however it is cut. Letters with accents, and the vowel signs of
Indic scripts and Thai, stay as they are: only what writes ASCII in another way is folded.
"""

import unicodedata
from collections.abc import Iterable

from sluicegate.dlp.pattern import Ranges, merged

_BLOCKS = (
    *((0xA0, 0x33FF), (0xA620, 0xA62F), (0xA8D0, 0xA8D9), (0xA900, 0xA909), (0xA9D0, 0xA9F9), (0xAA50, 0xAA59)),
    *((0xABF0, 0xABF9), (0xFB00, 0xFB4F), (0xFE10, 0xFE6F), (0xFF00, 0xFFEF), (0x104A0, 0x104A9), (0x10D30, 0x10D39)),
    *((0x11066, 0x1106F), (0x110F0, 0x11959), (0x11C50, 0x11DA9), (0x16A60, 0x16B59), (0x1CCF0, 0x1CCF9)),
    *((0x1D400, 0x1D7FF), (0x1E140, 0x1E2F9), (0x1E950, 0x1E959), (0x1F100, 0x1F16F), (0x1FBF0, 0x1FBF9)),
)
"""Where digits, ASCII in other forms, spaces and dashes stand; a walk over all of Unicode would take a third of a second."""
_KEPT = frozenset("¨¯´¸˘˙˚˛˜˝ͺ΄΅…‥⁇⁈⁉¼½¾ªº²³¹«»·、。｡､゠")
"""Common in prose, and in no value."""
_MARKS_OF_PROSE = "–—，：；？！（）～"
_PAIRS = (
    *(
        "аa",
        "вb",
        "еe",
        "ёe",
        "зz",
        "іi",
        "їi",
        "јj",
        "кk",
        "мm",
        "нh",
        "оo",
        "рp",
        "сc",
        "тt",
        "уy",
        "хx",
        "ѕs",
        "ԁd",
        "һh",
    ),
    *(
        "ԛq",
        "ԝw",
        "ӏl",
        "ѵv",
        "гr",
        "ьb",
        "АA",
        "ВB",
        "ЕE",
        "ЁE",
        "ЅS",
        "ІI",
        "ЇI",
        "ЈJ",
        "КK",
        "МM",
        "НH",
        "ОO",
        "РP",
        "СC",
    ),
    *("ТT", "УY", "ХX", "ЬB", "ԚQ", "ԜW", "ӀI", "ԌG", "ѴV", "αa", "βb", "γy", "εe", "ηn", "ιi", "κk", "νv", "οo", "ρp"),
    *(
        "σo",
        "τt",
        "υu",
        "χx",
        "ωw",
        "ϲc",
        "ϳj",
        "ΑA",
        "ΒB",
        "ΕE",
        "ΖZ",
        "ΗH",
        "ΙI",
        "ΚK",
        "ΜM",
        "ΝN",
        "ΟO",
        "ΡP",
        "ΤT",
        "ΥY",
    ),
    *("ΧX", "ϹC", "ͿJ", "օo", "սu", "հh", "ոn", "ցg", "զq", "յj", "ՕO", "ՍU", "ՏS", "ԼL"),
)
INVISIBLE: Ranges = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F)),
    *((0x2028, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0)),
    *((0xFFF9, 0xFFFB), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
"""What has no width, or says only how others are to be shown."""
_MARKS = ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
"""Combining marks that may stand on any letter; not those of one script, without which its words are others."""

DROPPED: Ranges = merged([*INVISIBLE, *_MARKS])
"""What is not seen after a visible character: zero width, soft hyphen, directions, tags, variation selectors, free marks."""


def _form(char: str) -> str:
    """The ASCII that a character is another form of; empty where it is of none."""
    if char in _KEPT:
        return ""
    kind = unicodedata.category(char)
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    if kind == "Zs":
        return " "
    if kind == "Pd" or char == "\u2212":
        return "-"
    form = unicodedata.normalize("NFKC", char)
    return form if form.isascii() and form.isprintable() and " " not in form else ""


def _forms() -> dict[int, str]:
    dropped = {point for low, high in DROPPED for point in range(low, min(high, 0xFFFF) + 1)}
    every = (point for low, high in _BLOCKS for point in range(low, high + 1) if point not in dropped)
    return {point: form for point in every if (form := _form(chr(point)))}


def ranges(points: Iterable[int]) -> Ranges:
    """The code points as sorted ranges."""
    return merged([(point, point) for point in points])


FORMS = _forms()
"""Per code point the ASCII that it is another form of: full width, mathematical, circled; digits of every script; dashes."""
SOFT: Ranges = ranges([point for point, form in FORMS.items() if form == " " or chr(point) in _MARKS_OF_PROSE])
"""Those of FORMS that stand in ordinary prose: they count only beside a digit, `=`, or one of HARD."""
HARD: Ranges = ranges([point for point in FORMS if not any(low <= point <= high for low, high in SOFT)])
BESIDE: Ranges = merged([(48, 57), (61, 61), *HARD])
"""Beside what those of SOFT count."""
LIKE = {ord(pair[0]): pair[1] for pair in _PAIRS}
"""Letters of other alphabets that look like Latin ones."""
ALPHABETS: Ranges = ((0x370, 0x3FF), (0x400, 0x52F), (0x531, 0x588))
"""The alphabets of LIKE: a word of one of them alone is left as it is."""


def source(of: Ranges) -> str:
    """The ranges as the inside of a class of `re`."""
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in of)
