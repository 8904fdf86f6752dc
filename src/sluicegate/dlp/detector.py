"""A detector beside the patterns: something that looks at texts as a whole, here in the process or somewhere else.

Extension point: one method. A detector says by its signals what it can find; a policy names these as it names rules, and a
detector none of whose signals has an action is not asked. `ScriptedDetector` is the fake that ships.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

import msgspec

from sluicegate.core.dialect import Place
from sluicegate.dlp.packs import Jurisdiction, Subject


class Signal(Subject, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that a detector can find; for a policy the same as a rule."""

    jurisdiction: Jurisdiction = "INT"


class Passage(msgspec.Struct, frozen=True, gc=False):
    """A text to look at, and where in the document it stands."""

    text: str
    place: Place


class Detection(msgspec.Struct, frozen=True, gc=False):
    """The signal `signal` found in text[start:end] of the passage with this index."""

    passage: int
    start: int
    end: int
    signal: str


class DetectorFailed(Exception):
    """A detector could not look (it was not reached, or answered nonsense). The message names it and quotes no text."""


class Detector(Protocol):
    """Looks at passages."""

    name: str
    """What the verdict is recorded under."""
    signals: Sequence[Signal]
    refuses: bool
    """Whether what it could not look at is refused; else the exchange goes on, and records `not_run`."""

    def find(self, passages: Sequence[Passage]) -> Sequence[Detection] | Awaitable[Sequence[Detection]]:
        """What is in the passages; from a detector that must wait for somebody, an awaitable. Raises DetectorFailed."""


class ScriptedDetector:
    """Finds given words. With `fails` it cannot look."""

    def __init__(self, name: str, words: Mapping[str, Signal], *, fails: bool = False, refuses: bool = True) -> None:
        self.name = name
        self.signals: Sequence[Signal] = tuple(dict.fromkeys(words.values()))
        self.refuses = refuses
        self.fails = fails
        self._words = words

    def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
        """Every place of every word. Raises DetectorFailed if it is to fail."""
        if self.fails:
            raise DetectorFailed(f"{self.name} fails, as it was told to")
        found = []
        for index, passage in enumerate(passages):
            for word, signal in self._words.items():
                at = passage.text.find(word)
                while at >= 0:
                    found.append(Detection(index, at, at + len(word), signal.id))
                    at = passage.text.find(word, at + len(word))
        return found
