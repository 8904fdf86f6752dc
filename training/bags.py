"""Texts as the classifier sees them: bags of windows, of which in an attack at least one is an attack."""

from collections.abc import Iterable, Sequence
from math import sqrt

import msgspec

from sluicegate.dlp.classifier import PAIRS, WORDS, Ideas, idea_features, idea_norm, of_ideas, of_words, prepare
from training.linear import Case, Linear
from training.texts import Text

IDEA = 0.3
"""The value of a feature of ideas, before it is divided by the window's `idea_norm`."""
WORD = 1.0
"""The value of a feature of words, before it is divided by the root of their number."""
COST = 1.0
MOST = 0.6
"""The most that words may add to a score: the lower, the fewer windows need their words looked at."""
ROUNDS = 3
"""How often the windows that speak for a bag are chosen anew."""
FIRST = 6
"""Windows of an attack that are taken for one before anything was learned."""
NOTHING = -9.0
"""The score of a text without any trigger word."""
GENERATED = 0.5
"""The weight of what a grammar made."""


class Bag(msgspec.Struct, gc=False):
    """A text's windows that are worth a look."""

    text: Text
    windows: Sequence[Case]
    weight: float


def bags(texts: Iterable[Text], ideas: Ideas) -> list[Bag]:
    """One for each text."""
    return [_bag(text, ideas) for text in texts]


def _bag(text: Text, ideas: Ideas) -> Bag:
    prepared = prepare(text.text)
    side = 1 if text.attack else -1
    windows = []
    for first, inside in ideas.worth(prepared, ideas.find(prepared)):
        low, high = prepared.span(first)
        by_ideas = tuple(sorted(of_ideas(inside, len(ideas.ideas), ideas.core)))
        by_words = tuple(sorted(of_words(prepared.plain[low:high], prepared.signed[low:high])))
        values = IDEA / idea_norm(len(by_ideas)), WORD / sqrt(len(by_words))
        windows.append(Case(by_ideas, by_words, *values, side, 1.0))
    return Bag(text, windows, GENERATED if text.source in ("own grammar", "own hidden") else 1.0)


class Trained(msgspec.Struct):
    """Weights, and how they judge."""

    linear: Linear

    def score(self, bag: Bag) -> float:
        """The greatest score of the bag's windows."""
        parts = [self.linear.parts(case) for case in bag.windows]
        return max((by_ideas + min(MOST, by_words) for by_ideas, by_words in parts), default=NOTHING)


def train(every: Sequence[Bag], ideas: Ideas) -> Trained:
    """Weights from the bags: attacks speak by their windows that score best, harmless texts by all."""
    linear = Linear(idea_features(len(ideas.ideas)), WORDS + PAIRS)
    harmless = [
        msgspec.structs.replace(case, weight=bag.weight / sqrt(len(bag.windows)))
        for bag in every
        if not bag.text.attack
        for case in bag.windows
    ]
    attacks = [bag for bag in every if bag.text.attack and bag.windows]
    chosen = [(bag, bag.windows[:FIRST]) for bag in attacks]
    for number in range(ROUNDS):
        if number:
            chosen = [(bag, _best(bag, linear)) for bag in attacks]
        cases = [msgspec.structs.replace(case, weight=bag.weight / len(best)) for bag, best in chosen for case in best]
        linear.train([*cases, *harmless], COST)
    return Trained(linear)


def _best(bag: Bag, linear: Linear) -> list[Case]:
    ranked = sorted(bag.windows, key=lambda case: -sum(linear.parts(case)))
    return ranked[: max(1, min(3, len(ranked) // 3))]
