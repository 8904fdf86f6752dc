"""Finds prompt injections and jailbreaks in texts as a whole, by a small classifier. docs/model-cards.md says how well."""

from collections.abc import Sequence
from pathlib import Path

from sluicegate.core.dialect import Place
from sluicegate.dlp.classifier import BLOCK, Ideas, Model
from sluicegate.dlp.detector import Detection, Passage, Signal

WORDS = Path(__file__).parent / "injection_words.yaml"
WEIGHTS = Path(__file__).parent / "injection.weights"

LIKELY = Signal(id="injection_likely", kind="injection", severity="high", label="INJECTION")
"""One text in a hundred that is full of trigger words is taken for an attack by mistake."""
CERTAIN = Signal(id="injection_certain", kind="injection", severity="critical", label="INJECTION")
"""One harmless text in a thousand is."""


class InjectionClassifier:
    """Finds windows of text that read like an attack on a model. Not for several threads at once."""

    name = "injection"
    signals: Sequence[Signal] = (LIKELY, CERTAIN)
    refuses = True

    def __init__(self, kept: Path | None = None) -> None:
        """Read the words and weights that ship. Raises ModelError if they do not belong together.

        `kept` is a folder in which compiled automata are kept for the next start.
        """
        self._model = Model(Ideas(WORDS.read_bytes(), kept), WEIGHTS.read_bytes())

    def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
        """Stretches of text of 250 to 500 characters or more that read like an attack; each once, by its greatest score."""
        return [found for index, passage in enumerate(passages) for found in self._in(index, passage)]

    def _in(self, index: int, passage: Passage) -> list[Detection]:
        header, text = self._model.header, passage.text
        # An application's own instructions forbid and restrict by trade: only what is certain is an attack there.
        least = header.certain if passage.place is Place.SYSTEM else header.likely
        found: list[Detection] = []
        for first, score in self._model.scores(text, least):
            start, end = first * BLOCK, min(len(text), (first + 2) * BLOCK)
            signal = (CERTAIN if score >= header.certain else LIKELY).id
            if found and start <= found[-1].end:
                start, signal = found[-1].start, min(signal, found.pop().signal)  # "certain" sorts before "likely"
            found.append(Detection(index, start, end, signal))
        return found
