"""Prompt injection: what is recognised at the threshold that ships, and where one in a hundred harmless texts is flagged.

Harmless texts are those full of trigger words: the negatives of the injection sets, and the ordinary texts that are called
hard negatives.
"""

from collections.abc import Callable, Sequence
from math import inf, nextafter

import msgspec

from bench.detection_kinds import INJECTION, OURS
from bench.detection_rows import Row
from bench.detection_score import Findings, Line, Share, flagged
from bench.systems import CACHE
from sluicegate.core.dialect import Place
from sluicegate.dlp.classifier import Ideas, Model
from sluicegate.dlp.detector import Passage
from sluicegate.dlp.injection import WEIGHTS, WORDS, InjectionClassifier

FALSE_ALARMS = 0.01


class Classifier(msgspec.Struct, frozen=True):
    """A detector of injections that looks at texts as a whole."""

    score: Callable[[str], float]
    """How sure it is of a text, greater for surer."""
    flags: Callable[[str], bool]
    """Whether it finds anything in a text, as it ships."""


def shipped() -> Classifier:
    """The classifier that ships. Raises ModelError where its words and weights do not belong together."""
    detector = InjectionClassifier(CACHE / "automata")
    model = Model(Ideas(WORDS.read_bytes(), CACHE / "automata"), WEIGHTS.read_bytes())
    return Classifier(
        lambda text: max((score for _, score in model.scores(text, -inf)), default=-inf),
        lambda text: bool(detector.find([Passage(text, Place.USER)])),
    )


def hard(row: Row) -> bool:
    """Whether a text is harmless and full of trigger words."""
    return (row.subject == "injection" and not row.positive) or (row.subject == "ordinary" and "injection" in row.kind)


def threshold_at(scores: Sequence[float], share: float = FALSE_ALARMS) -> float:
    """The least threshold at which at most `share` of the scores, those of harmless texts, are at it or above."""
    allowed = int(share * len(scores))
    ranked = sorted(scores, reverse=True)
    if allowed >= len(ranked):
        return -inf
    return nextafter(ranked[allowed], inf)  # texts of the very same score are not flagged either


def lines(rows: Sequence[Row], ours: Findings, classifier: Classifier | None) -> list[Line]:
    """Recall, also per type, and false alarms: of rules and classifier as shipped, and of the classifier alone at 1 %."""
    bad = [index for index, row in enumerate(rows) if row.subject == "injection" and row.positive]
    good = [index for index, row in enumerate(rows) if hard(row)]
    these = (*bad, *good)
    hits = {index: flagged(ours[index], frozenset(INJECTION)) for index in these}
    if classifier is None:
        return _section("injection as shipped, rules alone", rows, bad, good, hits)
    together = {index: hits[index] or classifier.flags(rows[index].text) for index in these}
    scores = {index: classifier.score(rows[index].text) for index in these}
    least = threshold_at([scores[index] for index in good])
    alone = {index: scores[index] >= least for index in these}
    return [
        *_section("injection as shipped", rows, bad, good, together),
        *(_section("injection at 1 % false alarms", rows, bad, good, alone) if good else []),
    ]


def _section(
    section: str, rows: Sequence[Row], bad: Sequence[int], good: Sequence[int], hits: dict[int, bool]
) -> list[Line]:
    out = []
    for indices, measure in ((bad, "found"), (good, "false alarms")):
        groups = {"all" if measure == "found" else "texts full of trigger words": list(indices)}
        if measure == "found":
            for kind in sorted({rows[index].kind for index in indices}):
                groups[kind] = [index for index in indices if rows[index].kind == kind]
        for name, these in groups.items():
            if these:
                out.append(Line(section, name, measure, {OURS: Share(sum(hits[index] for index in these), len(these))}))
    return out
