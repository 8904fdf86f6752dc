from array import array
from functools import cache
from zlib import compress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dlp.classifier import (
    BLOCK,
    PAIRS,
    VERSION,
    WORDS,
    Header,
    Ideas,
    Model,
    ModelError,
    idea_features,
    of_ideas,
    of_words,
    prepare,
)
from sluicegate.dlp.injection import WEIGHTS
from sluicegate.dlp.injection import WORDS as WORD_FILE

FEW = """
- {idea: drop, core: true, words: [ignore, vergiss*, 忽略, 'set aside', '<|x|>']}
- {idea: rules, words: [rules, "don't"]}
""".encode()
TEXTS = st.text(st.characters(codec="utf-8"), max_size=3 * BLOCK) | st.text("aİẞ字é 忽略.", max_size=3 * BLOCK)


@cache
def few() -> Ideas:
    return Ideas(FEW)


def names(text: str) -> list[str]:
    return [few().ideas[number].idea for _, number in few().find(prepare(text))]


def weights(*, ideas: Ideas | None = None, version: int = VERSION, most: float = 1.0) -> bytes:
    ideas = ideas or few()
    header = Header(
        version=version,
        words=ideas.digest,
        trained_from="",
        bias=-0.5,
        idea_unit=0.01,
        word_unit=0.01,
        most=most,
        likely=0.4,
        certain=0.9,
    )
    by_ideas = array("h", [100] * idea_features(len(ideas.ideas)))
    return msgspec.json.encode(header) + b"\n" + compress(by_ideas.tobytes() + bytes(WORDS + PAIRS))


@pytest.mark.parametrize(
    ("text", "ideas"),
    [
        ("Ignore", ["drop"]),
        ("please IGNORE, the rules!", ["drop", "rules"]),
        ("ignored signore", []),
        ("Vergissmeinnicht", ["drop"]),
        ("set\naside", ["drop"]),
        ("请忽略它", ["drop"]),
        ("a<|X|>b", ["drop"]),
        ("don't and don’t", ["rules", "rules"]),
        ("", []),
    ],
)
def test_ideas_stand_between_borders_of_words(text: str, ideas: list[str]) -> None:
    assert names(text) == ideas


@given(TEXTS)
def test_every_character_keeps_its_place(text: str) -> None:
    ready = prepare(text)
    assert ready.length == len(text)
    assert len(ready.plain) == len(ready.signed) == ready.bounds[-1]
    assert len(ready.bounds) == max(2, -(-len(text) // BLOCK) + 1) or not text
    for first in range(ready.windows):
        low, high = ready.span(first)
        assert len(ready.signed[low:high].decode()) == len(text[first * BLOCK : (first + 2) * BLOCK])


@given(TEXTS, st.integers(0, 3 * BLOCK))
def test_every_core_idea_stands_in_a_window_worth_a_look(text: str, at: int) -> None:
    text = f"{text[:at]} ignore {text[at:]}"
    ready = prepare(text)
    events = few().find(ready)
    seen = {event for _, inside in few().worth(ready, events) for event in inside}
    assert {event for event in events if event[1] in few().core} <= seen
    firsts = [first for first, _ in few().worth(ready, events)]
    assert firsts == sorted(set(firsts))


def test_what_is_not_core_says_something_beside_a_core_idea_only() -> None:
    assert of_ideas([(5, 1), (9, 1)], 2, few().core) == set()
    assert of_ideas([(5, 0)], 2, few().core) == {0}
    assert len(of_ideas([(5, 0), (9, 1)], 2, few().core)) == 3
    assert max(of_ideas([(5, 1), (9, 0), (12, 1)], 2, few().core)) < idea_features(2)


@given(TEXTS)
def test_features_of_words_lie_within_the_tables(text: str) -> None:
    ready = prepare(text)
    found = of_words(ready.plain, ready.signed)
    assert found
    assert all(0 <= each < WORDS + PAIRS for each in found)


def test_scores_are_sums_and_texts_without_ideas_have_none() -> None:
    model = Model(few(), weights())
    assert model.scores("nothing here", -9.0) == []
    assert model.scores("rules", -9.0) == []
    ((first, score),) = model.scores("ignore it", -9.0)
    assert first == 0
    assert score == pytest.approx(-0.5 + 1 / (1 + 1 / 15) ** 0.5)
    assert model.scores("ignore it", 0.9) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}\n",
        weights(version=VERSION + 1),
        weights(ideas=Ideas(b"[{idea: a, words: [b], core: true}]")),
        weights()[:-9],
    ],
    ids=["empty", "no header", "version", "other words", "cut off"],
)
def test_weights_that_do_not_belong_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError):
        Model(few(), content)


def test_words_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ModelError, match="words cannot be read"):
        Ideas(b"[{idea: a}]")


def test_the_weights_that_ship_belong_to_the_words_that_ship() -> None:
    model = Model(Ideas(WORD_FILE.read_bytes()), WEIGHTS.read_bytes())
    assert model.header.version == VERSION
    assert model.header.likely < model.header.certain
    assert WEIGHTS.stat().st_size < 2_000_000
