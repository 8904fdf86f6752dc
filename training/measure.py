"""What the classifier finds in texts it was not trained from, with 95 % intervals (Wilson)."""

from collections.abc import Callable, Iterable, Sequence
from math import ceil, sqrt
from zlib import crc32

from sluicegate.dlp.classifier import Ideas, Model
from training.bags import Bag, Trained, bags, train
from training.texts import Text, own

CROSSED = 5
HARD = ("benign hard_negative_injection", "benign beside attacks", "own harmless_en", "own harmless_more")
"""Sources of harmless texts that are full of the words of attacks."""

Score = Callable[[Bag], float]


def crossed(every: Sequence[Bag], ideas: Ideas) -> tuple[list[float], list[float]]:
    """Scores of harmless texts by weights that were trained without them: of those full of trigger words, and of all."""
    hard, rest = [], []
    for fold in range(CROSSED):
        trained = train([bag for bag in every if _fold(bag) != fold], ideas)
        for bag in every:
            if _fold(bag) == fold and not bag.text.attack and bag.text.source != "own grammar":
                (hard if bag.text.source in HARD else rest).append(trained.score(bag))
    return hard, [*hard, *rest]


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
        _line(family, [bag for bag in every if bag.text.source == family and bag.text.attack], trained.score, likely, certain)
    hard, rest = _crossed_by_source(every, ideas)
    for name, scores in (*hard.items(), *rest.items()):
        print(f"harmless, {name} | {_share(scores, likely)} | {_share(scores, certain)}")
    for name, attack in (("heldout_attacks", True), ("heldout_harmless", False), ("final_attacks", True), ("final_harmless", False)):
        group = bags(own(name, attack=attack), ideas)
        kinds = sorted({("English" if bag.text.language == "en" else "other languages") for bag in group})
        for kind in kinds:
            chosen = [bag for bag in group if (bag.text.language == "en") == (kind == "English")]
            _line(f"{name}, {kind}", chosen, lambda bag: _shipped(bag, shipped), likely, certain)


def _crossed_by_source(every: Sequence[Bag], ideas: Ideas) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    hard: dict[str, list[float]] = {}
    rest: dict[str, list[float]] = {}
    for fold in range(CROSSED):
        trained: Trained = train([bag for bag in every if _fold(bag) != fold], ideas)
        for bag in every:
            if _fold(bag) == fold and not bag.text.attack and bag.text.source != "own grammar":
                (hard if bag.text.source in HARD else rest).setdefault(bag.text.source, []).append(trained.score(bag))
    return hard, rest


def _shipped(bag: Bag, model: Model) -> float:
    return max((score for _, score in model.scores(bag.text.text, -9.0)), default=-9.0)


def _share(scores: Iterable[float], least: float) -> str:
    scores = list(scores)
    return wilson(sum(score >= least for score in scores), len(scores))


def _line(name: str, group: Sequence[Bag], score: Score, likely: float, certain: float) -> None:
    scores = [score(bag) for bag in group]
    print(f"{name} | {_share(scores, likely)} | {_share(scores, certain)}", flush=True)
