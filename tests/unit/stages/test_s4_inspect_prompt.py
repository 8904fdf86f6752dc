from base64 import b64encode
from typing import Any

import pytest

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.core.dialect import Bounds, File, Form, Json, Place, Reading, Span
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.dlp.detector import ScriptedDetector, Signal
from sluicegate.dlp.documents import Documents
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.policy import UnknownPolicy
from sluicegate.dlp.vault import SESSION_HEADER, Owner, Vault
from sluicegate.settings import Dlp, Server
from sluicegate.stages.s4_inspect_prompt import InspectPrompt
from tests.support.guardrails import AWS, CARD, EMAIL, SSN, policies, written
from tests.support.pdfs import pdf


class Messages:
    """A dialect whose request is `{messages: [{role, text | number | name}], files: […]}`."""

    def spans(self, document: Json, bounds: Bounds) -> Reading:
        out = []
        for message in document["messages"]:
            for key in message.keys() - {"role"}:
                form = Form.NUMBER if key == "number" else Form.TEXT
                out.append(Span(message, key, str(message[key]), Place(message["role"]), form))
        pdfs = [File("pdf", b64encode(data).decode(), Place.USER) for data in document["pdfs"]]
        return Reading(out, document.get("files", []), files=pdfs)


class UseCase:
    guardrail = "default"
    system_prompt = f"You serve {EMAIL} and {CARD}."


class Grant:
    use_case = UseCase()
    team = team_name = role = ""
    organisation, key_id = "o", "k"


def exchange(
    *messages: dict[str, Any],
    guardrail: str = "default",
    files: tuple[str, ...] = (),
    pdfs: tuple[bytes, ...] = (),
    session: str | None = None,
) -> Exchange:
    headers = {} if session is None else {SESSION_HEADER: session}
    made = Exchange("1", Messages(), Arrival("/", "", headers, b""))  # type: ignore[arg-type]  # all the stage asks of a dialect
    made.grant = Grant()  # type: ignore[assignment]  # all the stage asks of a grant
    made.grant.use_case.guardrail = guardrail  # type: ignore[misc]  # the fake is not frozen
    made.document = {"messages": list(messages), "files": list(files), "pdfs": pdfs}
    return made


async def admit(made: Exchange, by: Policies | None = None, vault: Vault | None = None) -> Decision:
    documents = Documents(Dlp())
    try:
        return await InspectPrompt(
            by or policies(), Server(), documents, Vault(10, 60) if vault is None else vault, 100
        ).admit(made)
    finally:
        await documents.close()


async def test_nothing_found() -> None:
    made = exchange({"role": "user", "text": "What is the weather?"})
    decision = await admit(made)
    assert (decision.verdict, decision.detail) == (
        Verdict.ALLOW,
        {"inspection": "ran", "detectors": ("patterns:ran", "injection:not_run")},
    )
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
        {"inspection": "not_run", "detectors": ("patterns:not_run", "injection:not_run")},
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


def texts(made: Exchange) -> list[str]:
    return [message["text"] for message in made.document["messages"]]


def user(*lines: str) -> list[dict[str, Any]]:
    """Turns of a conversation."""
    return [{"role": ("user", "assistant")[turn % 2], "text": line} for turn, line in enumerate(lines)]


TOKENISING = "policies: {default: {prompt: {card: tokenise, email: tokenise}, answer: {}}}"


async def test_values_are_tokenised_and_sealed() -> None:
    vault, by = Vault(10, 60), written(TOKENISING)
    made = exchange(*user(f"pay {CARD}, <CARD_1>", f"{EMAIL} and {CARD}"))
    decision = await admit(made, by, vault)
    assert (decision.verdict, decision.reason) == (Verdict.REDACT, Reason.PROMPT_TOKENISED)
    assert texts(made) == ["pay <CARD_2>, <CARD_1>", "<EMAIL_1> and <CARD_2>"]
    assert made.edited
    assert CARD.encode() not in made.sealed_values
    assert vault.open(Owner("o", "k", "1", False), made.sealed_values) == {"<CARD_2>": CARD, "<EMAIL_1>": EMAIL}
    assert len(vault) == 0


async def test_the_next_turn_has_the_same_placeholders_without_a_session() -> None:
    by = written(TOKENISING)
    turns = user(f"I am {EMAIL}", f"pay {CARD}", f"and {CARD[:-1]}, bob2@example.org", f"{CARD} again")
    for most in range(1, 5):
        made = exchange(*[dict(turn) for turn in turns[:most]])
        await admit(made, by)
        told = ["I am <EMAIL_1>", "pay <CARD_1>", f"and {CARD[:-1]}, <EMAIL_2>", "<CARD_1> again"]
        assert texts(made) == told[:most]


async def test_a_session_keeps_its_placeholders_for_its_key() -> None:
    vault, by = Vault(10, 60), written(TOKENISING)
    for line, told in ((f"pay {CARD}", "pay <CARD_1>"), ("4000000000000002", "<CARD_2>"), (CARD, "<CARD_1>")):
        made = exchange(*user(line), session="s")
        await admit(made, by, vault)
        assert texts(made) == [told]
    made = exchange(*user("no card"), session="s")
    await admit(made, by, vault)
    assert len(vault.open(Owner("o", "k", "s", True), made.sealed_values)) == 2
    other = exchange(*user("4000000000000002"), session="t")
    await admit(other, by, vault)
    assert texts(other) == ["<CARD_1>"]
    typed = exchange(*user("what is <CARD_1>?"), session="s")
    await admit(typed, by, vault)
    assert "<CARD_1>" not in vault.open(Owner("o", "k", "s", True), typed.sealed_values)


async def test_a_placeholder_that_was_typed_stands_for_nothing_in_later_turns_either() -> None:
    vault, by = Vault(10, 60), written(TOKENISING)
    for line in (f"pay {CARD}", "what is <CARD_1>?", "and again?"):
        made = exchange(*user(line), session="s")
        await admit(made, by, vault)
    assert not made.sealed_values
    assert vault.recall(Owner("o", "k", "s", True)) == {}


@pytest.mark.parametrize("prompt", ["{tone: alert}", "{card: alert}", "{}"])
async def test_every_detector_has_its_verdict_asked_or_not(prompt: str) -> None:
    judge = ScriptedDetector("judge", {"x": Signal(id="tone", kind="tone", severity="low", label="TONE")})
    other = ScriptedDetector("other", {"y": Signal(id="mood", kind="mood", severity="low", label="MOOD")})
    by = written(f"policies: {{default: {{prompt: {prompt}, answer: {{}}}}}}", judge, other)
    decision = await admit(exchange(*user("x")), by)
    asked, looked = "tone" in prompt, prompt != "{}"
    verdicts = ("patterns:ran" if looked else "patterns:not_run", f"judge:{'ran' if asked else 'not_run'}", "other:not_run")
    assert decision.detail["detectors"] == verdicts
    assert decision.detail["inspection"] == ("ran" if looked else "not_run")


async def test_what_is_to_stay_at_home_is_confined() -> None:
    made = exchange(*user(CARD))
    decision = await admit(made, written("policies: {default: {prompt: {card: reroute}, answer: {}}}"))
    assert (decision.verdict, decision.reason) == (Verdict.REROUTE, Reason.PROMPT_REROUTED)
    assert made.on_prem_only
    assert texts(made) == [CARD]
    assert not made.edited


ACTIONS = "{card: %s, ssn: redact, email: tokenise, credential: reroute}"


@pytest.mark.parametrize("card", ["block", "redact", "alert"])
async def test_shadow_finds_the_same_and_does_nothing(card: str) -> None:
    spec = ACTIONS % card
    both = written(
        f"policies: {{default: {{prompt: {spec}, answer: {{}}}}, s: {{mode: shadow, prompt: {spec}, answer: {{}}}}}}"
    )
    lines = (CARD, f"{SSN} {EMAIL}", AWS)
    enforced = await admit(exchange(*user(*lines)), both)
    shadow = exchange(*user(*lines), guardrail="s", files=("image",))
    told = await admit(shadow, both)

    def rules(decision: Decision) -> dict[str, object]:
        return {key: value for key, value in decision.detail.items() if key.startswith("rule:")}

    assert rules(told) == rules(enforced)
    words = {"block": "blocked", "redact": "redacted", "alert": "alerted", "tokenise": "tokenised", "reroute": "rerouted"}
    done = {f"{action}:{id}" for action, word in words.items() for id in enforced.detail.get(word, ())}  # type: ignore[union-attr]  # names
    assert set(told.detail["shadow"]) == done  # type: ignore[arg-type]  # names
    assert told.verdict is Verdict.FLAG
    assert texts(shadow) == list(lines)
    assert (shadow.edited, shadow.on_prem_only, shadow.sealed_values) == (False, False, b"")


async def test_a_policy_in_shadow_refuses_nothing_that_cannot_be_inspected() -> None:
    by = written("policies: {default: {mode: shadow, unscannable: block, prompt: {phone: block}, answer: {}}}")
    decision = await admit(exchange(*user(("phone " + "1 " * 28) * 8_000), files=("image",)), by)
    assert decision.verdict is Verdict.FLAG
    assert decision.detail["bound"] == "max_candidates"
    assert decision.detail["inspection"] == "not_run"
    assert decision.detail["shadow"] == ("block:unscannable",)


@pytest.mark.parametrize("shadow", [True, False])
async def test_a_detector_that_breaks_refuses_unless_in_shadow(shadow: bool) -> None:
    broken = ScriptedDetector("judge", {"x": Signal(id="tone", kind="tone", severity="low", label="TONE")}, fails=True)
    mode = "shadow" if shadow else "enforce"
    by = written(f"policies: {{default: {{mode: {mode}, prompt: {{tone: alert}}, answer: {{}}}}}}", broken)
    decision = await admit(exchange(*user("x")), by)
    assert decision.verdict is (Verdict.ALLOW if shadow else Verdict.DENY)
    assert decision.reason is (Reason.ALLOWED if shadow else Reason.CONTROL_FAILED)
    assert decision.detail["detectors"] == ("patterns:ran", "judge:not_run")


async def test_kinds_that_cannot_be_read_are_refused_by_name() -> None:
    by = written("policies: {default: {unscannable: {pdf: block}, prompt: {card: alert}, answer: {}}}")
    for kind, verdict in (("image", Verdict.FLAG), ("pdf", Verdict.DENY)):
        decision = await admit(exchange(*user("x"), files=(kind,)), by)
        assert decision.verdict is verdict
        assert decision.detail["detectors"] == ("patterns:unscannable",)


async def test_what_a_team_may_send_is_what_its_override_says() -> None:
    override = "overrides: [{teams: [finance], prompt: {card: alert}}]"
    by = written(f"policies: {{default: {{prompt: {{card: block}}, answer: {{}}, {override}}}}}")
    for team, verdict in (("finance", Verdict.FLAG), ("other", Verdict.DENY)):
        made = exchange(*user(CARD))
        made.grant.team_name = team  # type: ignore[misc]  # the fake is not frozen
        assert (await admit(made, by)).verdict is verdict
