"""Thresholds, and what is recognised from them on."""

from hypothesis import given
from hypothesis import strategies as st

from bench.detection_injection import Classifier, lines, threshold_at
from bench.detection_kinds import OURS
from bench.detection_rows import Row
from bench.detection_score import Finding, Share

scores = st.lists(st.floats(0, 1), min_size=1, max_size=300)


@given(scores, st.floats(0, 1))
def test_at_most_that_share_is_flagged_and_the_next_score_would_be_too_much(good: list[float], share: float) -> None:
    threshold = threshold_at(good, share)
    assert sum(score >= threshold for score in good) <= share * len(good)
    below = [score for score in good if score < threshold]
    if below:
        assert sum(score >= max(below) for score in good) > int(share * len(good))


def rows() -> list[Row]:
    bad = [Row(id=f"b{n}", text=f"bad {n}", subject="injection", positive=True, kind="jailbreak") for n in range(4)]
    good = [Row(id="g0", text="good 0", subject="injection", positive=False, kind="quote")]
    good += [Row(id="g1", text="good 1", subject="ordinary", positive=False, kind="hard_negative_injection")]
    return [*bad, *good, Row(id="o", text="other", subject="ordinary", positive=False, kind="prompt")]


def test_rules_and_classifier_count_together_as_shipped_and_the_classifier_alone_at_one_percent() -> None:
    sure = {"bad 0": 0.9, "bad 1": 0.6, "bad 2": 0.2, "bad 3": 0.1, "good 0": 0.3, "good 1": 0.0}
    classifier = Classifier(lambda text: sure[text], lambda text: sure[text] >= 0.5)
    rule = [Finding(frozenset({"injection"}), 0, 1)]
    found = [[], [], [], rule, [], [], []]
    got = {line.key: line.shares[OURS] for line in lines(rows(), found, classifier)}
    assert got["injection as shipped: all: found"] == Share(3, 4)
    assert got["injection as shipped: texts full of trigger words: false alarms"] == Share(0, 2)
    assert got["injection at 1 % false alarms: all: found"] == Share(2, 4)
    assert got["injection at 1 % false alarms: jailbreak: found"] == Share(2, 4)


def test_without_a_classifier_nothing_is_said_about_one_percent() -> None:
    got = [line.key for line in lines(rows(), [[]] * 7, None)]
    assert all(key.startswith("injection as shipped, rules alone: ") for key in got)
    assert lines([rows()[-1]], [[]], None) == []
