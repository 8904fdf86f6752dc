import pytest

from sluicegate.core.dialect import Place
from sluicegate.dlp.detector import Detection, DetectorFailed, Passage, ScriptedDetector, Signal

FLOOD = Signal(id="flood", kind="weather", severity="high", label="WEATHER")


def test_the_fake_finds_its_words_wherever_they_stand() -> None:
    detector = ScriptedDetector("weather", {"flood": FLOOD})
    passages = [Passage("dry", Place.USER), Passage("flood after flood", Place.TOOL_RESULT)]
    assert detector.find(passages) == [Detection(1, 0, 5, "flood"), Detection(1, 12, 17, "flood")]
    assert (FLOOD.replacement, FLOOD.rank) == ("[WEATHER]", 2)


def test_the_fake_fails_when_told_to() -> None:
    with pytest.raises(DetectorFailed, match="weather"):
        ScriptedDetector("weather", {"flood": FLOOD}, fails=True).find([])
