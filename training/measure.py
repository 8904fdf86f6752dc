"""What the classifier finds in texts it was not trained from, with 95 % intervals (Wilson)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil, sqrt
from zlib import crc32

from sluicegate.dlp.classifier import Ideas, Model
from training.bags import NOTHING, Bag, bags, train
from training.texts import Text, own

CROSSED = 5
TRIGGERS = ("benign hard_negative_injection", "benign beside attacks", "own heldout_harmless")
"""Sources of harmless texts full of trigger words, which were not written to be mistaken."""

Score = Callable[[Bag], float]


def crossed(every: Sequence[Bag], others: Sequence[Bag], ideas: Ideas) -> dict[str, list[float]]:
    """The scores of harmless texts by weights that were trained without them, by source; `others` never are trained on."""
    found: dict[str, list[float]] = {}
    for fold in range(CROSSED):
        trained = train([bag for bag in every if _fold(bag) != fold], ideas)
        for bag in (*every, *others):
            if _fold(bag) == fold and not bag.text.attack and bag.text.source != "own grammar":
                found.setdefault(bag.text.source, []).append(trained.score(bag))
    return found


def thresholds(scores: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """From where on a text is likely an attack, and certainly one, given what `crossed` found.

    Likely: 1 % of the texts full of trigger words score as much, and of the labelled sets' harmless texts.
    Certain: 0.1 % of all harmless texts do.
    """
    triggers = [score for name in TRIGGERS for score in scores[name]]
    sets = [score for name, group in scores.items() if not name.startswith("own") for score in group]
    every = [score for group in scores.values() for score in group]
    likely = max(quantile(triggers, 0.01), quantile(sets, 0.01))
    return likely, max(likely, quantile(every, 0.001))


def _fold(bag: Bag) -> int:
    return crc32(bag.text.text.encode("utf-8", "replace")) % CROSSED


def quantile(scores: Sequence[float], share: float) -> float:
    """The least score from which on at most `share` of the scores lie; just above the one before."""
    ranked = sorted(scores)
    return ranked[min(len(ranked) - 1, ceil(len(ranked) * (1 - share)) - 1)] + 1e-4


def wilson(found: int, of: int) -> str:
    """A share with its 95 % interval, in per cent."""
    if not of:
        return "-"
    z, p = 1.96, found / of
    middle, reach = p + z * z / (2 * of), z * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = ((middle + sign * reach) / (1 + z * z / of) for sign in (-1, 1))
    return f"{100 * p:5.1f} % ({100 * max(0, low):.1f} to {100 * high:.1f}; {found} of {of})"


def report(texts: Sequence[Text], ideas: Ideas, shipped: Model) -> None:
    """Print: each family of attacks by weights trained without it, then the held-out texts by those that ship."""
    every = bags(texts, ideas)
    likely, certain = shipped.header.likely, shipped.header.certain
    families = sorted({bag.text.source for bag in every if bag.text.attack and not bag.text.source.startswith("own")})
    print("family left out of training | likely | certain")
    for family in families:
        trained = train([bag for bag in every if bag.text.source != family], ideas)
        _line(
            family, [bag for bag in every if bag.text.source == family and bag.text.attack], trained.score, likely, certain
        )
    scores = crossed(every, bags(own("heldout_harmless", attack=False), ideas), ideas)
    scores["all"] = [score for group in scores.values() for score in group]
    scores["all with a trigger word"] = [score for score in scores["all"] if score > NOTHING]
    scores["the labelled sets"] = [
        score for name, group in scores.items() if name.startswith(("benign", "pii", "secrets")) for score in group
    ]
    for name, group in scores.items():
        print(f"harmless, {name} | {_share(group, likely)} | {_share(group, certain)}", flush=True)
    for name, attack in (
        ("heldout_attacks", True),
        ("heldout_harmless", False),
        ("final_attacks", True),
        ("final_harmless", False),
    ):
        held_out = bags(own(name, attack=attack), ideas)
        for kind in ("English", "other languages"):
            chosen = [bag for bag in held_out if (bag.text.language == "en") == (kind == "English")]
            _line(f"{name}, {kind}", chosen, lambda bag: _shipped(bag, shipped), likely, certain)


def _shipped(bag: Bag, model: Model) -> float:
    return max((score for _, score in model.scores(bag.text.text, NOTHING)), default=NOTHING)


def _share(scores: Iterable[float], least: float) -> str:
    scores = list(scores)
    return wilson(sum(score >= least for score in scores), len(scores))


def _line(name: str, group: Sequence[Bag], score: Score, likely: float, certain: float) -> None:
    scores = [score(bag) for bag in group]
    print(f"{name} | {_share(scores, likely)} | {_share(scores, certain)}", flush=True)
