from collections.abc import Sequence

from sluicegate.core.dialect import Place
from sluicegate.dlp.asking import ask
from sluicegate.dlp.detector import Detection, Detector, Passage, ScriptedDetector, Signal

TONE = Signal(id="tone", kind="tone", severity="low", label="TONE")
PASSAGES = [Passage("well HEY", Place.USER)]


class Far(ScriptedDetector):
    """One that must wait."""

    async def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:  # type: ignore[override]  # as the protocol allows
        return super().find(passages)


async def test_each_is_asked_and_its_verdict_told() -> None:
    broken = ScriptedDetector("broken", {"x": TONE}, fails=True)
    detectors: list[Detector] = [ScriptedDetector("near", {"HEY": TONE}), broken, Far("far", {"well": TONE})]
    asked = await ask(detectors, PASSAGES)
    assert asked.verdicts == ("near:ran", "broken:not_run", "far:ran")
    assert list(asked.failed) == [broken]
    assert [(each.start, each.end) for each in asked.detections] == [(5, 8), (0, 4)]


async def test_nothing_to_look_at_needs_nobody() -> None:
    asked = await ask([ScriptedDetector("broken", {"x": TONE}, fails=True)], [])
    assert (asked.verdicts, asked.detections) == (("broken:ran",), [])
