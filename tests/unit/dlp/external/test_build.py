from typing import Any

import msgspec
import pytest

from sluicegate.dlp.external.build import DetectorSpec, build
from sluicegate.dlp.external.doors import Doors
from sluicegate.dlp.packs import RuleError

JUDGE = {"type": "judge", "deployment": "d", "question": "q", "signal": "s", "label": "S"}
HOOK = {"type": "webhook", "url": "https://a", "signals": [{"id": "s", "kind": "k", "severity": "low", "label": "S"}]}
PRESIDIO = {"type": "presidio", "url": "http://a:3000"}


def made(written: dict[str, Any], name: str = "own") -> Any:
    return build(name, msgspec.convert(written, DetectorSpec), Doors())


@pytest.mark.parametrize("written", [JUDGE, HOOK, PRESIDIO])
def test_a_section_makes_a_detector_that_refuses_unless_told_otherwise(written: dict[str, Any]) -> None:
    detector = made(written)
    assert (detector.name, detector.refuses) == ("own", True)
    assert detector.signals
    assert not made({**written, "on_failure": "allow"}).refuses


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"type": "other"},
        {**PRESIDIO, "unknown": 1},
        {**PRESIDIO, "timeout": 0},
        {**PRESIDIO, "timeout": 61},
        {**PRESIDIO, "languages": []},
        {**PRESIDIO, "entities": ["person"]},
        {**PRESIDIO, "on_failure": "ignore"},
        {**PRESIDIO, "credential": "the secret itself"},
        {**HOOK, "signals": []},
        {**JUDGE, "signal": "No Name"},
    ],
)
def test_sections_that_are_refused(written: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        made(written)


@pytest.mark.parametrize("name", ["", "Own", "patterns", "a b", "a" * 33])
def test_names(name: str) -> None:
    with pytest.raises(RuleError):
        made(PRESIDIO, name)


def test_an_entry_point_that_is_not_there() -> None:
    with pytest.raises(RuleError, match="no entry point 'nobody'"):
        made({"type": "plugin", "name": "nobody"})
