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

FALSE_ALARMS = 0.01

Score = Callable[[Sequence[str]], Sequence[float]]
"""How sure a detector is of each text, greater for surer; a text is flagged from its threshold on."""


class Classifier(msgspec.Struct, frozen=True):
    """A detector of injections that looks at texts as a whole."""

    score: Score
    threshold: float
    """The one that ships."""


def shipped() -> Classifier | None:
    """The classifier that ships; None where there is none."""
    return None


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
    if not bad and not good:
        return []
    ruled = {index: flagged(ours[index], frozenset(INJECTION)) for index in (*bad, *good)}
    scores = {}
    if classifier is not None:
        scores = dict(zip((*bad, *good), classifier.score([rows[index].text for index in (*bad, *good)]), strict=True))
    least = threshold_at([scores[index] for index in good]) if scores and good else inf
    out = []
    for section, threshold, rules in (
        ("injection as shipped", classifier.threshold if classifier else inf, True),
        ("injection at 1 % false alarms", least, False),
    ):
        if not rules and classifier is None:
            continue
        hits = {index: (rules and ruled[index]) or scores.get(index, -inf) >= threshold for index in (*bad, *good)}
        out += _section(section, rows, bad, good, hits)
    return out


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
