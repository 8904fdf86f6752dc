from sluicegate.core.provider import Strategy
from sluicegate.routing.plan import Plan
from sluicegate.routing.scores import Scores
from sluicegate.routing.strategies import EXPLORED, Weights
from tests.support.calls import target

A, B = target(deployment="a"), target(deployment="b")


def plan(scores: Scores, **strategies: Strategy) -> Plan:
    named = {name.replace("_", "*"): strategy for name, strategy in strategies.items()}
    return Plan(scores, lambda t: 10 if t is A else 20, Strategy.ORDER, named, Weights(), lambda: EXPLORED)


def test_the_longest_pattern_names_a_model_s_strategy() -> None:
    found = plan(Scores(), gpt_=Strategy.ADAPTIVE, gpt4_=Strategy.WEIGHTED)
    assert [found.strategy(m) for m in ("gpt4o", "gpt3", "claude")] == [
        Strategy.WEIGHTED,
        Strategy.ADAPTIVE,
        Strategy.ORDER,
    ]


def test_what_measures_nothing_tells_nothing() -> None:
    assert plan(Scores()).arrange("m", [B, A]) == ((B, A), "")


def test_the_order_and_why() -> None:
    scores = Scores(lambda: 0.0)
    scores.failed("a")
    arranged = plan(scores, m=Strategy.ADAPTIVE).arrange("m", [A, B])
    assert arranged.targets == (A, B)
    assert arranged.told == "adaptive; a=0.135; b=0.150"
    assert [score.price for score in plan(scores, m=Strategy.ADAPTIVE).scored("m", [A, B])] == [10, 20]
