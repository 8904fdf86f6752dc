from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.engine import EDGE, Hit, Scanner
from sluicegate.dlp.selection import Scan, Selection, selection
from tests.support.guardrails import rule

RULES = {
    "a": rule("a{1,3}b", id="a"),
    "number": rule("[0-9]{3}", id="number"),
    "region": rule("<", id="region", before="none", after="none", until=">"),
    "word": rule("ab[0-9]{1,2}", id="word"),
}
TWO = [Scanner([RULES["a"], RULES["region"]]), Scanner([RULES["number"], RULES["word"]])]
ALONE = {wanted: Scanner([RULES[id] for id in wanted]) for size in (1, 2, 3, 4) for wanted in combinations(RULES, size)}


def found(scan: Scan, text: str) -> set[tuple[str, int, int, bool]]:
    buffer = f"{EDGE}{text}{EDGE}"
    hits: list[Hit] = []
    for end, number in scan.ends(buffer):
        hits += scan.confirm(buffer, 0, 1, end, [number])
    return {(scan.rules[hit.rule].id, hit.start, hit.end, hit.closing) for hit in hits}


@given(text=st.text("ab1<> ", max_size=30), wanted=st.sampled_from(sorted(ALONE)))
def test_a_selection_finds_what_its_rules_compiled_alone_find(text: str, wanted: Sequence[str]) -> None:
    chosen, alone = selection(TWO, wanted), ALONE[tuple(wanted)]
    assert {rule.id for rule in chosen.rules} == set(wanted)
    assert found(chosen, text) == found(alone, text)


@given(text=st.text("ab1<> ", max_size=12), more=st.text("ab1<> ", max_size=12), wanted=st.sampled_from(sorted(ALONE)))
def test_what_more_text_completes_was_undecided(text: str, more: str, wanted: Sequence[str]) -> None:
    chosen = selection(TWO, wanted)
    undecided = chosen.undecided(EDGE + text)
    assert all(start >= undecided for _, start, end, _ in found(chosen, text + more) if end > len(text) + 1)


def test_what_is_selected_whole_is_the_scanner_itself() -> None:
    assert selection(TWO, {"a", "region"}) is TWO[0]
    assert isinstance(selection(TWO, {"a"}), Selection)


def test_an_empty_selection_finds_nothing_and_holds_nothing() -> None:
    none = selection(TWO, ())
    assert (none.width, none.wordy) == (0, 0)
    assert (none.rules, list(none.ends("\0ab\0")), none.undecided("\0ab")) == ((), [], 3)


def test_what_one_scanner_reports_counts_for_all() -> None:
    both = selection(TWO, RULES)
    assert len(both.ends("\0ab 123 \0", 2)) == 2
    with pytest.raises(TooManyReports):
        both.ends("\0ab 123 \0", 1)
