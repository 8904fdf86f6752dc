"""The detectors beside the patterns that ship and run in the process."""

from collections.abc import Sequence
from pathlib import Path

from sluicegate.dlp.detector import Detector
from sluicegate.dlp.injection import InjectionClassifier


def built_in(kept: Path | None = None) -> Sequence[Detector]:
    """New ones, which takes a fraction of a second: for one thread each. `kept` is a folder that keeps compiled automata."""
    return (InjectionClassifier(kept),)
