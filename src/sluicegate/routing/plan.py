"""The strategy of each model, and what it knows of deployments: the order of a route, and why it is so."""

from collections.abc import Callable, Mapping, Sequence
from random import random
from typing import NamedTuple

from sluicegate.core.provider import Strategy, Target
from sluicegate.routing.rules import matches
from sluicegate.routing.scores import Scores, Seen
from sluicegate.routing.strategies import Score, Weights, arranged, scored

TOLD = 3
"""Of how many targets a route's header tells the score."""
MEASURED = frozenset({Strategy.LEAST_LATENCY, Strategy.ADAPTIVE})

Price = Callable[[Target], int]
"""Nano-dollars for 1,000 tokens in and 1,000 out; 0 where nothing is known."""


class Arranged(NamedTuple):
    """Targets in the order they are tried; `told` says how they stood where that was measured."""

    targets: tuple[Target, ...]
    told: str = ""


class Plan:
    """Arranges targets. `strategies` are by name or pattern of a model: the longest that fits counts, else `strategy`."""

    def __init__(
        self,
        scores: Scores,
        price: Price,
        strategy: Strategy,
        strategies: Mapping[str, Strategy],
        weights: Weights,
        chance: Callable[[], float] = random,
    ) -> None:
        self._scores = scores
        self._price = price
        self._strategy = strategy
        self._patterns = sorted(strategies.items(), key=lambda item: (-len(item[0]), item[0]))
        self._weights = weights
        self._chance = chance

    def strategy(self, model: str) -> Strategy:
        """The strategy of a model."""
        for pattern, strategy in self._patterns:
            if matches(pattern, model):
                return strategy
        return self._strategy

    def scored(self, model: str, targets: Sequence[Target]) -> list[Score]:
        """How each of `targets` stands now."""
        return scored(targets, self.strategy(model), self._look, self._weights)

    def arrange(self, model: str, targets: Sequence[Target]) -> Arranged:
        """`targets`, at least two, in the order they are tried."""
        strategy, chance = self.strategy(model), self._chance()
        if strategy not in MEASURED:
            return Arranged(arranged(targets, strategy, chance))
        points = [score.points for score in scored(targets, strategy, self._look, self._weights)]
        route = arranged(targets, strategy, chance, points)
        marks = {id(target): mark for target, mark in zip(targets, points, strict=True)}
        shown = "; ".join([f"{target.deployment}={marks[id(target)]:.3f}" for target in route[:TOLD]])
        return Arranged(route, f"{strategy.value}; {shown}")

    def _look(self, target: Target) -> tuple[Seen, int]:
        return self._scores.seen(target.circuit), self._price(target)
