from pathlib import Path

import pytest

from sluicegate.dlp.engine import EDGE
from sluicegate.dlp.packs import PACKS, Rule, RuleError, example, form, library, near_of, plain, read_pack, shipped
from tests.support.guardrails import every_rule, rule

RULES = [each for pack in shipped()[0] for each in pack.rules]


def found(text: str) -> set[str]:
    scanner, buffer = every_rule(), f"{EDGE}{text}{EDGE}"
    hits = [hit for end, number in scanner.ends(buffer) for hit in scanner.confirm(buffer, 1, 1, end, [number])]
    return {scanner.rules[hit.rule].id for hit in hits if not hit.closing}


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.id)
def test_a_rule_finds_its_examples_and_leaves_its_counterexamples(each: Rule) -> None:
    assert each.match
    assert each.no_match
    assert each.source
    for text in map(example, each.match):
        assert each.id in found(text), text
    for text in map(example, each.no_match):
        assert each.id not in found(text), text


def test_ids_are_unique_and_every_pack_is_read() -> None:
    packs, content = shipped()
    assert len(packs) == len(list(PACKS.glob("*.yaml")))
    assert len({each.id for each in RULES}) == len(RULES)
    assert b"payment_card" in content


def test_the_library_is_the_rules_without_their_examples_kept_or_not(tmp_path: Path) -> None:
    rules, digest = library(tmp_path)
    assert list(rules) == [plain(each) for each in RULES]
    (path,) = tmp_path.iterdir()
    for content in (path.read_bytes(), b"x" * 100):
        path.write_bytes(content)
        again = library(tmp_path)
        assert (list(again[0]), again[1]) == (list(rules), digest)
    assert library() == (rules, digest)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"pattern": "a+"}, "rule own: pattern refused: a repeat without a bound"),
        ({"validator": "lunh"}, "no validator is called lunh"),
        ({"validator": "stdnum.de.nothing"}, "rule own: python-stdnum has no module stdnum.de.nothing"),
        ({"before": "xy"}, "a boundary is one class"),
        ({"context": ("",)}, "a context word"),
        ({"until": "b*"}, "pattern refused"),
        ({"value": "asigned"}, "rule own: no value is called asigned; there are assigned"),
        ({"value": "assigned", "until": "b"}, "rule own: .* has no `value`"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(more: dict[str, object], why: str) -> None:
    with pytest.raises(RuleError, match=why):
        form(rule(**{"pattern": "a", **more}))  # type: ignore[arg-type]


def test_a_rule_takes_its_jurisdiction_from_its_pack_unless_it_names_one() -> None:
    rules = "rules: [{id: x, kind: y, severity: low, label: L, pattern: z%s}]}"
    head = "{pack: a, description: b%s, "
    german, austrian = ", jurisdiction: DE", ", jurisdiction: AT"
    for pack, own, place in (("", "", "INT"), (german, "", "DE"), (german, austrian, "AT")):
        assert read_pack((head % pack + rules % own).encode()).rules[0].jurisdiction == place
    with pytest.raises(RuleError, match="jurisdiction"):
        read_pack((head % ", jurisdiction: Germany" + rules % "").encode())


@pytest.mark.parametrize(
    ("context", "text", "near"),
    [
        ("phone", "\0my telephone is ", True),
        ("NIF", "\0el NIF es ", True),
        ("NIF", "\0customer_nif: ", True),
        ("NIF", "\0significant ", False),
        ("NIF", "\0nif2 ", False),
        ("NIF", "gnif ", False),
        ("phone", "phone ", False),
        ("EMŠO", "\0emšo ", True),
    ],
)
def test_words_and_abbreviations_before_a_match(context: str, text: str, near: bool) -> None:
    own = near_of(rule("a", context=(context,)))
    assert own is not None
    assert own(text) is near


def test_a_pack_with_an_unknown_key_is_refused_by_its_place() -> None:
    with pytest.raises(RuleError, match=r"unknown field `patern`.*rules\[0\]"):
        read_pack(b"{pack: a, description: b, rules: [{id: x, kind: y, severity: low, label: L, patern: z}]}")
    with pytest.raises(RuleError, match="cannot be read"):
        read_pack(b"[")
