"""The maths of scoring, on rows made up here."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.detection_kinds import CREDENTIALS, OURS, PERSONAL
from bench.detection_rows import Row
from bench.detection_score import Finding, Scores, Share, flagged, hit, weakest

spans = st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def personal(kind: str = "card", **more: Any) -> Row:
    given = {"id": "x", "text": "t", "positive": True, "subject": "personal", "kind": kind, "accepts": frozenset({kind})}
    return Row(**{**given, **more})


def credential(**more: Any) -> Row:
    return personal("k", **{"subject": "credential", "accepts": frozenset(CREDENTIALS), **more})


def found(kind: str, start: int = 0, end: int = 1) -> Finding:
    return Finding(frozenset({kind}), start, end)


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_the_share_and_narrows_with_more_rows(hits: int, of: int) -> None:
    hits = min(hits, of)
    low, high = Share(hits, of).interval
    assert 0 <= low <= Share(hits, of).percent + 1e-9
    assert Share(hits, of).percent - 1e-9 <= high <= 100
    wider = Share(hits * 10, of * 10).interval
    assert wider[1] - wider[0] < high - low


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_interval_is_the_same_seen_from_the_misses(hits: int, of: int) -> None:
    hits = min(hits, of)
    low, high = Share(hits, of).interval
    assert Share(of - hits, of).interval == pytest.approx((100 - high, 100 - low))


def test_the_interval_is_wilsons() -> None:
    """Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for share, low, high in (
        (Share(81, 263), 25.53, 36.62),
        (Share(15, 148), 6.24, 16.05),
        (Share(0, 20), 0, 16.11),
        (Share(1, 29), 0.61, 17.18),
    ):
        assert share.interval == pytest.approx((low, high), abs=0.005)
    assert Share(0, 0).interval == (0, 100)


@given(spans, spans)
def test_a_finding_counts_where_it_shares_a_character_with_the_span(
    labelled: tuple[int, int], place: tuple[int, int]
) -> None:
    row = personal(spans=(labelled,))
    shared = set(range(*labelled)) & set(range(*place))
    assert hit(row, [found("card", *place)], row.accepts) is bool(shared)


@given(spans)
def test_without_spans_a_finding_counts_anywhere(place: tuple[int, int]) -> None:
    assert hit(personal(), [found("card", *place)], frozenset({"card"}))


def test_a_finding_of_another_kind_does_not_count() -> None:
    assert not hit(personal(), [found("phone")], frozenset({"card"}))
    assert not flagged([found("phone")], frozenset({"card"}))
    assert not flagged([], frozenset(PERSONAL))


def lines(rows: list[Row], findings: list[list[Finding]], **peers: list[list[Finding]]) -> dict[str, dict[str, Share]]:
    scores = Scores(rows, {OURS: findings, **{name.replace("_", " "): each for name, each in peers.items()}})
    return {line.key: dict(line.shares) for line in scores.lines}


def test_credentials_are_counted_by_where_they_come_from() -> None:
    rows = [credential(real=True, group="aws"), credential(group="aws"), credential(positive=False, real=True, group="uuid")]
    got = lines(rows, [[found("credential")], [], [found("private_key")]], LLM_Guard=[[], [], []])
    assert got["credentials: real code lines: found"] == {OURS: Share(1, 1), "LLM Guard": Share(0, 1)}
    assert got["credentials: all: found"][OURS] == Share(1, 2)
    assert got["credentials: real code lines: false alarms"] == {OURS: Share(1, 1), "LLM Guard": Share(0, 1)}
    assert got["credentials by family: aws: found"][OURS] == Share(1, 2)
    assert got["look-alikes: uuid: false alarms"][OURS] == Share(1, 1)


def test_personal_data_is_counted_by_kind_form_and_country() -> None:
    rows = [personal(form="bare", country="US"), personal(form="sentence", country="DE"), personal("iban", form="bare")]
    got = lines(rows, [[found("card")], [], [found("iban")]])
    assert got["personal data: card, all: found"][OURS] == Share(1, 2)
    assert got["personal data: card, bare: found"][OURS] == Share(1, 1)
    assert got["all personal data: in sentences: found"][OURS] == Share(0, 1)
    assert got["personal data by kind and country: card, DE: found"][OURS] == Share(0, 1)


def test_weak_rows_are_counted_apart_and_nowhere_else() -> None:
    got = lines([personal(weak=True, country="US")], [[found("card")]])
    assert got == {"all personal data: weak: found": {OURS: Share(1, 1)}}


def test_a_negative_is_judged_by_its_own_kind_and_by_any() -> None:
    got = lines([personal(positive=False, form="bare")], [[found("phone")]])
    assert got["personal data: card: false alarms"][OURS] == Share(0, 1)
    assert got["all personal data: of the row's kind, all: false alarms"][OURS] == Share(0, 1)
    assert got["all personal data: of any kind, all: false alarms"][OURS] == Share(1, 1)


def test_ordinary_texts_are_flagged_by_anything() -> None:
    rows = [
        Row(id="x", text="t", subject="ordinary", positive=False, kind=kind)
        for kind in ("prompt", "lockfile", "code", "docs")
    ]
    findings = [[found("phone")], [found("credential")], [found("url")], []]
    got = lines(rows, findings)
    assert got["ordinary texts flagged: prompts, answers, docs: false alarms"][OURS] == Share(1, 2)
    assert got["ordinary texts flagged: all but lock files: false alarms"][OURS] == Share(1, 3)
    assert got["ordinary texts flagged: lockfile: false alarms"][OURS] == Share(1, 1)


def test_a_system_has_no_share_in_what_it_does_not_look_for() -> None:
    got = lines([credential(), personal()], [[], []], Presidio=[[], []])
    assert set(got["credentials: all: found"]) == {OURS}
    assert set(got["personal data: card, all: found"]) == {OURS, "Presidio"}


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [credential(group="b"), personal("iban"), credential(group="a", positive=False), personal(country="US")]
    findings = [[found("credential")], [], [], [found("card")]]
    assert lines(rows[::-1], findings[::-1]) == lines(rows, findings)
    assert list(lines(rows[::-1], findings[::-1])) == list(lines(rows, findings))


def test_misses_are_named_by_id() -> None:
    rows = [personal(id="b"), personal(id="a", country="US"), personal(id="c", positive=False), personal("iban", id="d")]
    scores = Scores(rows, {OURS: [[], [], [found("phone")], []]})
    assert scores.missed("card") == [("a", "missed"), ("b", "missed"), ("c", "false alarm")]
    assert scores.missed("card.US") == [("a", "missed")]
    assert scores.missed("personal") == [("a", "missed"), ("b", "missed"), ("c", "false alarm"), ("d", "missed")]


def test_the_weakest_miss_most_rows() -> None:
    rows = [*([credential(group="good")] * 2), *([credential(group="bad")] * 3), personal(country="US")]
    scores = Scores(rows, {OURS: [[found("credential")], [found("credential")], [found("credential")], [], [], []]})
    assert [line.name for line in weakest(scores.lines, 5)] == ["bad", "card, US"]
    assert [line.name for line in weakest(scores.lines, 1)] == ["bad"]
