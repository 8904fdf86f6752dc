import json
from typing import Any, cast

import pytest
from msgspec import structs

from sluicegate.audit import entry
from sluicegate.audit.entry import Entry, act, canonical, intent, outcome, plain, refusal
from sluicegate.core.decision import ALLOWED, Decision, Reason, Verdict, deny
from sluicegate.core.dialect import Ask, Dialect, DialectName
from sluicegate.core.event import Event
from sluicegate.core.exchange import Arrival, Attempt, Exchange, Outcome, Reservation
from sluicegate.core.usage import Usage
from tests.support.exchanges import Named, grant, target

CANARY = "the patient is called Erika"


def exchange() -> Exchange:
    arrival = Arrival("/v1/chat/completions", "192.0.2.1", {"user-agent": "curl/8\n"}, CANARY.encode())
    made = Exchange("e" * 32, cast(Dialect, Named(DialectName.OPENAI_CHAT)), arrival)
    made.policy_version = "default@1"
    return made


def admitted() -> Exchange:
    made = exchange()
    made.grant = grant()
    made.document = {"messages": [{"role": "user", "content": CANARY}]}
    made.ask = Ask("gpt-4o", False, None)
    made.reservation = Reservation(100, 2_000, 50)
    made.decisions += [
        ("s1_authenticate", ALLOWED),
        ("s4_inspect_prompt", Decision(Verdict.FLAG, Reason.PROMPT_ALERTED, {"email": 2})),
    ]
    return made


def found_cards(count: int) -> Decision:
    return Decision(Verdict.FLAG, Reason.PROMPT_ALERTED, {"card": count})


def said(made: Entry) -> dict[str, Any]:
    body = canonical(made)
    document = json.loads(body)
    assert body == json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert CANARY.encode() not in body
    return cast(dict[str, Any], document)


def test_an_intent_says_who_what_and_what_was_reserved() -> None:
    document = said(intent(admitted()))
    assert document["kind"] == "intent"
    assert (document["v"], document["exchange"], document["model"]) == (1, "e" * 32, "gpt-4o")
    assert (document["reserved_tokens"], document["reserved_nano_usd"]) == (100, 2_000)
    assert (document["principal"], document["client"], document["peer"]) == ("user:test", "curl/8\\n", "192.0.2.1")
    assert len(document["prompt_sha256"]) == 64
    assert document["decisions"] == [
        {"reason": "allowed", "stage": "s1_authenticate", "verdict": "allow"},
        {"detail": {"email": 2}, "reason": "prompt_alerted", "stage": "s4_inspect_prompt", "verdict": "flag"},
    ]


def test_an_outcome_says_how_it_ended_and_what_it_cost() -> None:
    made = admitted()
    made.target = target("azure-eu")
    made.called = made.started
    made.usage = Usage(input=10, output=5, cached=3)
    made.note_released([Event(CANARY.encode(), CANARY.encode())])
    made.attempts += [Attempt("down", "upstream_timeout"), Attempt("azure-eu", "answered")]
    made.cost, made.outcome, made.reason = 77, Outcome.ANSWERED, Reason.ALLOWED
    document = said(outcome(made, decided=1))
    assert (document["kind"], document["outcome"], document["reason"]) == ("outcome", "answered", "allowed")
    assert (document["deployment"], document["place"], document["nano_usd"]) == ("azure-eu", "cloud", 77)
    assert document["tokens"] == {"cached": 3, "input": 10, "output": 5}
    assert document["attempts"] == [
        {"deployment": "down", "result": "upstream_timeout"},
        {"deployment": "azure-eu", "result": "answered"},
    ]
    assert [decision["stage"] for decision in document["decisions"]] == ["s4_inspect_prompt"]
    assert document["latency_us"] > 0


def test_a_refusal_says_why_even_where_nobody_was_recognised() -> None:
    made = exchange()
    made.decisions.append(("s1_authenticate", deny(Reason.NO_CREDENTIAL)))
    made.outcome, made.reason = Outcome.REFUSED, Reason.NO_CREDENTIAL
    document = said(refusal(made))
    assert (document["kind"], document["reason"]) == ("refusal", "no_credential")
    assert not {"organisation", "key", "model", "tokens"} & set(document)


def test_an_act_says_who_did_what_to_what() -> None:
    document = said(act("user:root", "key.create", "key:1", None))
    assert document == {"action": "key.create", "actor": "user:root", "at_ns": 0, "kind": "act", "subject": "key:1", "v": 1}


def test_what_a_key_implies_follows_its_grant() -> None:
    for version in (1, 2, 1):
        made = exchange()
        made.grant = structs.replace(grant(), use_case=structs.replace(grant().use_case, version=version))
        assert said(intent(made))["use_case_version"] == version
    made = exchange()
    made.grant = grant(key="other")
    assert said(intent(made))["key"] == "other"


def test_decisions_are_those_of_the_exchange_whatever_the_one_before_it_had() -> None:
    granted, counts = grant(), [2, 2, 3]
    documents = []
    for count in counts:
        made = exchange()
        made.grant = granted
        made.decisions += [("s1_authenticate", ALLOWED), ("s4_inspect_prompt", found_cards(count))]
        entry_of_it = intent(made)
        made.decisions += [("s8_record", ALLOWED), ("s7_inspect_response", found_cards(count))]
        documents.append((said(entry_of_it), said(outcome(made, decided=2)), said(refusal(made))))
    for count, (first, last, whole) in zip(counts, documents, strict=True):
        assert [judged.get("detail") for judged in first["decisions"]] == [None, {"card": count}]
        assert [judged.get("detail") for judged in last["decisions"]] == [None, {"card": count}]
        assert [judged["stage"] for judged in last["decisions"]] == ["s8_record", "s7_inspect_response"]
        assert whole["decisions"] == first["decisions"] + last["decisions"]


def test_an_outcome_to_which_nothing_was_decided_says_so() -> None:
    made = admitted()
    assert canonical(outcome(made, decided=2)).count(b'"decisions":[],') == 1
    assert canonical(outcome(made, decided=2)).count(b'"decisions":[],') == 1


def test_only_so_many_grants_are_remembered() -> None:
    for number in range(entry.OWNERS + 2):
        made = exchange()
        made.grant = grant(key=f"key-{number}")
        assert said(intent(made))["key"] == f"key-{number}"
        assert len(entry._owners) <= entry.OWNERS


def test_what_a_client_can_write_is_bounded() -> None:
    made = exchange()
    made.decisions.append(("s2_scope", deny(Reason.TOOL_NOT_ALLOWED, tool="x" * 9_999, tools=("y" * 9_999,) * 999, ü=1)))
    made.outcome, made.reason = Outcome.REFUSED, Reason.TOOL_NOT_ALLOWED
    detail = said(refusal(made))["decisions"][0]["detail"]
    assert len(detail["tool"]) == entry.NAME_CHARACTERS
    assert (len(detail["tools"]), len(detail["tools"][0])) == (entry.DETAIL_PARTS, entry.NAME_CHARACTERS)
    assert detail["\\xfc"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x1b[1m", "\\x1b[1m"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("\u00fcber", "\u00fcber"),
        ("\u202e", "\\u202e"),
        ("x" * 20, "x" * 10),
    ],
)
def test_foreign_text_stays_on_one_line(text: str, expected: str) -> None:
    assert plain(text, 10) == expected


def test_the_fields_stand_in_the_order_of_the_bytes() -> None:
    for kind in (Entry, entry.Judged, entry.Tokens, entry.Try):
        assert list(kind.__struct_fields__) == sorted(kind.__struct_fields__)
