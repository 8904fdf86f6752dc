from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dlp.reading import SHORTEST, Reading


def test_long_runs_and_where_they_stand() -> None:
    text = "é " + "a" * SHORTEST + " b/" + "c" * SHORTEST
    assert Reading(text).runs == [(3, 18), (19, 36)]
    assert Reading("a" * (SHORTEST - 1)).runs == []


@given(st.text(st.sampled_from("aé日😀\0"), max_size=30))
def test_every_byte_is_of_a_character(text: str) -> None:
    reading = Reading(text)
    expected = [index for index, char in enumerate(text) for _ in char.encode()]
    assert reading.characters(range(len(reading.data))) == expected
    assert reading.characters([len(reading.data)]) == [len(text)]


def test_what_has_no_bytes_counts_as_one_character() -> None:
    reading = Reading("\ud800a")
    assert (reading.plain, reading.data) == (True, b"?a")
