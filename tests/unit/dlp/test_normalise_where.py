from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from sluicegate.dlp.candidates import Work
from sluicegate.dlp.normalise_where import CALM, ESCAPED, FORMS, INNER, QUOTED, chains, keep_in, placed, places, regions
from sluicegate.dlp.reading import Reading

PROSE = "It is said that all of this was as it had been, once upon a time; nothing more. "


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "Größere Prüfung.",
        "Проверка заявлений.",
        "使用Python编程。",
        "x = f(a) & b  # 10 % of 3",
    ],
)
def test_prose_is_calm_and_has_no_places(text: str) -> None:
    assert places(Reading(text)) == ()
    assert CALM.match(f"{text} ") is not None


ODD = ["%41", "&#52;", "\\u0034", "=34", "=\n", "4\u200b1", "\uff14", "1\u20132", "p\u0430ss"]
ODD += ["1 2 3 4 5 6 7 8 9", "4111.1111.1111", "QWxsIGlzIHdlbGwuIEFsbCBpcyB3ZWxsLg"]


@pytest.mark.parametrize("text", ODD)
def test_what_is_written_in_another_way_has_a_place(text: str) -> None:
    assert places(Reading(f"\0it is {text} \0"))
    assert CALM.match(f"it is {text} and ") is None


@pytest.mark.parametrize(
    ("text", "last"), [("the gate", "gate"), ("in 2023, ", "2023, "), ("то слово", "слово"), ("all. ", "")]
)
def test_what_is_open(text: str, last: str) -> None:
    calm = CALM.match(text)
    assert calm is not None
    assert calm["open"] == last


def test_regions_begin_between_words() -> None:
    text = PROSE * 40 + "%41 " + PROSE * 40
    found = places(Reading(text))
    assert found
    ((low, high, what),) = regions(text, found, (300, 100), Work(100))
    assert what == ESCAPED
    assert text[low - 2 : low].strip() and text[low - 1] == " "
    assert low < len(PROSE) * 40 - 160 and high > len(PROSE) * 40 + 330


def test_places_go_to_their_texts() -> None:
    texts = [("key", "abc"), ("", "%41")]
    assert placed(texts, [5, 10], [(13, ESCAPED, 0)]) == {1: [(3, ESCAPED, 0)]}
    assert placed(texts, [5, 10], None) == {0: None, 1: None}


def test_too_many_places_are_all_of_the_text() -> None:
    assert places(Reading("%41" * 3_000)) is None


def test_which_views_read_a_region() -> None:
    assert chains(ESCAPED) == chains(FORMS) == chains(FORMS | INNER) == (True, False)
    assert chains(QUOTED) == (False, True)
    assert chains(INNER) == (False, False)
    assert chains(ESCAPED | FORMS) == (True, True)  # the quoting view folds forms, and leaves escapes


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    keep_in(tmp_path)
    yield tmp_path
    keep_in(None)


def test_automata_are_kept_for_the_next_start_and_thread(folder: Path) -> None:
    found: list[object] = []
    for _ in range(2):
        thread = Thread(target=lambda: found.append(places(Reading("a%41 \u200bb"))))
        thread.start()
        thread.join()
    assert found[0] == found[1] == places(Reading("a%41 \u200bb"))
    assert len(list(folder.iterdir())) == 3
