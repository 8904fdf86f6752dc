from typing import Any

from sluicegate.core.decision import Verdict
from sluicegate.core.dialect import Form, Place, Span
from sluicegate.dlp.detector import ScriptedDetector, Signal
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.prompt import Judgement, edit, judge
from sluicegate.dlp.vault import Placeholders
from tests.support.guardrails import CARD, SSN, written

NAME = Signal(id="person", kind="person", severity="low", label="PERSON")


def by(prompt: str, **words: Signal) -> Inspection:
    detectors = [ScriptedDetector("names", words)] if words else []
    inspection = written(f"policies: {{a: {{prompt: {prompt}, answer: {{}}}}}}", *detectors).policy("a").prompt
    assert inspection is not None
    return inspection


def spans(document: dict[str, Any]) -> list[Span]:
    numbers = [
        Span(document, key, str(value), Place.USER, Form.NUMBER) for key, value in document.items() if type(value) is int
    ]
    return [Span(document, key, value, Place.USER) for key, value in document.items() if type(value) is str] + numbers


async def judged(inspection: Inspection, document: dict[str, Any]) -> tuple[Judgement, Placeholders]:
    placeholders = Placeholders(2)
    found = spans(document)
    judgement = await judge(inspection, found)
    edit(found, judgement.edits, placeholders)
    return judgement, placeholders


async def test_each_value_gets_its_placeholder() -> None:
    document = {"a": f"{CARD}, {SSN} and {CARD}", "b": 4111111111111111, "c": f"late {CARD}"}
    judgement, placeholders = await judged(by("{card: tokenise, ssn: redact}"), document)
    assert document == {"a": "<CARD_1>, [SSN] and <CARD_1>", "b": "<CARD_2>", "c": "late <CARD_1>"}
    assert placeholders.values == {"<CARD_1>": CARD, "<CARD_2>": "4111111111111111"}
    assert judgement.decision.detail["tokenised"] == ("payment_card",)


async def test_beyond_the_bound_values_are_redacted() -> None:
    document = {"a": "Ann Bob Cid Ann"}
    await judged(by("{person: tokenise}", Ann=NAME, Bob=NAME, Cid=NAME), document)
    assert document == {"a": "<PERSON_1> <PERSON_2> [PERSON] <PERSON_1>"}


async def test_a_value_cut_over_two_texts_is_one() -> None:
    document = {"text": CARD[:10]}
    other = {"text": CARD[10:]}
    found = [Span(document, "text", CARD[:10], Place.USER), Span(other, "text", CARD[10:], Place.USER)]
    judgement = await judge(by("{card: tokenise}"), found)
    placeholders = Placeholders(10)
    assert edit(found, judgement.edits, placeholders)
    assert (document["text"], other["text"]) == ("<CARD_1>", "[REDACTED]")
    assert placeholders.values == {"<CARD_1>": CARD}


async def test_counts_are_of_the_whole_prompt() -> None:
    inspection = by("{card: {action: redact, count: 3, below: tokenise}}")
    few = {"a": CARD, "b": CARD}
    assert (await judged(inspection, few))[0].decision.detail["tokenised"] == ("payment_card",)
    assert few == {"a": "<CARD_1>", "b": "<CARD_1>"}
    many = {"a": CARD, "b": f"{CARD} {CARD}"}
    await judged(inspection, many)
    assert many == {"a": "[CARD]", "b": "[CARD] [CARD]"}


async def test_detectors_and_patterns_are_edited_together() -> None:
    inspection = by("{card: redact, person: redact}", **{"pay 4111": NAME})
    document = {"a": f"pay {CARD}"}
    judgement, _ = await judged(inspection, document)
    assert document == {"a": "[PERSON]"}
    assert judgement.decision.detail["detectors"] == ("patterns:ran", "names:ran")
    assert judgement.decision.detail["rule:person"] == 1


async def test_a_signal_that_is_not_named_is_not_counted() -> None:
    other = Signal(id="place", kind="place", severity="low", label="PLACE")
    judgement, _ = await judged(by("{person: alert}", Ann=NAME, Rome=other), {"a": "Ann in Rome"})
    assert set(judgement.decision.detail) == {"inspection", "detectors", "rule:person", "alerted"}


async def test_a_broken_detector_is_told_and_counts_as_failed_where_policy_wants_its_word() -> None:
    for prompt, failed in (("{person: alert}", True), ("{person: {action: block, mode: shadow}}", False)):
        detector = ScriptedDetector("names", {"Ann": NAME}, fails=True)
        inspection = written(f"policies: {{a: {{prompt: {prompt}, answer: {{}}}}}}", detector).policy("a").prompt
        assert inspection is not None
        judgement = await judge(inspection, spans({"a": "Ann"}))
        assert judgement.failed is failed
        assert judgement.decision.verdict is Verdict.ALLOW
        assert judgement.decision.detail["detectors"] == ("patterns:ran", "names:not_run")


async def test_a_text_that_is_json_stays_json() -> None:
    document = {"a": '{"card": 4111111111111111, "also": ["4111111111111111"]}'}
    _, placeholders = await judged(by("{card: tokenise}"), document)
    assert document == {"a": '{"card": "<CARD_1>", "also": ["<CARD_1>"]}'}
    assert placeholders.values == {"<CARD_1>": "4111111111111111"}
