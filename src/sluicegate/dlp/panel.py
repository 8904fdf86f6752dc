"""Asks a set of detectors about passages of text. Each has a verdict: it ran, it did not, or it cannot read such text.

A detector that could not look never counts as one that found nothing. Either it refuses, and then the exchange is refused in
its name; or it was told to let pass, and then `not_run` or `unscannable` is on record.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from enum import StrEnum
from hashlib import sha256
from inspect import isawaitable

import msgspec

from sluicegate.dlp.detector import Detection, Detector, DetectorFailed, Passage

log = logging.getLogger(__name__)

PATTERNS = "patterns"
"""The name under which the scan for rules has its verdict, beside the detectors."""
MAX_DETECTIONS = 10_000
"""Of one detector in one request; one that tells more cannot be believed."""


class Heard(StrEnum):
    """What became of asking a detector."""

    RAN = "ran"
    NOT_RUN = "not_run"
    UNSCANNABLE = "unscannable"


class Unscannable(DetectorFailed):
    """The detector can never look at such passages: they are larger than it takes, say."""


class Opinion(msgspec.Struct, frozen=True):
    """What all detectors say together."""

    detections: tuple[Detection, ...]
    verdicts: tuple[str, ...]
    """`name:verdict` of each, the patterns first."""
    refused_by: tuple[str, ...] = ()
    """The names of detectors that could not look and refuse for it; the exchange must be refused if there is any."""


def patterns(heard: Heard = Heard.RAN) -> str:
    """The verdict of the scan for rules."""
    return f"{PATTERNS}:{heard}"


ONLY_PATTERNS = Opinion((), (patterns(),))
"""Where no other detector is asked."""

_Spots = tuple[tuple[int, int, str], ...]
"""Detections in one passage: from, to, signal."""


class Remembered:
    """What detectors said about passages, by digest; what was asked for longest ago is forgotten first."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._known: dict[tuple[int, bytes], _Spots] = {}

    def get(self, detector: int, digest: bytes) -> _Spots | None:
        """What the detector said, if it is still known."""
        key = (detector, digest)
        spots = self._known.pop(key, None)
        if spots is not None:
            self._known[key] = spots
        return spots

    def put(self, detector: int, digest: bytes, spots: _Spots) -> None:
        """Remember."""
        key = (detector, digest)
        if key not in self._known and len(self._known) >= self._bound:
            del self._known[next(iter(self._known))]
        self._known[key] = spots

    def __len__(self) -> int:
        return len(self._known)


class Panel:
    """Detectors that are asked together. One whose attribute `remembers` is False is asked anew about texts it has seen."""

    def __init__(self, detectors: Sequence[Detector], remembered: int) -> None:
        """At most `remembered` opinions about single passages are kept. Raises ValueError where two have one name."""
        names = [detector.name for detector in detectors]
        if len(set(names)) < len(names) or PATTERNS in names:
            raise ValueError(f"two detectors have the same name, or one is called {PATTERNS}")
        self.detectors = tuple(detectors)
        self._signals = [frozenset(signal.id for signal in detector.signals) for detector in detectors]
        self._remembers = [bool(getattr(detector, "remembers", True)) for detector in detectors]
        self._remembered = Remembered(remembered)

    async def ask(self, passages: Sequence[Passage], patterns: str = patterns()) -> Opinion:
        """Ask every detector, those that must wait for somebody all at once. `patterns` is the verdict of the scan.

        What a detector raises beside DetectorFailed is raised: it is broken, and that refuses the exchange.
        """
        if not self.detectors:
            return ONLY_PATTERNS if patterns == ONLY_PATTERNS.verdicts[0] else Opinion((), (patterns,))
        digests = [_digest(passage) for passage in passages]
        asked = [_Asked(self, number, passages, digests) for number in range(len(self.detectors))]
        if waiting := [each for each in asked if each.begin() is not None]:
            async with asyncio.TaskGroup() as tasks:
                for each in waiting:
                    tasks.create_task(each.finish())
        verdicts = [f"{each.detector.name}:{each.heard}" for each in asked]
        refused = [each.detector.name for each in asked if each.heard is not Heard.RAN and each.detector.refuses]
        detections = [detection for each in asked for detection in each.detections]
        return Opinion(tuple(detections), (patterns, *verdicts), tuple(refused))


class Once(Panel):
    """The detectors of a panel, for one trial: about a passage none is asked twice, whatever came of asking."""

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel.detectors, remembered=1)
        self._panel = panel
        self._said: dict[bytes, list[Detection]] = {}
        self._verdicts: dict[str, str] = {}
        self._refused: dict[str, None] = {}

    async def ask(self, passages: Sequence[Passage], patterns: str = patterns()) -> Opinion:
        """See Panel. A detector that could not look at one of the passages asked about so far did not look."""
        digests = [_digest(passage) for passage in passages]
        fresh = {digest: passage for digest, passage in zip(digests, passages, strict=True) if digest not in self._said}
        if fresh or not self._verdicts:
            self._take(list(fresh), await self._panel.ask(list(fresh.values()), patterns))
        detections = [
            Detection(index, each.start, each.end, each.signal)
            for index, digest in enumerate(digests)
            for each in self._said[digest]
        ]
        return Opinion(tuple(detections), (patterns, *self._verdicts.values()), tuple(self._refused))

    def _take(self, digests: Sequence[bytes], opinion: Opinion) -> None:
        self._said.update((digest, []) for digest in digests)
        for each in opinion.detections:
            self._said[digests[each.passage]].append(each)
        for verdict in opinion.verdicts[1:]:
            name, _, heard = verdict.rpartition(":")
            if name not in self._verdicts or heard != Heard.RAN:
                self._verdicts[name] = verdict
        self._refused.update(dict.fromkeys(opinion.refused_by))


class _Asked:
    """One detector that is asked about what it has not seen yet."""

    def __init__(self, panel: Panel, number: int, passages: Sequence[Passage], digests: Sequence[bytes]) -> None:
        self.detector = panel.detectors[number]
        self.heard = Heard.RAN
        self.detections: list[Detection] = []
        self._number = number
        self._signals = panel._signals[number]
        self._remembered = panel._remembered if panel._remembers[number] else None
        self._digests = digests
        self._fresh: list[int] = []
        for index, digest in enumerate(digests):
            spots = None if self._remembered is None else self._remembered.get(number, digest)
            if spots is None:
                self._fresh.append(index)
            else:
                self.detections += [Detection(index, *spot) for spot in spots]
        self._passages = [passages[index] for index in self._fresh]
        self._awaited: Awaitable[Sequence[Detection]] | None = None

    def begin(self) -> Awaitable[Sequence[Detection]] | None:
        """Ask; what must be waited for, if anything must."""
        if not self._passages:
            return None
        try:
            said = self.detector.find(self._passages)
            if isawaitable(said):
                self._awaited = said
            else:
                self._take(said)
        except DetectorFailed as error:
            self._failed(error)
        return self._awaited

    async def finish(self) -> None:
        """Wait for the answer."""
        if self._awaited is None:
            return
        try:
            self._take(await self._awaited)
        except DetectorFailed as error:
            self._failed(error)

    def _failed(self, error: DetectorFailed) -> None:
        self.heard = Heard.UNSCANNABLE if isinstance(error, Unscannable) else Heard.NOT_RUN
        log.warning("a detector could not look: %s", error, extra={"detector": self.detector.name})

    def _take(self, said: Sequence[Detection]) -> None:
        spots: list[list[tuple[int, int, str]]] = [[] for _ in self._passages]
        for detection in self._checked(said):
            spots[detection.passage].append((detection.start, detection.end, detection.signal))
        for index, found in zip(self._fresh, spots, strict=True):
            self.detections += [Detection(index, *spot) for spot in found]
            if self._remembered is not None:
                self._remembered.put(self._number, self._digests[index], tuple(found))

    def _checked(self, said: Sequence[Detection]) -> Sequence[Detection]:
        """What the detector said, if it can be true. Raises DetectorFailed."""
        if not isinstance(said, list | tuple) or len(said) > MAX_DETECTIONS:
            raise DetectorFailed(f"{self.detector.name} gave no list of at most {MAX_DETECTIONS} detections")
        for each in said:
            if type(each) is not Detection or not self._is_possible(each):
                raise DetectorFailed(f"{self.detector.name} found what cannot be: another passage, place or signal")
        return said

    def _is_possible(self, each: Detection) -> bool:
        if type(each.passage) is not int or type(each.start) is not int or type(each.end) is not int:
            return False
        if not 0 <= each.passage < len(self._passages) or each.signal not in self._signals:
            return False
        return 0 <= each.start < each.end <= len(self._passages[each.passage].text)


def _digest(passage: Passage) -> bytes:
    return sha256(f"{passage.place}\0{passage.text}".encode("utf-8", "surrogatepass")).digest()
