from pathlib import Path

import pytest

from sluicegate.dlp.engine import EDGE, Scanner
from sluicegate.dlp.packs import RuleError
from sluicegate.dlp.plan import Draft, Plan, automata_of, recall
from tests.support.guardrails import rule

RULES = [
    rule("[0-9]{4}", id="pin", context=("pin",)),
    rule("k-[a-f]{3,8}", id="key"),
    rule("the key is [a-z]{4,8}", id="words"),
    rule("BEGIN", id="region", until="END", reach=100),
    rule("clé [a-z]{3}", id="broad", validator="varied"),
]
TEXT = "pin 1234, k-abcdef; the key is open BEGIN x END"


def found(scanner: Scanner) -> list[tuple[int, int, int, bool]]:
    buffer = f"{EDGE}{TEXT}{EDGE}"
    hits = [hit for end, number in scanner.ends(buffer) for hit in scanner.confirm(buffer, 1, 1, end, [number])]
    return [(hit.rule, hit.start, hit.end, hit.closing) for hit in hits]


def plan_file(folder: Path) -> Path:
    (path,) = folder.glob("*.plan")
    return path


def recalled(folder: Path) -> Plan | None:
    known = recall(RULES, folder)
    return known and known[0]


def test_a_draft_names_every_automaton_and_has_its_expressions() -> None:
    draft = Draft(RULES)
    assert sorted(automata_of(draft.plan)) == sorted(draft.expressions)
    assert sorted(draft.plan.facts) == [0, 2, 4, 6, 7, 8]
    assert [draft.plan.facts[number].wide for number in (0, 8)] == [False, True]
    assert automata_of(Draft([]).plan) == []


def test_what_was_kept_is_the_same_scanner(tmp_path: Path) -> None:
    first = Scanner(RULES, tmp_path)
    assert recalled(tmp_path) == Draft(RULES).plan
    second = Scanner(RULES, tmp_path)
    assert found(first) == found(second) == found(Scanner(RULES))
    assert found(first)
    assert (first.width, first.wordy, first.size) == (second.width, second.wordy, second.size)


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_a_plan_that_does_not_hold_is_made_anew(tmp_path: Path, content: bytes) -> None:
    Scanner(RULES, tmp_path)
    plan_file(tmp_path).write_bytes(content)
    assert recalled(tmp_path) is None
    assert found(Scanner(RULES, tmp_path)) == found(Scanner(RULES))
    assert recalled(tmp_path) is not None


def test_a_plan_counts_only_with_all_of_its_automata(tmp_path: Path) -> None:
    Scanner(RULES, tmp_path)
    next(tmp_path.glob("*.automaton")).unlink()
    assert recalled(tmp_path) is None
    Scanner(RULES, tmp_path)
    assert recalled(tmp_path) is not None


def test_automata_that_go_later_are_worked_out_again(tmp_path: Path) -> None:
    Scanner(RULES, tmp_path)
    scanner = Scanner(RULES, tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    assert found(scanner) == found(Scanner(RULES))


def test_a_plan_belongs_to_its_rules_alone(tmp_path: Path) -> None:
    Scanner(RULES, tmp_path)
    assert recall(RULES[1:], tmp_path) is None
    assert recall([*RULES[:-1], rule("clé [a-z]{3}", id="broad")], tmp_path) is None


def test_what_is_kept_is_bounded_too(tmp_path: Path) -> None:
    Scanner(RULES, tmp_path)
    with pytest.raises(RuleError, match="more than 1000 bytes"):
        Scanner(RULES, tmp_path, max_bytes=1_000)


def test_a_rule_that_cannot_be_used_is_named() -> None:
    with pytest.raises(RuleError, match="rule own: "):
        Draft([rule("a", validator="lunh")])
