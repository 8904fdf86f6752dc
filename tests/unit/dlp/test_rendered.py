from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dlp.rendered import rendered

EDITS = [(2, 5, "A"), (5, 6, ""), (9, 20, "BC")]


@given(st.lists(st.integers(0, 24), max_size=8))
def test_pieces_come_to_the_same_wherever_the_text_is_cut(places: list[int]) -> None:
    text, edits, out = "abcdefghijklmnopqrstuvwx", list(EDITS), ""
    for start, end in pairwise([0, *sorted(places), 24]):
        piece = rendered(edits, start, text[start:end])
        out += text[start:end] if piece is None else piece
    assert out == "abAghiBCuvwx"


def test_a_piece_that_stays_is_told() -> None:
    edits = list(EDITS)
    assert rendered(edits, 0, "ab") is None
    assert rendered([], 0, "ab") is None
    assert edits == EDITS
