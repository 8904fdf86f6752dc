"""A third party's detector, installed as a package: an entry point of the group `sluicegate.detectors`.

Its code runs in the gateway's process and is trusted like the gateway itself. An ordinary `find` runs in threads of its own,
so that it does not hold up the event loop; one that is `async` runs on it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, entry_points
from inspect import isawaitable, iscoroutinefunction

from sluicegate.dlp.detector import Detection, Detector, DetectorFailed, Passage, Signal
from sluicegate.dlp.external.bounds import Bounds, Outside, Piece
from sluicegate.dlp.packs import RuleError
from sluicegate.dlp.panel import Unscannable

GROUP = "sluicegate.detectors"

Factory = Callable[[str, Mapping[str, object]], Detector]
"""What an entry point names: it is called with the detector's name in the policy file and its options.

It raises ValueError for options that it cannot use.
"""

_BROKEN = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, SyntaxError)


class PluginSpec(Bounds, tag_field="type", tag="plugin", frozen=True, kw_only=True):
    """Which entry point, and what it is told."""

    name: str
    """Of the entry point."""
    options: dict[str, object] = {}


class Plugin:
    """The detector, held to the bounds that the policy file sets."""

    def __init__(self, name: str, spec: PluginSpec) -> None:
        """Raises RuleError where it cannot be had."""
        self._detector = _made(name, spec, _entry(name, spec.name))
        self.name = name
        self.refuses = spec.on_failure == "refuse"
        self.signals: Sequence[Signal] = tuple(self._detector.signals)
        self.remembers = bool(getattr(self._detector, "remembers", True))
        self._outside = Outside(name, spec)
        self._waits = iscoroutinefunction(self._detector.find)
        self._threads = None if self._waits else ThreadPoolExecutor(spec.concurrency, thread_name_prefix=name)

    async def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
        """What it finds. Raises DetectorFailed."""
        batches = self._outside.batches(passages)
        found = await self._outside.all([self._ask(batch) for batch in batches])
        return list(dict.fromkeys(detection for some in found for detection in some))

    async def _ask(self, batch: Sequence[Piece]) -> list[Detection]:
        asked = [Passage(piece.text, piece.place) for piece in batch]
        try:
            if self._threads is None:
                said = self._detector.find(asked)
            else:
                said = await asyncio.get_running_loop().run_in_executor(self._threads, self._detector.find, asked)
            found = await said if isawaitable(said) else said
        except Unscannable:
            raise Unscannable(f"{self.name} cannot look at these passages") from None
        except DetectorFailed:
            raise DetectorFailed(f"{self.name} could not look") from None  # its own message may quote what it read
        if not isinstance(found, list | tuple):
            raise DetectorFailed(f"{self.name} gave no list of detections")
        return [self._moved(each, batch) for each in found]

    def _moved(self, each: object, batch: Sequence[Piece]) -> Detection:
        """A detection in what was asked, as one in the passages."""
        if type(each) is Detection and type(each.passage) is type(each.start) is type(each.end) is int:
            piece = batch[each.passage] if 0 <= each.passage < len(batch) else None
            if piece is not None and 0 <= each.start < each.end <= len(piece.text):
                return Detection(piece.index, piece.at + each.start, piece.at + each.end, each.signal)
        raise DetectorFailed(f"{self.name} found something beyond what it was given")


def _entry(name: str, wanted: str) -> EntryPoint:
    found = entry_points(group=GROUP, name=wanted)
    if not found:
        known = ", ".join(sorted(entry_points(group=GROUP).names)) or "none"
        raise RuleError(f"detectors.{name}.name: no entry point {wanted!r} of {GROUP} is installed (there is: {known})")
    if len(found) > 1:
        raise RuleError(f"detectors.{name}.name: two packages have an entry point {wanted!r} of {GROUP}")
    return next(iter(found))


def _made(name: str, spec: PluginSpec, point: EntryPoint) -> Detector:
    try:
        factory: Factory = point.load()
        detector = factory(name, spec.options)
        signals = list(detector.signals)
        usable = callable(detector.find) and bool(signals) and all(isinstance(each, Signal) for each in signals)
    except (TypeError, ValueError, *_BROKEN) as error:
        raise RuleError(f"detectors.{name}: {point.value} cannot be used: {type(error).__name__}: {error}") from None
    if not usable:
        raise RuleError(f"detectors.{name}: {point.value} makes no detector with signals and a method `find`")
    return detector
