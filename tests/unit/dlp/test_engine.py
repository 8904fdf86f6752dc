import pytest

from sluicegate.dlp.engine import EDGE, Scanner
from sluicegate.dlp.packs import RuleError
from tests.support.guardrails import CARD, EMAIL, every_rule, rule


def hits(scanner: Scanner, text: str) -> list[tuple[int, int]]:
    buffer = EDGE + text + EDGE
    return [
        (hit.start - 1, hit.end - 1)
        for end, number in scanner.ends(buffer)
        for hit in scanner.confirm(buffer, 1, 1, end, [number])
    ]


@pytest.mark.parametrize("before", ["", "é ", "日本語 ", "\U0001f600", "\ud800 ", "\0"])
@pytest.mark.parametrize("after", ["", " é", "日", "\U0001f600", "\0"])
def test_offsets_are_those_of_the_text_whatever_stands_around(before: str, after: str) -> None:
    text = before + CARD + after
    assert (len(before), len(before) + len(CARD)) in hits(every_rule(), text)


def test_a_search_goes_on_one_character_after_a_match_whose_checksum_failed() -> None:
    assert (3, 22) in hits(every_rule(), "12 " + CARD)
    assert (5, 24) in hits(every_rule(), "4000 " + CARD)


def test_a_pattern_of_characters_beyond_ascii_counts_characters() -> None:
    scanner = Scanner([rule("ü[äö]{1,2}.", before="none", after="none")])
    assert (1, 4) in hits(scanner, "xüäb日")
    assert (1, 4) in hits(scanner, "xüä日日")


def test_case_is_ignored_where_the_rule_says_so() -> None:
    scanner = Scanner([rule("secret", ignore_case=True)])
    assert hits(scanner, "a SeCrEt") == [(2, 8)]
    assert hits(Scanner([rule("secret")]), "a SeCrEt") == []


def test_context_stands_before_and_near() -> None:
    scanner = Scanner([rule("[0-9]{4}", context=("pin",))])
    assert hits(scanner, "PIN: 1234") == [(5, 9)]
    assert hits(scanner, "1234 pin") == []
    assert hits(scanner, "pin" + " " * 62 + "1234") == []
    assert hits(scanner, "pin" + "日" * 61 + "1234") == [(64, 68)]


def test_what_more_text_could_still_change() -> None:
    scanner = every_rule()

    def open_part(text: str) -> str:
        return (EDGE + text)[scanner.undecided(EDGE + text) :]

    assert open_part("nothing here. ") == ""
    assert open_part("pay 4111 11") == "4111 11"
    assert open_part("mail " + EMAIL) == EMAIL
    assert open_part("日本 " + EMAIL) == EMAIL
    assert open_part("so -----BEG") == "-----BEG"


def test_many_context_words_and_patterns_work_together() -> None:
    words = (*(f"word{number}x" for number in range(40)), "NIF", "ΑΦΜ")
    scanner = Scanner([rule(f"[0-9]{{{number + 3}}}", id=f"rule_{number}", context=words) for number in range(90)])
    assert hits(scanner, "see word39x 12345") == [(12, 17)]
    assert hits(scanner, "see αφμ: 12345") == [(9, 14)]
    assert hits(scanner, "see NIF:12345 ") == [(8, 13)]
    assert hits(scanner, "significant 12345") == []


def test_no_rules_find_nothing() -> None:
    scanner = Scanner([])
    assert not scanner.ends("a")
    assert scanner.undecided("\0abc") == 4
    assert scanner.size == 0


def test_the_rule_that_an_automaton_cannot_take_is_named() -> None:
    huge = rule("(?:" + "|".join(f"[a-z]{{1,60}}{i}[a-z]{{1,60}}[0-9]{{1,60}}x" for i in range(400)) + ")", id="huge")
    with pytest.raises(RuleError, match="huge"):
        Scanner([rule("a"), huge])


def test_the_packs_are_small_in_memory() -> None:
    assert every_rule().size < 25_000_000


def test_hundreds_of_own_rules_are_each_found_and_take_little() -> None:
    rules = [rule(f"[A-Z]{{2}}{number:03d}-[0-9]{{2,6}}", id=f"own{number}") for number in range(600)]
    scanner = Scanner(rules)
    assert hits(scanner, "see AB017-44 and CD599-123456 ") == [(4, 12), (17, 29)]
    assert scanner.size < 10_000_000


def test_rules_that_together_take_too_much_are_refused() -> None:
    with pytest.raises(RuleError, match="more than 1000 bytes"):
        Scanner([rule("[a-z]{3}"), rule("[0-9]{9}", id="other")], max_bytes=1_000)


def test_how_long_wordy_matches_are() -> None:
    scanner = Scanner([rule("[a-z]{30}"), rule("(?:[a-z]{1,3} ){6}[a-z]", id="other")])
    assert (scanner.width, scanner.wordy) == (30, 25)
