import pytest

from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.candidates import DECODED_FOR_ONE, Work, grouped


def test_grouping() -> None:
    assert list(grouped([(3, 1), (3, 4), (5, 0)])) == [(3, [1, 4]), (5, [0])]
    assert list(grouped([])) == []


def test_decoding_costs_candidates() -> None:
    work = Work(2)
    assert work.bytes_left == 2 * DECODED_FOR_ONE
    work.decoded(1)
    work.decoded(1)
    with pytest.raises(TooManyReports):
        work.decoded(1)
