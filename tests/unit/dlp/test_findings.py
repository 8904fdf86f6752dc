from sluicegate.dlp.engine import Hit
from sluicegate.dlp.findings import ENDLESS, Action, Edit, Ledger, Treatment, decided, merged, redact
from tests.support.guardrails import rule


def ledger(*actions: Action, bound: int = 10, **more: object) -> Ledger:
    return Ledger([rule("a", severity="high", **more) for _ in actions], [Treatment(each) for each in actions], bound)


def spans(edits: list[Edit] | tuple[Edit, ...]) -> list[tuple[int, int]]:
    return [(edit.start, edit.end) for edit in edits]


def test_overlapping_matches_of_a_rule_count_once() -> None:
    book = ledger(Action.REDACT)
    book.take([Hit(0, 0, 4), Hit(0, 2, 6), Hit(0, 6, 9)])
    assert book.counts == {0: 2}
    assert spans(merged(book.edits, 100)) == [(0, 6), (6, 9)]


def test_alerts_are_counted_and_never_edited_and_blocks_are_told() -> None:
    book = ledger(Action.ALERT, Action.BLOCK)
    book.take([Hit(0, 0, 4)])
    assert (book.edits, book.blocked) == ([], False)
    book.take([Hit(1, 2, 6)])
    assert book.blocked


def test_beyond_the_bound_the_rest_is_one_edit_and_a_block_is_still_noticed() -> None:
    book = ledger(Action.REDACT, Action.BLOCK, bound=2)
    book.take([Hit(0, at, at + 1) for at in range(0, 20, 2)])
    assert spans(book.edits) == [(0, 1), (2, 3), (4, ENDLESS)]
    assert book.counts == {0: 10}
    book.take([Hit(1, 30, 31)])
    assert book.blocked


def test_a_region_goes_on_until_it_is_closed() -> None:
    book = ledger(Action.REDACT, until="z", reach=50)
    book.take([Hit(0, 5, 9)])
    assert spans(book.edits) == [(5, 55)]
    book.take([Hit(0, 12, 15), Hit(0, 6, 8, closing=True), Hit(0, 20, 24, closing=True), Hit(0, 30, 34, closing=True)])
    assert spans(book.edits) == [(5, 24)]
    assert book.counts == {0: 1}


def test_a_region_ends_at_its_reach_and_another_may_begin() -> None:
    book = ledger(Action.REDACT, until="z", reach=50)
    book.take([Hit(0, 5, 9), Hit(0, 60, 64), Hit(0, 90, 94, closing=True)])
    assert spans(book.edits) == [(5, 55), (60, 94)]


def test_merging_takes_the_label_of_what_starts_first_then_of_the_most_severe() -> None:
    edits = [
        Edit(3, 9, 1, "[B]"),
        Edit(0, 4, 0, "[A]"),
        Edit(20, 22, 0, "[C]"),
        Edit(20, 21, 3, "[D]"),
        Edit(9, 10, 0, "[E]"),
    ]
    result = merged(edits, 21)
    assert [(e.start, e.end, e.label) for e in result] == [(0, 9, "[A]"), (9, 10, "[E]"), (20, 21, "[D]")]
    assert redact("0123456789abcdefghijk", result) == "[A][E]abcdefghij[D]"


COUNTED = Treatment(Action.BLOCK, count=3, below=Action.REDACT, group=1)


def test_in_an_answer_each_finding_is_treated_by_those_up_to_it() -> None:
    rules = [rule("a"), rule("b")]
    one, two = Ledger(rules, [COUNTED, COUNTED], 10), Ledger(rules, [COUNTED, COUNTED], 10)
    one.tally = two.tally = {}
    one.take([Hit(0, 0, 4), Hit(1, 6, 8)])
    assert (spans(one.edits), one.blocked) == ([(0, 4), (6, 8)], False)
    two.take([Hit(0, 0, 4)])
    assert (two.edits, two.blocked) == ([], True)


def test_in_a_prompt_what_depends_on_a_count_is_decided_at_its_end() -> None:
    book = Ledger([rule("a"), rule("b")], [COUNTED, Treatment(Action.TOKENISE)], 10)
    book.take([Hit(0, 0, 4), Hit(1, 2, 6), Hit(0, 8, 9)])
    edits = merged(book.edits, 100)
    assert [(e.start, e.end, e.group, e.token) for e in edits] == [(0, 4, 1, False), (2, 6, 0, True), (8, 9, 1, False)]
    assert spans(tuple(decided(edits, {1: Action.REDACT}, 100))) == [(0, 6), (8, 9)]
    assert [each.token for each in decided(edits, {1: Action.REDACT}, 100)] == [False, False]
    assert [each.token for each in decided(edits, {1: Action.TOKENISE}, 100)] == [True, True]
    assert spans(tuple(decided(edits, {1: Action.ALERT}, 100))) == [(2, 6)]
    assert decided(edits[1:2], {}, 100) is not None


def test_shadow_counts_and_does_nothing() -> None:
    book = Ledger([rule("a")], [Treatment(Action.BLOCK, shadow=True)], 10)
    book.take([Hit(0, 0, 4)])
    assert (book.counts, book.edits, book.blocked) == ({0: 1}, [], False)


def test_a_value_cut_over_two_texts_is_no_placeholder_where_more_is_taken_out() -> None:
    across = Edit(4, 9, 0, "[A]", token=True, value="12345678")
    assert merged([across], 9)[0].value == "12345678"
    assert not merged([across, Edit(3, 5, 0, "[B]", token=True)], 9)[0].token
    assert merged([Edit(0, 4, 0, "[A]", token=True), Edit(3, 6, 0, "[A]", token=True)], 9)[0].token
