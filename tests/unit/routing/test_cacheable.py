"""What may be given again, and what an answer depends on."""

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.core.dialect import DialectName
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_responses import OpenAIResponses
from sluicegate.routing.cacheable import cacheable, key_of
from tests.support.keeping import exchange


def test_what_is_not_for_keeping() -> None:
    assert cacheable(exchange())
    found, tokenised, stays, tail, read, own = (exchange() for _ in range(6))
    found.decisions = [*found.decisions, ("s4_inspect_prompt", Decision(Verdict.FLAG, Reason.PROMPT_ALERTED))]
    tokenised.sealed_values = b"x"
    stays.on_prem_only = True
    tail.arrival.tail = "/resp_1"
    read.arrival.method = "GET"
    own.own_credential = True
    for asked in (found, tokenised, stays, tail, read, own):
        assert not cacheable(asked)
    assert cacheable(exchange(tools=[{"type": "function", "function": {"name": "look"}}]))
    assert not cacheable(exchange(store=True))
    assert not cacheable(exchange(web_search_options={}))


def test_a_provider_that_keeps_the_answer_must_be_told_not_to() -> None:
    asked = exchange(dialect=OpenAIResponses())
    assert not cacheable(asked)
    asked.document["store"] = False
    assert cacheable(asked)


def test_forms_and_sounds_are_not_for_keeping() -> None:
    class Sound(OpenAIChat):
        name = DialectName.OPENAI_SPEECH

    assert not cacheable(exchange(dialect=Sound()))
    form = exchange()
    form.arrival.kind = "multipart/form-data; boundary=x"
    assert not cacheable(form)


def test_the_document_counts_as_governance_left_it() -> None:
    sent, edited, other = exchange(), exchange(), exchange()
    edited.edited = other.edited = True
    edited.document["messages"][0]["content"] = other.document["messages"][0]["content"] = "[EMAIL]"
    assert key_of(edited) == key_of(other) != key_of(sent)


def test_what_is_left_of_a_document_is_no_document() -> None:
    assert key_of(exchange(), blank=True) != key_of(exchange())
