"""OpenAI Embeddings (`POST /v1/embeddings`), as openai-python's types describe it.

The vectors of an answer say nothing that can be read, and pass; anything but numbers in their place is governed.
"""

from collections.abc import Mapping
from math import isfinite
from struct import unpack
from typing import Any

from sluicegate.core.dialect import Ask, DialectName, Json, Place, Reading
from sluicegate.core.encoded import decoded, is_base64
from sluicegate.dialects import checks
from sluicegate.dialects.answers import govern
from sluicegate.dialects.plain import STRUCTURAL, Plain, PlainTold, named
from sluicegate.dialects.walk import Rule, each, knob, structural, text, words

_READ = frozenset({"input", "dimensions", "encoding_format", "user"})
_NUMBERS = frozenset({int, float})
_FEWEST = 8
_LARGEST = 1_000.0
_SMALLEST = 1e-12
"""Numbers of a vector stand between these; text that happens to be base64 gives others as well."""


def tokens_or_text(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """Text, a list of texts; or tokens, which nobody can read here."""
    if _is_tokens(value) or (type(value) is list and value and all(map(_is_tokens, value))):
        out.unread.append("data")
    else:
        each(text)(value, holder, key, place, out)


def _is_tokens(value: Any) -> bool:
    return type(value) is list and bool(value) and set(map(type, value)) == {int}


def inputs(document: Json, field: str) -> int:
    """How many texts, or lists of tokens, a field holds. Raises InvalidRequest for anything else."""
    value = document.get(field)
    if type(value) is str or _is_tokens(value):
        return 1
    if type(value) is list and value and (all(type(element) is str for element in value) or all(map(_is_tokens, value))):
        return len(value)
    raise checks.wrong(field, "a string, a list of strings, or lists of tokens")


class OpenAIEmbeddings(Plain):
    """The dialect."""

    name = DialectName.OPENAI_EMBEDDINGS
    rules: Mapping[str, Rule] = {
        "model": structural,
        "input": tokens_or_text,
        "dimensions": knob,
        "encoding_format": words("float", "base64"),
        "user": text,
    }

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`. There is no answer in tokens."""
        model = named(document, _READ)
        inputs(document, "input")
        checks.count(document, "dimensions")
        return Ask(model, stream=False, max_tokens=0)

    def say(self, document: Json, told: PlainTold) -> None:
        """See `Plain.say`."""
        for field, value in document.items():
            if field == "data" and type(value) is list:
                for index, entry in enumerate(value):
                    _entry(value, index, entry, told)
            elif field not in STRUCTURAL:
                govern(told.pieces, field, document, field, value)


def _entry(entries: list[Any], index: int, entry: Any, told: PlainTold) -> None:
    if type(entry) is not dict:
        govern(told.pieces, f"data.{index}", entries, index, entry)
        return
    for field, value in entry.items():
        if field not in ("object", "index") and not (field == "embedding" and is_vector(value)):
            govern(told.pieces, f"data.{index}.{field}", entry, field, value)


def is_vector(value: Any) -> bool:
    """Whether `value` is a list of numbers, or the base64 of 32-bit ones, as vectors hold them."""
    if type(value) is list:
        return set(map(type, value)) <= _NUMBERS
    if type(value) is not str or not is_base64(value):
        return False
    data = decoded(value)
    if data is None or len(data) % 4 or len(data) < 4 * _FEWEST:
        return False
    return all(map(_is_plausible, unpack(f"<{len(data) // 4}f", data)))


def _is_plausible(number: float) -> bool:
    return isfinite(number) and (number == 0 or _SMALLEST <= abs(number) <= _LARGEST)
