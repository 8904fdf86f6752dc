import pytest

from sluicegate.dlp.engine import EDGE, Scanner
from sluicegate.dlp.packs import Rule, form
from sluicegate.dlp.quiet import LONGEST, Quiet, patterns
from tests.support.guardrails import every_rule, rule

SHIPPED = every_rule()


def quiet(*rules: Rule) -> Quiet:
    return Quiet([each for own in rules for each in patterns(form(own), ignore_case=own.ignore_case)])


@pytest.mark.parametrize(
    ("text", "open_from"),
    [
        ("", 1),
        ("The gateway stands, ", 21),
        ("The gateway", 5),
        (" the end.", 6),
        ("Größe und ", 11),
        ("said 日本 so", 9),
        ("Über", 2),
        ('{"city": "Paris", ', 19),
    ],
)
def test_prose_is_told_without_a_scan_and_as_a_scan_tells_it(text: str, open_from: int) -> None:
    assert SHIPPED.quiet.open(EDGE + text, 1) == open_from == SHIPPED.undecided(EDGE + text)


@pytest.mark.parametrize(
    "text",
    ["call 4", "forty-two ", "mail bob@example", "(see", "a" * 20, "sk_", EDGE, "half \ud800 ", "a " * LONGEST],
)
def test_what_is_not_surely_prose_is_scanned(text: str) -> None:
    assert SHIPPED.quiet.open(EDGE + text, 1) == -1


def test_what_stands_before_the_word_counts() -> None:
    assert SHIPPED.quiet.open("x: bob", 3) == 3
    assert SHIPPED.quiet.open("x:bob", 2) == -1  # no address begins right after a colon
    assert SHIPPED.quiet.open("4111 and so", 5) == 9


def test_a_pattern_that_is_prose_is_looked_for() -> None:
    by_name = quiet(rule("John Smith"))
    assert by_name.open(EDGE + "John Smith ", 1) == -1
    assert by_name.open(EDGE + "Dear", 1) == 5
    assert by_name.open(EDGE + "Dear ", 1) == -1
    assert by_name.open(EDGE + "Dear Jo", 1) == -1
    assert quiet(rule("[a-z]{3}")).open(EDGE + "ab, ", 1) == 5
    assert quiet(rule("[a-z]{3}")).open(EDGE + "abc, ", 1) == -1
    assert quiet(rule("x", until="end here")).open(EDGE + "end here, ", 1) == -1


def test_case_that_is_ignored_counts_as_both() -> None:
    assert quiet(rule("JOHN")).open(EDGE + "john, ", 1) == 7
    assert quiet(rule("JOHN", ignore_case=True)).open(EDGE + "john, ", 1) == -1
    assert quiet(rule("é", ignore_case=True)).open(EDGE + "and ", 1) == -1


def test_patterns_of_everything_leave_nothing_quiet() -> None:
    assert quiet(rule(".{2}")).open(EDGE + "and, ", 1) == -1


def test_without_rules_every_text_is_quiet() -> None:
    assert Scanner([]).quiet.open(EDGE + "and so", 1) == 7
