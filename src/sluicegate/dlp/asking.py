"""Asking the detectors beside the patterns: what each found, and whether it could look."""

from collections.abc import Awaitable, Sequence

import msgspec

from sluicegate.dlp.detector import Detection, Detector, DetectorFailed, Passage


class Asked(msgspec.Struct, frozen=True):
    """What came of it. `verdicts` has `name:ran` or `name:not_run` for each detector, `failed` those that could not look."""

    detections: Sequence[Detection]
    verdicts: tuple[str, ...]
    failed: Sequence[Detector]


async def ask(detectors: Sequence[Detector], passages: Sequence[Passage]) -> Asked:
    """Ask each of the detectors about the passages, one after the other."""
    detections: list[Detection] = []
    verdicts: list[str] = []
    failed: list[Detector] = []
    for detector in detectors:
        try:
            found = detector.find(passages) if passages else ()
            if isinstance(found, Awaitable):
                found = await found
        except DetectorFailed:
            failed.append(detector)
            verdicts.append(f"{detector.name}:not_run")
        else:
            detections += found
            verdicts.append(f"{detector.name}:ran")
    return Asked(detections, tuple(verdicts), failed)
