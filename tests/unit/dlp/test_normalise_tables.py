import pytest

from sluicegate.dlp.normalise_tables import DROPPED, FORMS, LIKE, SOFT, ranges


@pytest.mark.parametrize(
    ("char", "form"),
    [
        ("\uff14", "4"),
        ("\u0664", "4"),
        ("\u096a", "4"),
        ("\U0001d7d2", "4"),
        ("\u2460", "1"),
        ("\uff21", "A"),
        ("\u2011", "-"),
        ("\ufb01", "fi"),
    ],
)
def test_forms(char: str, form: str) -> None:
    assert FORMS[ord(char)] == form


@pytest.mark.parametrize("char", "éüñß日がกिแ한")
def test_letters_of_languages_stay(char: str) -> None:
    assert ord(char) not in FORMS
    assert ord(char) not in LIKE
    assert not any(low <= ord(char) <= high for low, high in DROPPED)


def test_dashes_and_spaces_of_prose_are_soft() -> None:
    for char in "\u2013\u2014\u00a0\u202f":
        assert any(low <= ord(char) <= high for low, high in SOFT)


def test_look_alikes_are_one_letter_each() -> None:
    assert all(len(latin) == 1 and latin.isascii() for latin in LIKE.values())


def test_ranges() -> None:
    assert ranges([5, 1, 2, 3]) == ((1, 3), (5, 5))
