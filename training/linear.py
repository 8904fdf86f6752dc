"""A linear classifier with squared hinge loss, by dual coordinate descent (Hsieh et al., 2008), without any array library.

Only operations that IEEE 754 rounds exactly are used, in one order, so that every machine gets the same weights to the bit.
"""

from collections.abc import Callable, Sequence
from math import fsum
from operator import itemgetter

import msgspec

from training.texts import Dice

EPOCHS = 30


class Case(msgspec.Struct, gc=False):
    """What stands in a window: two groups of features, the value of all of a group, its side and its weight."""

    ideas: tuple[int, ...]
    words: tuple[int, ...]
    idea_value: float
    word_value: float
    side: int
    weight: float


def _getter(features: Sequence[int]) -> Callable[[Sequence[float]], tuple[float, ...]]:
    if len(features) == 1:
        only = features[0]
        return lambda values: (values[only],)
    return itemgetter(*features) if features else lambda _: ()


class Linear:
    """Weights of ideas, weights of words, and a bias."""

    def __init__(self, ideas: int, words: int) -> None:
        self.ideas = [0.0] * ideas
        self.words = [0.0] * words
        self.bias = 0.0

    def parts(self, case: Case) -> tuple[float, float]:
        """What its ideas add to the score of `case`, with the bias, and what its words add."""
        by_ideas = case.idea_value * fsum(_getter(case.ideas)(self.ideas))
        return self.bias + by_ideas, case.word_value * fsum(_getter(case.words)(self.words))

    def train(self, cases: Sequence[Case], cost: float) -> None:
        """Start anew and fit. Each case weighs `cost` times its own weight."""
        self.ideas, self.words, self.bias = [0.0] * len(self.ideas), [0.0] * len(self.words), 0.0
        order = _shuffled(len(cases))
        steps = [self._step(cases[index], cost) for index in order]
        for _ in range(EPOCHS):
            for step in steps:
                step()

    def _step(self, case: Case, cost: float) -> Callable[[], None]:
        of_ideas, of_words = _getter(case.ideas), _getter(case.words)
        ideas, words, side = self.ideas, self.words, case.side
        one, two = case.idea_value, case.word_value
        shrink = 1 / (2 * cost * case.weight)
        square = 1 + one * one * len(case.ideas) + two * two * len(case.words) + shrink
        alpha = 0.0

        def step() -> None:
            nonlocal alpha
            score = self.bias + one * fsum(of_ideas(ideas)) + two * fsum(of_words(words))
            gradient = side * score - 1 + shrink * alpha
            if alpha == 0.0 and gradient >= 0:
                return
            new = max(0.0, alpha - gradient / square)
            change, alpha = side * (new - alpha), new
            self.bias += change
            by_idea, by_word = change * one, change * two
            for feature in case.ideas:
                ideas[feature] += by_idea
            for feature in case.words:
                words[feature] += by_word

        return step


def _shuffled(count: int) -> list[int]:
    dice = Dice("order")
    order = list(range(count))
    numbers = [str(number) for number in range(1 << 12)]
    for at in range(count - 1, 0, -1):
        other = (int(dice.pick(numbers)) << 12 | int(dice.pick(numbers))) % (at + 1)
        order[at], order[other] = order[other], order[at]
    return order
