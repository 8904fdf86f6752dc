"""A trial says what the path would do, and where each finding stands."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.app import inspecting
from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.dialect import Bounds, Json
from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dlp.detector import Detection, Passage, ScriptedDetector, Signal
from sluicegate.dlp.documents import Documents
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.policy import PolicySource
from sluicegate.settings import Dlp, Settings
from sluicegate.web.trial import Result, Subject, Trial, answer_of, prompt_of
from tests.support.automata import KEPT

POLICY = {
    "prompt": {"ticket": "redact", "badge": {"action": "block", "count": 2, "below": "alert"}, "loud": "alert"},
    "answer": {"ticket": "redact", "badge": "block"},
    "rules": [
        {"id": "ticket", "kind": "ticket", "severity": "low", "label": "TICKET", "pattern": "T-[0-9]{4}"},
        {"id": "badge", "kind": "badge", "severity": "high", "label": "BADGE", "pattern": "B-[0-9]{4}"},
        {"id": "loud", "kind": "loud", "severity": "low", "label": "LOUD", "pattern": "!-T-[0-9]{4}", "before": "none"},
    ],
}


class Tried:
    """A trial of one policy."""

    def __init__(self, trial: Trial, policies: Policies) -> None:
        self.trial = trial
        self.policies = policies

    async def __call__(self, said: str | Json, *, answer: bool = False) -> Result:
        policy = await self.policies.tried(POLICY)
        document = said if isinstance(said, dict) else (answer_of if answer else prompt_of)(said)
        attempt = self.trial.answer if answer else self.trial.prompt
        return await attempt(policy, OpenAIChat(), document, Subject())


@pytest_asyncio.fixture
async def tried(tmp_path: Path) -> AsyncIterator[Tried]:
    settings = Settings(data_dir=tmp_path)
    path = tmp_path / "p.yaml"
    path.write_text("policies: {default: {prompt: {}, answer: {}}}")
    documents = Documents(settings.dlp)

    def make(policies: PolicySource) -> Any:
        return inspecting(policies, settings, documents)

    yield Tried(Trial(make, documents, 5, Bounds(10, 100)), Policies(Dlp(policies=str(path)), KEPT))
    await documents.close()


def places(result: Result) -> list[tuple[str, int, int, str]]:
    return [(each.rule, each.start, each.end, each.action.value) for each in result.findings]


async def test_every_finding_has_its_place_whatever_is_done_about_it(tried: Tried) -> None:
    one = await tried("T-1234 B-1234")
    assert places(one) == [("ticket", 0, 6, "redact"), ("badge", 7, 13, "alert")]
    assert (one.decision.verdict, one.text) == (Verdict.REDACT, "[TICKET] B-1234")
    two = await tried("B-1234 B-5678")
    assert [each.action.value for each in two.findings] == ["block", "block"]
    assert (two.decision.verdict, two.text, two.document) == (Verdict.DENY, None, None)


async def test_findings_of_several_rules_may_overlap(tried: Tried) -> None:
    assert places(await tried("!-T-1234")) == [("loud", 0, 8, "alert"), ("ticket", 2, 8, "redact")]


async def test_an_answer(tried: Tried) -> None:
    one = await tried("T-1234", answer=True)
    assert (one.text, one.edited, one.decision.reason) == ("[TICKET]", True, Reason.ANSWER_REDACTED)
    two = await tried("B-1234", answer=True)
    assert (two.text, two.edited, two.decision.reason) == (None, False, Reason.ANSWER_BLOCKED)
    assert places(two) == [("badge", 0, 6, "block")]
    assert (await tried("nothing", answer=True)).decision.verdict is Verdict.ALLOW


async def test_more_findings_than_are_told(tried: Tried) -> None:
    many = await tried("T-1234 " * 9)
    assert (len(many.findings), many.complete) == (5, False)


async def test_a_value_cut_over_two_parts_stands_in_both(tried: Tried) -> None:
    parts = [{"type": "text", "text": "T-12"}, {"type": "text", "text": "34"}]
    found = await tried({"model": "m", "messages": [{"role": "user", "content": parts}]})
    assert [each.path for each in found.findings] == [f"messages[0].content[{index}].text" for index in (0, 1)]


async def test_what_is_tried_stays_as_it_was(tried: Tried) -> None:
    document = prompt_of("T-1234")
    assert (await tried(document)).edited
    assert document == prompt_of("T-1234")


@pytest.mark.parametrize(
    "document",
    [{}, {"model": "m"}, prompt_of("\ud800"), {**prompt_of("x"), "metadata": [[[[[[[[[[[]]]]]]]]]]]}],
)
async def test_what_the_path_refuses_is_refused(tried: Tried, document: Json) -> None:
    with pytest.raises(InvalidRequest):
        await tried(document)


@given(st.text(max_size=50))
def test_a_text_that_is_wrapped_is_read_again(text: str) -> None:
    for document in (prompt_of(text), answer_of(text)):
        assert Result(None, (), True, document, False, False).text == text  # type: ignore[arg-type]  # all that is read


async def test_places_are_those_of_the_text_as_it_was_written(tried: Tried) -> None:
    said = "say \N{FULLWIDTH LATIN CAPITAL LETTER T}-\N{FULLWIDTH DIGIT ONE}\u200b234."
    result = await tried(said)
    assert [said[each.start : each.end] for each in result.findings] == [said[4:-1]]
    assert result.text == "say [TICKET]."


async def test_what_a_detector_finds_has_its_place_too(tried: Tried, tmp_path: Path) -> None:
    signal = Signal(id="mood", kind="mood", severity="medium", label="MOOD")
    detectors = [ScriptedDetector("moods", {"grumpy": signal})]
    policies = Policies(Dlp(policies=str(tmp_path / "p.yaml")), KEPT, detectors=detectors)
    policy = await policies.tried({"prompt": {"mood": "block"}, "answer": {}})
    result = await tried.trial.prompt(policy, OpenAIChat(), prompt_of("a grumpy text"), Subject())
    assert places(result) == [("mood", 2, 8, "block")]
    assert result.decision.verdict is Verdict.DENY


class Counting(ScriptedDetector):
    """Counts how often it is asked; what it says is not remembered."""

    remembers = False
    asked = 0

    def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
        self.asked += 1
        return super().find(passages)


@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize("action", ["redact", "alert"])
@pytest.mark.parametrize("fails", [False, True])
async def test_detectors_are_asked_once(tried: Tried, tmp_path: Path, answer: bool, action: str, fails: bool) -> None:
    signal = Signal(id="mood", kind="mood", severity="medium", label="MOOD")
    detector = Counting("moods", {"grumpy": signal}, fails=fails, refuses=False)
    policies = Policies(Dlp(policies=str(tmp_path / "p.yaml")), KEPT, detectors=[detector])
    policy = await policies.tried({"prompt": {"mood": action}, "answer": {"mood": action}})
    attempt, made = (tried.trial.answer, answer_of) if answer else (tried.trial.prompt, prompt_of)
    result = await attempt(policy, OpenAIChat(), made("a grumpy text"), Subject())
    assert detector.asked == 1
    assert places(result) == ([] if fails else [("mood", 2, 8, action)])
    assert result.text == ("a [MOOD] text" if action == "redact" and not fails else "a grumpy text")
