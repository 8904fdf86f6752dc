from typing import Any

import pytest

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.core.dialect import Bounds, File, Form, Json, Place, Reading, Span
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.dlp.documents import Documents
from sluicegate.dlp.policy import UnknownPolicy
from sluicegate.dlp.vault import Vault
from sluicegate.settings import Dlp, Server
from sluicegate.stages.s4_inspect_prompt import InspectPrompt
from tests.support.guardrails import AWS, CARD, EMAIL, SSN, policies
from tests.support.pdfs import pdf


class Messages:
    """A dialect whose request is `{messages: [{role, text | number | name}], files: […]}`."""

    def spans(self, document: Json, bounds: Bounds) -> Reading:
        out = []
        for message in document["messages"]:
            for key in message.keys() - {"role"}:
                form = Form.NUMBER if key == "number" else Form.TEXT
                out.append(Span(message, key, str(message[key]), Place(message["role"]), form))
        return Reading(out, document.get("files", []), files=[File("pdf", data, Place.USER) for data in document["pdfs"]])


class UseCase:
    guardrail = "default"
    system_prompt = f"You serve {EMAIL} and {CARD}."


class Grant:
    use_case = UseCase()
    organisation = team = team_name = role = ""


def exchange(
    *messages: dict[str, Any], guardrail: str = "default", files: tuple[str, ...] = (), pdfs: tuple[bytes, ...] = ()
) -> Exchange:
    made = Exchange("1", Messages(), Arrival("/", "", {}, b""))  # type: ignore[arg-type]  # all the stage asks of a dialect
    made.grant = Grant()  # type: ignore[assignment]  # all the stage asks of a grant
    made.grant.use_case.guardrail = guardrail  # type: ignore[misc]  # the fake is not frozen
    made.document = {"messages": list(messages), "files": list(files), "pdfs": pdfs}
    return made


async def admit(made: Exchange) -> Decision:
    documents = Documents(Dlp())
    try:
        return await InspectPrompt(policies(), Server(), documents, Vault(10, 60), 100).admit(made)
    finally:
        await documents.close()


async def test_nothing_found() -> None:
    made = exchange({"role": "user", "text": "What is the weather?"})
    decision = await admit(made)
    assert (decision.verdict, decision.detail) == (Verdict.ALLOW, {"inspection": "ran", "detectors": ("patterns:ran",)})
    assert not made.edited
    assert made.policy_version == policies().version


async def test_a_credential_is_refused_and_the_document_stays_as_it_was() -> None:
    made = exchange({"role": "user", "text": f"{CARD} {AWS}"})
    decision = await admit(made)
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.PROMPT_BLOCKED)
    assert decision.detail["blocked"] == ("aws_access_key_id",)
    assert decision.detail["rule:aws_access_key_id"] == 1
    assert CARD not in repr(decision)
    assert CARD in made.document["messages"][0]["text"]
    assert not made.edited


async def test_cards_are_redacted_in_text_and_numbers() -> None:
    made = exchange({"role": "user", "text": f"pay {CARD}"}, {"role": "tool_result", "number": 4111111111111111})
    decision = await admit(made)
    assert (decision.verdict, decision.reason) == (Verdict.REDACT, Reason.PROMPT_REDACTED)
    assert made.edited
    assert [message.get("text", message.get("number")) for message in made.document["messages"]] == ["pay [CARD]", "[CARD]"]


async def test_a_card_cut_over_two_parts_is_redacted_in_both() -> None:
    made = exchange({"role": "user", "text": CARD[:10]}, {"role": "user", "text": CARD[10:]})
    decision = await admit(made)
    assert decision.detail["rule:payment_card"] == 1
    assert [message["text"] for message in made.document["messages"]] == ["[CARD]", "[REDACTED]"]


async def test_an_alert_changes_nothing() -> None:
    made = exchange({"role": "user", "text": f"write to {EMAIL}"})
    decision = await admit(made)
    assert (decision.verdict, decision.reason) == (Verdict.FLAG, Reason.PROMPT_ALERTED)
    assert not made.edited


async def test_the_prompt_the_gateway_injected_is_its_own() -> None:
    made = exchange({"role": "system", "text": UseCase.system_prompt}, {"role": "user", "text": UseCase.system_prompt})
    decision = await admit(made)
    assert decision.detail["rule:payment_card"] == 1
    assert made.document["messages"][0]["text"] == UseCase.system_prompt
    assert "[CARD]" in made.document["messages"][1]["text"]


@pytest.mark.parametrize(
    ("guardrail", "text", "verdict", "reason"),
    [
        ("default", "hello", Verdict.FLAG, Reason.PROMPT_UNSCANNABLE),
        ("default", SSN, Verdict.REDACT, Reason.PROMPT_REDACTED),
        ("default", AWS, Verdict.DENY, Reason.PROMPT_BLOCKED),
        ("strict", "hello", Verdict.DENY, Reason.PROMPT_UNSCANNABLE),
        ("off", AWS, Verdict.FLAG, Reason.PROMPT_UNSCANNABLE),
    ],
)
async def test_what_cannot_be_read(guardrail: str, text: str, verdict: Verdict, reason: Reason) -> None:
    decision = await admit(exchange({"role": "user", "text": text}, guardrail=guardrail, files=("image", "audio", "image")))
    assert (decision.verdict, decision.reason) == (verdict, reason)
    if reason is Reason.PROMPT_UNSCANNABLE:
        assert decision.detail["unscannable"] == ("audio", "image")
        assert decision.detail["unscannable_parts"] == 3


async def test_a_policy_with_nothing_for_prompts_says_that_it_did_not_run() -> None:
    decision = await admit(exchange({"role": "user", "text": AWS}, guardrail="off"))
    assert (decision.verdict, decision.detail) == (
        Verdict.ALLOW,
        {"inspection": "not_run", "detectors": ("patterns:not_run",)},
    )


async def test_a_policy_that_is_not_there_refuses() -> None:
    with pytest.raises(UnknownPolicy):
        await admit(exchange({"role": "user", "text": "hi"}, guardrail="gone"))


async def test_a_prompt_that_holds_too_many_candidates_is_refused() -> None:
    decision = await admit(exchange({"role": "user", "text": ("phone " + "1 " * 28) * 8_000}))
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.PROMPT_UNSCANNABLE)
    assert decision.detail["bound"] == "max_candidates"


async def test_what_would_be_redacted_in_a_file_refuses_the_prompt() -> None:
    made = exchange({"role": "user", "text": CARD}, pdfs=(pdf(f"pay {CARD}"),))
    decision = await admit(made)
    assert (decision.verdict, decision.reason, decision.detail["in"]) == (Verdict.DENY, Reason.PROMPT_BLOCKED, ("pdf",))
    assert decision.detail["rule:payment_card"] == 2
    assert not made.edited


async def test_an_alert_in_a_file_stays_an_alert_and_a_file_that_is_not_read_is_unscannable() -> None:
    decision = await admit(exchange(pdfs=(pdf(f"write to {EMAIL}"), b"%PDF-broken")))
    assert (decision.verdict, decision.reason) == (Verdict.FLAG, Reason.PROMPT_ALERTED)
    assert (decision.detail["unscannable"], decision.detail["alerted"]) == (("pdf",), ("email_address",))
    decision = await admit(exchange(pdfs=(b"%PDF-broken",), guardrail="strict"))
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.PROMPT_UNSCANNABLE)
