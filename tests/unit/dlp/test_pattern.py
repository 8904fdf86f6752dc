import re

import pytest

from sluicegate.dlp.pattern import (
    ENDLESS,
    PatternError,
    Repeat,
    backwards,
    beginnings,
    complement,
    expression,
    has_digit,
    merged,
    one_class,
    parse,
    spaces,
    trigger,
    wide,
    width,
)


def matches(node: object, text: str) -> bool:
    source = re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: "\\U" + m[1].zfill(8), expression(node))  # type: ignore[arg-type]
    return re.fullmatch(source, text) is not None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a*", "bound"),
        ("a+", "bound"),
        ("a{2,}", "bound"),
        ("(a?){3}", "empty"),
        ("", "empty"),
        ("a|", "empty"),
        ("(?=a)b", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "back-references"),
        (r"\bcat\b", "back-references, assertions"),
        ("^a", "anchors"),
        ("a$", "anchors"),
        ("(a", "ends too early"),
        ("a)", "without its"),
        ("[a", "ends too early"),
        ("[z-a]", "backwards"),
        ("*a", "repeat of nothing"),
        ("a{3,1}", "m <= n"),
        ("a??", "repeat of a repeat"),
        ("(a{100}){100}", "10000 characters"),
        ("(" * 30 + "a" + ")" * 30, "nested"),
        ("a" * 10_001, "longer"),
        (r"\xzz", "hexadecimal"),
        ("(?i)a", "groups"),
    ],
)
def test_what_an_automaton_cannot_bound_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(PatternError, match=why):
        parse(pattern)


def test_widths() -> None:
    assert width(parse("a(?:bc|d){1,3}e?")) == (2, 8)


def test_wide_is_what_leaves_ascii() -> None:
    assert not wide(parse(r"[a-z]\d\."))
    assert wide(parse("é"))
    assert wide(parse("[^a]"))


def test_a_pattern_backwards_matches_texts_backwards() -> None:
    node = parse("ab{1,2}(?:cd|e)")
    for text in ("abcd", "abbe", "abe"):
        assert matches(node, text)
        assert matches(backwards(node), text[::-1])


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("ab{1,3}(?:cd|ef)g", "abbcdg"), ("(?:ab){2,3}c", "abababc"), ("a?b?c", "abc"), ("x(?:y?z){1,2}", "xyzz")],
)
def test_beginnings_are_all_beginnings_and_nothing_else(pattern: str, text: str) -> None:
    node = beginnings(parse(pattern))
    assert matches(parse(pattern), text)
    for length in range(1, len(text) + 1):
        assert matches(node, text[:length])
    assert not matches(node, text + "!")
    assert not matches(node, "!")


def test_the_trigger_leaves_out_a_long_free_beginning_before_a_literal() -> None:
    assert expression(trigger(parse("[a-z]{1,64}@[a-z]{2}"))) == expression(parse("@[a-z]{2}"))
    assert expression(trigger(parse("[a-z]{6}[0-9]{2}b"))) == expression(parse("[0-9]{2}b"))
    for kept in ("[a-z]{1,4}@", "[a-z]{3}[0-9]"):
        node = parse(kept)
        assert trigger(node) is node


def test_whether_a_digit_is_in_every_match() -> None:
    assert has_digit(parse("a?[0-9]{2}b"))
    assert has_digit(parse("(?:a1|[3-5])"))
    assert not has_digit(parse("(?:a1|[3-5a])"))
    assert not has_digit(parse("a1?"))


def test_a_repeat_without_an_end_is_spelt_so() -> None:
    assert expression(Repeat(parse("a"), 1, ENDLESS)) == "(?:[\\x61]){1,}"


def test_classes() -> None:
    assert one_class("[A-Za-z]") == ((65, 90), (97, 122))
    assert merged([(5, 6), (1, 2), (3, 3)]) == ((1, 3), (5, 6))
    assert complement(((0, 64),))[0] == (65, 0xD7FF)
    for wrong in ("ab", "[é]", r"[\0a]"):
        with pytest.raises(PatternError, match="boundary"):
            one_class(wrong)
    with pytest.raises(PatternError, match="matches nothing"):
        complement(((0, 0x10FFFF),))


def test_escapes_and_ranges() -> None:
    assert matches(parse(r"[\d\-x]\x41\u00e9\.\n"), "-Aé.\n")
    assert matches(parse(r"\D\S.[]a]"), "ab-]")


@pytest.mark.parametrize(
    ("pattern", "most"),
    [("[A-Z]{2}-[0-9]{4}", 0), ("a ?b[ -]{1,3}", 4), ("(?:x y|z)[^,]{2}", 3), ("\\s{0,8}!", 8), ("[!-~]", 0)],
)
def test_how_much_white_space_a_match_holds(pattern: str, most: int) -> None:
    assert spaces(parse(pattern)) == most
