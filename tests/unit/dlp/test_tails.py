import pytest

from sluicegate.dlp.engine import EDGE, Scanner
from tests.support.guardrails import every_rule, rule


def open_part(scanner: Scanner, text: str) -> str:
    return (EDGE + text)[scanner.undecided(EDGE + text) :]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("the gateway stands, ", ""),
        ("the gateway", "gateway"),
        (" the end.", "end."),
        ("Größe, ", ""),
        ("said 日本 so", "so"),
        ('{"city": "paris", ', ""),
    ],
)
def test_in_prose_no_more_than_the_last_word_is_open(text: str, left: str) -> None:
    assert open_part(every_rule(), text) == left


def test_of_patterns_without_spaces_the_last_run_of_their_characters_is_open() -> None:
    scanner = Scanner([rule("k-[a-f]{3,8}"), rule("[0-9]{4}", id="other")])
    assert open_part(scanner, "see k-abc") == "k-abc"
    assert open_part(scanner, "see k-abc, ") == ""
    assert open_part(scanner, "see gab12") == "ab12"
    assert open_part(scanner, "k" * 30) == "k" * 10


def test_of_numbers_with_spaces_their_run_is_open_from_where_one_can_begin() -> None:
    scanner = Scanner([rule("[0-9]{4} ?[0-9]{4}-x".replace("x", "[0-9]"))])
    assert open_part(scanner, "on - 4111 1") == "4111 1"
    assert open_part(scanner, "on 4111. ") == ""
    assert open_part(scanner, "end - ") == ""


def test_of_capitals_with_spaces_too() -> None:
    scanner = Scanner([rule("[A-Z]{2} [0-9]{6}")])
    assert open_part(scanner, "is AB 12") == "AB 12"
    assert open_part(scanner, "is Ab 12") == ""


def test_of_words_with_spaces_what_has_begun_is_open() -> None:
    scanner = Scanner([rule("the key is [a-z]{4,80}")])
    assert open_part(scanner, "so the key i") == "the key i"
    assert open_part(scanner, "so the key is ab") == "the key is ab"
    assert open_part(scanner, "so the lock is ab") == ""
    broad = Scanner([rule("clé: [a-z]{4}"), rule("ключ [0-9]", id="other", ignore_case=True)])
    assert open_part(broad, "日 clé: a") == "clé: a"
    assert open_part(broad, "日本 КЛЮ") == "КЛЮ"


def test_case_that_is_ignored_counts_as_both() -> None:
    assert open_part(Scanner([rule("ab[0-9]", ignore_case=True)]), "x AB") == "AB"
    assert open_part(Scanner([rule("ab[0-9]")]), "x AB") == ""


def test_without_rules_nothing_is_open() -> None:
    assert open_part(Scanner([]), "and so") == ""
