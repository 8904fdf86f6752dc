import pytest

from sluicegate.dlp.spread import numbers, spread


def joined(text: str) -> list[tuple[str, ...]]:
    return [number.joined for number in numbers(text, 0, final=True)[0]]


@pytest.mark.parametrize("by", [" ", "\n", "-", ".", "**", " | ", "\n- ", ", "])
def test_single_digits_with_the_same_between(by: str) -> None:
    assert joined(f"it is {by.join('4111111111111111')}, yes") == [("4111111111111111",)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("4111.1111.1111.1111", "card"),
        ("| 4111 | 1111 | 1111 | 1111 |", "card"),
        ("536\n22\n8145", "ssn"),
        ("415/555/0132", "phone"),
    ],
)
def test_groups_of_known_shapes(text: str, kinds: str) -> None:
    (number,) = numbers(text, 0, final=True)[0]
    assert number.kinds == (kinds,)


def test_an_iban_in_groups() -> None:
    (number,) = numbers("to GB82.WEST.1234.5698.7654.32 please", 0, final=True)[0]
    assert number.joined[0] == "GB82WEST12345698765432"


@pytest.mark.parametrize(
    "text", ["2023-01-15 10:22:33", "1, 2, 3, 4", "1 2 3 4 5 6 7 8 9 10", "192.168.10.1", "7 4x", "a4 1 1 1 1 1 1 1 1 1"]
)
def test_what_is_not_even_is_none(text: str) -> None:
    assert [each for each in joined(text) if len(each[0]) > 9] == []


def test_what_may_go_on_is_open() -> None:
    assert numbers("in 2023, ", 0, final=False) == ([], 3)
    assert numbers("in 2023, so ", 0, final=False) == ([], 12)
    assert numbers("to GB8", 0, final=False) == ([], 3)


def test_how_far_it_is_spread() -> None:
    assert spread("1 2 3 abc", 0) == 6
    assert spread("abc", 0) == 0
