"""In which order permitted targets are tried: by `order` first, and those of one order by a strategy. Pure.

A strategy only ever reorders what it is given: no target is added, and none is lost.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sluicegate.core.provider import Strategy, Target
from sluicegate.routing.scores import Seen

EXPLORED = 0.05
"""The share of requests whose order is drawn by weight all the same, so that what was slow once is measured again."""
SLOWEST = 60.0
"""Seconds to the first event that count as the worst."""
FAILING = 0.5
"""From this share of failures on, a fast answer does not help (`least_latency`)."""


class Weights(NamedTuple):
    """How much each part counts in `adaptive`."""

    failures: float = 0.6
    latency: float = 0.25
    price: float = 0.15


class Score(NamedTuple):
    """How a target stands among others; less is better."""

    points: float
    failures: float
    first_event: float | None
    """Seconds; None: not seen lately."""
    price: int
    """Nano-dollars for 1,000 tokens in and 1,000 out."""


Look = Callable[[Target], tuple[Seen, int]]
"""What was seen of a target, and its price as in `Score.price`."""


def arranged(
    targets: Sequence[Target], strategy: Strategy, chance: float, points: Sequence[float] = ()
) -> tuple[Target, ...]:
    """`targets` in the order they are tried; `chance` in [0, 1) decides what is drawn: the same, the same order.

    `points` belong to `targets`, one for each (`scored`); strategies that measure nothing need none.
    """
    if len(targets) < 2:
        return tuple(targets)
    groups: dict[int, list[Target]] = {}
    for target in targets:
        groups.setdefault(target.order, []).append(target)
    if strategy is Strategy.ORDER:
        return tuple(target for order in sorted(groups) for target in groups[order])
    if strategy is Strategy.WEIGHTED or not points:
        return tuple(target for order in sorted(groups) for target in _drawn(groups[order], chance))
    if chance < EXPLORED:
        return tuple(target for order in sorted(groups) for target in _drawn(groups[order], chance / EXPLORED))
    rank = {id(target): mark for target, mark in zip(targets, points, strict=True)}
    chance = (chance - EXPLORED) / (1 - EXPLORED)
    # sorting keeps the drawn order of those that are equal
    return tuple(t for order in sorted(groups) for t in sorted(_drawn(groups[order], chance), key=lambda t: rank[id(t)]))


def scored(targets: Sequence[Target], strategy: Strategy, look: Look, weights: Weights) -> list[Score]:
    """How each of `targets` stands among them."""
    found = [look(target) for target in targets]
    slowest = max((seen.first_event or 0.0 for seen, _ in found), default=0.0) or 1.0
    dearest = max((price for _, price in found), default=0) or 1
    scores = []
    for seen, price in found:
        if strategy is Strategy.LEAST_LATENCY:
            points = min(seen.first_event or 0.0, SLOWEST) + (SLOWEST if seen.failures >= FAILING else 0.0)
        else:
            latency = (seen.first_event or 0.0) / slowest
            points = weights.failures * seen.failures + weights.latency * latency + weights.price * price / dearest
        scores.append(Score(points, seen.failures, seen.first_event, price))
    return scores


def _drawn(group: list[Target], chance: float) -> list[Target]:
    """Draw by weight without putting back. What is left of `chance` within the drawn share is the chance of the next draw.

    A weight of 0 comes after every other.
    """
    rest, drawn = list(group), []
    while len(rest) > 1:
        total = sum(target.weight for target in rest)
        if total <= 0:
            break
        mark = chance * total
        index = 0
        while index < len(rest) - 1 and mark >= rest[index].weight:
            mark -= rest[index].weight
            index += 1
        taken = rest.pop(index)
        drawn.append(taken)
        chance = min(max(mark / taken.weight, 0.0), 0.999999999) if taken.weight else 0.0
    return drawn + rest
