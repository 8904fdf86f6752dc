from sluicegate.dlp.engine import Hit
from sluicegate.dlp.findings import ENDLESS, Action, Edit, Ledger, merged, redact
from tests.support.guardrails import rule


def ledger(*actions: Action, bound: int = 10, **more: object) -> Ledger:
    return Ledger([rule("a", severity="high", **more) for _ in actions], actions, bound)


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
