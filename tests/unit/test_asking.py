import json
from typing import Any

import msgspec

from sluicegate.asking import Asking
from sluicegate.codecs.translate import translation
from sluicegate.core.dialect import Dialect, DialectName
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.core.identity import Budget, Period
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.providers.travel import EXCHANGE_HEADER
from tests.support.calls import target
from tests.support.exchanges import KEY, grant

CHAT, MESSAGES = DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES
DIALECTS: dict[DialectName, Dialect] = {CHAT: OpenAIChat(), MESSAGES: AnthropicMessages()}


def exchange(*budgets: Budget, **more: Any) -> Exchange:
    document = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **more}
    asked = Exchange("e" * 32, DIALECTS[CHAT], Arrival("/v1/x", "127.0.0.1", {}, json.dumps(document).encode()))
    asked.grant, asked.document, asked.ask = grant(*budgets), document, DIALECTS[CHAT].read(document)
    return asked


def test_the_client_s_own_bytes() -> None:
    asked = exchange()
    request = Asking(asked, DIALECTS).request(target(), CHAT, None)
    assert request.body is asked.arrival.body
    assert request.headers == {EXCHANGE_HEADER: asked.id}


def test_a_model_is_called_what_the_target_calls_it() -> None:
    for renamed, upstream, sent in ((False, "other", "other"), (True, "*", "m"), (True, "other", "other")):
        asked = exchange()
        if renamed:  # as s2_scope leaves it: the document keeps the use case's own name
            asked.document["model"], asked.renamed = "alias", True
        request = Asking(asked, DIALECTS).request(target(upstream_model=upstream), CHAT, None)
        assert (request.model, json.loads(request.body)["model"]) == (sent, sent)


def test_a_budget_bounds_an_answer_that_the_client_does_not() -> None:
    asked = exchange(Budget(KEY, Period.DAY, None, 5))
    body = json.loads(Asking(asked, DIALECTS).request(target(max_output_tokens=7), CHAT, None).body)
    assert body["max_completion_tokens"] == 7


def test_across_dialects_it_is_a_translation_that_asks_for_usage() -> None:
    asked = exchange(stream=True)
    asking = Asking(asked, DIALECTS)
    request = asking.request(target(), MESSAGES, translation(CHAT, MESSAGES))
    assert asking.usage
    assert (request.dialect, json.loads(request.body)["max_tokens"]) == (MESSAGES, 1_000)


def test_a_trace_travels_into_any_dialect_and_others_into_their_own() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    asked = exchange()
    asked.arrival = msgspec.structs.replace(asked.arrival, headers={"traceparent": trace, "anthropic-version": "2023-06-01"})
    request = Asking(asked, DIALECTS).request(target(), MESSAGES, translation(CHAT, MESSAGES))
    assert request.headers == {"traceparent": trace, EXCHANGE_HEADER: asked.id}


def test_a_translation_is_streamed_where_the_path_says_so() -> None:
    gemini = Gemini("m", stream=True)
    document = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    asked = Exchange("e" * 32, gemini, Arrival("/v1beta/x", "127.0.0.1", {}, json.dumps(document).encode()))
    asked.grant, asked.document, asked.ask = grant(), document, gemini.read(document)
    request = Asking(asked, DIALECTS).request(target(), CHAT, translation(DialectName.GEMINI, CHAT))
    assert request.stream
    assert json.loads(request.body)["stream"] is True
