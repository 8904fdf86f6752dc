"""Detectors that are asked together: what they say, and what is on record of those who could not."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.dialect import Place
from sluicegate.dlp.detector import Detection, Detector, DetectorFailed, Passage, ScriptedDetector, Signal
from sluicegate.dlp.panel import ONLY_PATTERNS, Heard, Once, Opinion, Panel, Remembered, Unscannable, patterns

SIGNAL = Signal(id="word", kind="word", severity="low", label="WORD")


def passages(*texts: str, place: Place = Place.USER) -> list[Passage]:
    return [Passage(text, place) for text in texts]


class Waiting(ScriptedDetector):
    """Answers once it is told to, and counts what it was asked about."""

    def __init__(self, name: str, *words: str, error: DetectorFailed | None = None, **more: Any) -> None:
        super().__init__(name, dict.fromkeys(words, SIGNAL), **more)
        self.signals = (SIGNAL,)
        self.gate = asyncio.Event()
        self.error = error
        self.seen: list[str] = []
        self.asked = asyncio.Event()

    def find(self, passages: Sequence[Passage]) -> Awaitable[Sequence[Detection]]:  # type: ignore[override]
        return self._find(passages)

    async def _find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
        self.seen += [passage.text for passage in passages]
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return super().find(passages)


class Saying:
    """Says what it was given."""

    name = "saying"

    def __init__(self, said: Any) -> None:
        self.signals: Sequence[Signal] = (SIGNAL,)
        self.refuses = True
        self.said = said

    def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
        return self.said  # type: ignore[no-any-return]


def scripted(name: str = "a", *words: str, **more: Any) -> ScriptedDetector:
    return ScriptedDetector(name, dict.fromkeys(words or ("secret",), SIGNAL), **more)


async def test_nobody_to_ask() -> None:
    assert await Panel([], 10).ask(passages("a")) is ONLY_PATTERNS
    assert await Panel([], 10).ask([], patterns(Heard.NOT_RUN)) == Opinion((), ("patterns:not_run",))


async def test_everybody_is_heard_and_those_who_wait_wait_together() -> None:
    first, second = Waiting("b", "two"), Waiting("c", "three")
    panel = Panel([scripted("a", "one"), first, second], 10)
    asked = asyncio.ensure_future(panel.ask(passages("one two", "three")))
    await first.asked.wait()
    await second.asked.wait()
    second.gate.set()
    first.gate.set()
    opinion = await asked
    assert opinion.detections == (Detection(0, 0, 3, "word"), Detection(0, 4, 7, "word"), Detection(1, 0, 5, "word"))
    assert opinion.verdicts == ("patterns:ran", "a:ran", "b:ran", "c:ran")
    assert opinion.refused_by == ()


async def test_one_who_cannot_look_refuses_unless_told_otherwise() -> None:
    large = Waiting("d", error=Unscannable("d takes no more than 5 bytes"))
    gone = Waiting("e", error=DetectorFailed("e was not reached"), refuses=False)
    large.gate.set()
    gone.gate.set()
    panel = Panel([scripted("a", fails=True), scripted("b", fails=True, refuses=False), scripted("c"), large, gone], 10)
    opinion = await panel.ask(passages("my secret"))
    assert opinion.verdicts == ("patterns:ran", "a:not_run", "b:not_run", "c:ran", "d:unscannable", "e:not_run")
    assert opinion.refused_by == ("a", "d")
    assert opinion.detections == (Detection(0, 3, 9, "word"),)


async def test_what_is_broken_is_no_opinion() -> None:
    class Broken(Waiting):
        async def _find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
            raise KeyError("a bug")

    panel = Panel([Broken("a"), Waiting("b")], 10)
    with pytest.raises(ExceptionGroup):
        await panel.ask(passages("x"))


@pytest.mark.parametrize(
    "said",
    [
        None,
        "text",
        [None],
        [Detection(1, 0, 1, "word")],
        [Detection(-1, 0, 1, "word")],
        [Detection(0, 1, 1, "word")],
        [Detection(0, -1, 1, "word")],
        [Detection(0, 0, 5, "word")],
        [Detection(0, 0, 1, "other")],
        [Detection(0, 0.0, 1, "word")],  # type: ignore[arg-type]
        [Detection(True, 0, 1, "word")],
        [Detection(0, 0, 1, "word")] * 10_001,
    ],
)
async def test_nonsense_counts_as_not_looked(said: Any) -> None:
    opinion = await Panel([Saying(said)], 10).ask(passages("four"))
    assert (opinion.detections, opinion.verdicts, opinion.refused_by) == (
        (),
        ("patterns:ran", "saying:not_run"),
        ("saying",),
    )


async def test_a_conversation_sent_again_is_asked_about_only_where_it_is_new() -> None:
    detector = Waiting("a", "two")
    detector.gate.set()
    panel = Panel([detector], 10)
    first = await panel.ask(passages("one two"))
    again = await panel.ask(passages("new", "one two"))
    assert detector.seen == ["one two", "new"]
    assert first.detections == (Detection(0, 4, 7, "word"),)
    assert again.detections == (Detection(1, 4, 7, "word"),)
    await panel.ask(passages("new", place=Place.SYSTEM))
    assert detector.seen == ["one two", "new", "new"]


async def test_one_that_failed_or_does_not_remember_is_asked_again() -> None:
    failing, forgetful = Waiting("a", error=DetectorFailed("a")), Waiting("b")
    forgetful.remembers = False  # type: ignore[attr-defined]
    failing.gate.set()
    forgetful.gate.set()
    panel = Panel([failing, forgetful], 10)
    for _ in range(2):
        await panel.ask(passages("x"))
    assert failing.seen == forgetful.seen == ["x", "x"]


@given(texts=st.lists(st.lists(st.text("ab", min_size=1, max_size=3), max_size=4), max_size=6), bound=st.integers(1, 4))
async def test_remembering_never_changes_what_is_said(texts: list[list[str]], bound: int) -> None:
    panel = Panel([scripted("a", "a", "bb")], bound)
    for each in texts:
        fresh = await Panel([scripted("a", "a", "bb")], 100).ask(passages(*each))
        opinion = await panel.ask(passages(*each))
        assert (sorted(map(str, opinion.detections)), opinion.verdicts) == (
            sorted(map(str, fresh.detections)),
            fresh.verdicts,
        )
        assert len(panel._remembered) <= bound


def test_what_was_asked_for_last_is_remembered_longest() -> None:
    known = Remembered(2)
    known.put(0, b"a", ())
    known.put(0, b"b", ())
    assert known.get(0, b"a") == ()
    known.put(0, b"c", ())
    assert (known.get(0, b"a"), known.get(0, b"b"), known.get(0, b"c"), known.get(1, b"a")) == ((), None, (), None)


def test_names_are_told_apart() -> None:
    twins: list[list[Detector]] = [[scripted("a"), scripted("a")], [scripted("patterns")]]
    for detectors in twins:
        with pytest.raises(ValueError):
            Panel(detectors, 10)


async def test_once_asks_about_what_is_new_and_keeps_who_could_not_look() -> None:
    failing = scripted("a", fails=True)
    quick, slow = scripted("b"), Waiting("c", "secret")
    slow.gate.set()
    once = Once(Panel([failing, quick, slow], 10))
    assert (await once.ask([])).verdicts == ("patterns:ran", "a:ran", "b:ran", "c:ran")
    first = await once.ask(passages("no", "a secret", "a secret"))
    failing.fails = False
    again = await once.ask(passages("a secret", "no"), patterns(Heard.NOT_RUN))
    more = await once.ask(passages("no", "one secret"))
    assert slow.seen == ["no", "a secret", "one secret"]
    assert first.verdicts == more.verdicts == ("patterns:ran", "a:not_run", "b:ran", "c:ran")
    assert again.verdicts == ("patterns:not_run", *first.verdicts[1:])
    assert first.refused_by == again.refused_by == more.refused_by == ("a",)
    assert {(each.passage, each.start, each.end) for each in first.detections} == {(1, 2, 8), (2, 2, 8)}
    assert {(each.passage, each.start) for each in again.detections} == {(0, 2)}
    assert (more.detections[0].passage, more.detections[0].start) == (1, 4)
