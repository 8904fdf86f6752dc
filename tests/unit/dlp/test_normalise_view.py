from collections.abc import Sequence

from sluicegate.dlp.candidates import Work
from sluicegate.dlp.engine import EDGE, Hit
from sluicegate.dlp.normalise import folding
from sluicegate.dlp.normalise_view import View
from tests.support.guardrails import judge, rule

SCANNER = judge([rule("[0-9]{4}")]).scanner


def view() -> View:
    return View(folding(EDGE), SCANNER, EDGE, 0, 1)


def test_a_finding_has_its_place_in_the_original() -> None:
    each = view()
    assert each.feed("x \uff11\uff12\u200b34", Work(100), final=False, plain=0) == []
    assert not each.plain
    assert each.low == 2
    assert each.feed(" y", Work(100), final=False, plain=0) == [Hit(0, 2, 7)]


def test_what_is_as_it_stands_is_not_looked_at_again() -> None:
    each = view()
    assert each.feed("it is 1234 ", Work(0), final=False, plain=11) == []
    assert each.plain
    assert each.low == 11


def test_runs_and_spread_numbers() -> None:
    each = view()
    each.feed("run 31323334353637383940 1 2 3 4 5 6 7 8 9.\n", Work(100), final=True, plain=0)
    asked: list[tuple[str, str]] = []

    def inner(texts: Sequence[tuple[str, str]]) -> dict[int, list[Hit]]:
        asked.extend((lead[-4:], text) for lead, text in texts)
        return {index: [Hit(0, 0, len(text))] for index, (_, text) in enumerate(texts)}

    assert each.decode(inner, 8_192, Work(100), final=True) == [Hit(0, 4, 24)]
    assert each.join(inner, final=True) == [Hit(0, 25, 42)]
    assert asked == [("run ", "123456789@"), ("940 ", "123456789")]
    each.drop()
    assert len(each.text) < 100


def test_a_number_that_stands_alone_as_it_is_told_was_looked_at_already() -> None:
    asked: list[str] = []

    def inner(texts: Sequence[tuple[str, str]]) -> dict[int, list[Hit]]:
        asked.extend(text for _, text in texts)
        return {}

    for text in ("123-45-6789", "123 45 6789", "so 123-45-6789"):
        each = View(folding(), SCANNER, f"{EDGE}lead{EDGE}", 0, 6)
        each.feed(text, Work(100), final=True, plain=len(text), only=True)
        each.join(inner, final=True)
    assert asked == ["123-45-6789", "123-45-6789"]
