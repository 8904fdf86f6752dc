import pytest

from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.engine import EDGE, Scanner
from sluicegate.dlp.packs import form, shipped
from sluicegate.dlp.signs import DIGITS, RUN
from sluicegate.dlp.stretches import sign_of
from tests.support.guardrails import rule

RULES = [
    rule("tk-[a-z]{15,40}", id="token"),
    rule("id: [0-9a-f]{16};{2}", id="around"),
    rule("[0-9]{3}-[0-9]{2}-[0-9]{4}", id="number"),
    rule("[0-9]{9}[a-z]", id="lettered", after="none"),
]
SCANNER = Scanner(RULES)
PROSE = "It is said that all was as it had been, and in 1984 no more than that. "


def found(text: str) -> list[tuple[str, str]]:
    buffer = EDGE + text + EDGE
    hits = [hit for end, number in SCANNER.ends(buffer) for hit in SCANNER.confirm(buffer, 1, 1, end, [number])]
    return [(RULES[hit.rule].id, buffer[hit.start : hit.end]) for hit in hits]


VALUES = [
    ("token", "tk-" + "q" * 15),
    ("token", "tk-" + "q" * 40),
    ("around", "id: 0123456789abcdef;;"),
    ("number", "123-45-6789"),
    ("lettered", "123456789z"),
]


@pytest.mark.parametrize("times", [0, 1, 40, 400])
@pytest.mark.parametrize("dense", ["", "1234567 "])
@pytest.mark.parametrize("other", ["", "Größe 日本 😀 "])
def test_however_long_the_text_and_whatever_else_is_in_it(times: int, dense: str, other: str) -> None:
    filler = (PROSE + dense + other) * times
    text = filler + filler.join(f"{value} " for _, value in VALUES) + filler
    assert found(text) == VALUES


def test_at_the_edges_of_the_text() -> None:
    assert found("123-45-6789 " + PROSE * 20 + "123-45-6789") == [("number", "123-45-6789")] * 2
    assert found("tk-" + "q" * 15 + " " + PROSE * 20 + "tk-" + "q" * 15) == [("token", "tk-" + "q" * 15)] * 2


def test_the_neighbours_beside_a_stretch_count() -> None:
    assert found(PROSE * 20 + "x123-45-6789 " + PROSE * 20 + "123-45-67890") == []


def test_more_than_may_be_looked_at_is_too_many() -> None:
    with pytest.raises(TooManyReports):
        SCANNER.ends(EDGE + (PROSE * 9 + "123-45-6789 ") * 50, 20)


def test_which_sign_a_pattern_is_found_by() -> None:
    signs = [found[0] for each in RULES if (found := sign_of(form(each).node, form(each).after))]
    assert [sign is RUN for sign in signs] == [True, True, False]
    assert sign_of(form(rule("[0-9]{9}", after="none")).node, ()) is None
    assert sign_of(form(rule("[a-zé]{15}")).node, ()) is None
    assert sign_of(form(rule("[a-z]{15}[ -~]{400}")).node, ()) is None


def test_most_rules_that_ship_have_a_sign() -> None:
    rules = [each for pack in shipped()[0] for each in pack.rules if not each.context]
    signs = [found[0] for each in rules if (found := sign_of(form(each).node, form(each).after))]
    assert len(signs) > 0.6 * len(rules)
    assert sum(sign is DIGITS for sign in signs) > 50
