from collections.abc import Sequence

from sluicegate.core.dialect import Place, Span
from sluicegate.dlp.findings import Action, Edit, redact
from sluicegate.dlp.seams import find_across
from tests.support.guardrails import CARD, inspection

BY = inspection({"card": Action.REDACT})


def across(texts: list[str], places: Sequence[Place] | None = None, key: str = "text") -> tuple[int, list[str]]:
    spans = [Span({key: text}, key, text, Place.USER) for text in texts]
    for span, place in zip(spans, places or (), strict=False):
        span.place = place
    counts: dict[int, int] = {}
    edits: dict[int, Sequence[Edit]] = {}
    find_across(BY, spans, counts, edits)
    return sum(counts.values()), [redact(span.text, edits.get(index, ())) for index, span in enumerate(spans)]


def test_a_card_in_two_parts_is_taken_out_of_both() -> None:
    assert across(["pay " + CARD[:10], CARD[10:] + " now"]) == (1, ["pay [CARD]", " now"])


def test_three_parts() -> None:
    assert across([CARD[:5], CARD[5:10], CARD[10:]]) == (1, ["[CARD]", "", ""])


def test_long_texts_are_joined_at_their_ends() -> None:
    text = "all is well. " * 100
    assert across([text + CARD[:10], CARD[10:] + ". " + text]) == (1, [text + "[CARD]", ". " + text])


def test_what_is_whole_in_one_part_is_not_counted_again() -> None:
    assert across([f"{CARD} ", "and so on"]) == (0, ["[CARD] ", "and so on"])


def test_other_places_and_other_fields_are_not_adjacent() -> None:
    halves = [CARD[:10], CARD[10:]]
    assert across(halves, [Place.USER, Place.ASSISTANT]) == (0, halves)
    assert across(halves, key="name") == (0, halves)


def test_other_members_between_two_texts_do_not_part_them() -> None:
    spans = [
        Span({key: text}, key, text, Place.USER) for key, text in (("text", CARD[:10]), ("x", "a"), ("text", CARD[10:]))
    ]
    counts: dict[int, int] = {}
    edits: dict[int, Sequence[Edit]] = {}
    find_across(BY, spans, counts, edits)
    assert sum(counts.values()) == 1
    assert [redact(span.text, edits.get(index, ())) for index, span in enumerate(spans)] == ["[CARD]", "a", ""]
