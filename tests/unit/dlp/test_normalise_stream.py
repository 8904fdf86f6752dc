from sluicegate.dlp.candidates import Work
from sluicegate.dlp.engine import Hit
from sluicegate.dlp.normalise_stream import Views
from tests.support.guardrails import judge, rule

SCANNER = judge([rule("[0-9]{4}")]).scanner


def views() -> Views:
    return Views(SCANNER, lambda texts: {}, 8_192, Work(1_000))


def test_prose_needs_no_views() -> None:
    each, at = views(), 0
    for word in [
        "it",
        "is",
        "said",
        "that",
        "all",
        "of",
        "this,",
        "as",
        "Проверка",
        "and",
        "größer",
        "go,",
        "was",
        "so",
        "",
    ]:
        at += len(word) + 1
        assert each.feed(f"{word} ", at, final=False) == []
        assert each._views == []
        assert each.low == at
    assert len(each._tail) < 300


def test_views_wake_and_sleep_again() -> None:
    each = views()
    assert each.feed("it is %31%32", 12, final=False) == []
    assert each._views
    assert each.low == 6
    assert each.feed("%33%34 ", 19, final=False) == [Hit(0, 6, 18)]
    for number in range(10):
        each.feed("and so it goes on ", 19 + 18 * (number + 1), final=False)
    assert each._views == []
    assert each.low == 19 + 180


def test_the_end_decides() -> None:
    each = views()
    each.feed("it is %31%32%33%34", 18, final=False)
    assert each.feed("", 18, final=True) == [Hit(0, 6, 18)]
    assert each.low == 18
