import pytest

from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.engine import EDGE, Scanner
from sluicegate.dlp.packs import CONTEXT_REACH
from tests.support.guardrails import rule

RULES = [
    rule("[0-9]{4}", id="pin", context=("pin", "código", "ПИН-код")),
    rule("[a-z]{6}", id="word", context=("PW", "pass")),
    *(rule(f"[0-9]{{{number + 5}}}", id=f"n{number}", context=("NIF",)) for number in range(30)),
]
SCANNER = Scanner(RULES)


def found(text: str) -> set[str]:
    buffer = EDGE + text + EDGE
    ends = SCANNER.ends(buffer)
    return {RULES[hit.rule].id for end, number in ends for hit in SCANNER.confirm(buffer, 1, 1, end, [number])}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("pin 1234", {"pin"}),
        ("PIN1234", set()),
        ("pin:1234", {"pin"}),
        ("CÓDIGO 1234", {"pin"}),
        ("пин-код: 1234", {"pin"}),
        ("pin" + "日" * (CONTEXT_REACH - 5) + " 1234", {"pin"}),
        ("pin" + "x" * CONTEXT_REACH + " 1234", set()),
        ("PW secret", {"word"}),
        ("pass secret", {"word"}),
        ("passsecret", set()),
        ("pw2 secret", set()),
        ("NIF 123456789", {"n4"}),
        ("nif(12345)", {"n0"}),
        ("pin NIF 1234 12345", {"pin", "n0"}),
        ("pin nothing here, pass", set()),
        ("pin " * 40 + "é 1234", {"pin"}),
    ],
)
def test_a_rule_counts_near_its_words_alone(text: str, ids: set[str]) -> None:
    assert found(text) == ids
    assert found("é日 " + text + " é") == ids


def test_a_word_may_touch_its_value_where_the_boundary_allows() -> None:
    scanner = Scanner([rule("[0-9]{4}", before="digit", context=("pin",))])
    buffer = f"{EDGE}pin1234{EDGE}"
    assert [hit for end, number in scanner.ends(buffer) for hit in scanner.confirm(buffer, 1, 1, end, [number])]


def test_each_group_reads_the_stretches_near_its_words_alone() -> None:
    assert found("pin 1234 " + "x " * 200 + "1234 NIF 12345 " + "x " * 200 + "pin 4321") == {"pin", "n0"}


def test_more_than_may_be_looked_at_is_too_many() -> None:
    with pytest.raises(TooManyReports):
        SCANNER.ends(EDGE + "pin 1234 " * 50, 20)
