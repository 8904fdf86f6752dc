"""Answers and errors of the Responses API, as openai-python reads them."""

import json
from typing import Any

import httpx2
import openai
import pytest

from sluicegate.core.decision import Reason, deny
from sluicegate.core.dialect import Json, SystemMode
from sluicegate.core.errors import Denied, GatewayError, InvalidRequest, UpstreamError, UpstreamRejected
from sluicegate.core.event import sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.openai_responses import OpenAIResponses
from tests.support import responses

DIALECT = OpenAIResponses()
NONE = Usage(estimated=True)
DENIED = Denied(deny(Reason.PROMPT_BLOCKED, detectors=("us_ssn",), findings=2))


def client(status: int, body: bytes, kind: str = "application/json") -> openai.OpenAI:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="none", base_url="http://gateway.invalid", http_client=transport, max_retries=0)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (DENIED, openai.BadRequestError),
        (InvalidRequest(Reason.INVALID_FIELD, "no", field="input[2].content"), openai.BadRequestError),
        (Denied(deny(Reason.NO_CREDENTIAL)), openai.AuthenticationError),
        (Denied(deny(Reason.KEY_REVOKED)), openai.PermissionDeniedError),
        (Denied(deny(Reason.RATE_REQUESTS)), openai.RateLimitError),
        (UpstreamError(Reason.UPSTREAM_RESET, "cut"), openai.InternalServerError),
    ],
)
def test_the_sdk_raises_its_own_errors(error: GatewayError, raised: type[openai.APIStatusError]) -> None:
    with client(error.status, DIALECT.failure(error, "x1", streaming=False)) as sdk, pytest.raises(raised) as caught:
        sdk.responses.create(model="m", input="Hi")
    assert caught.value.code == str(error.reason)
    assert caught.value.param == error.field
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["exchange_id"] == "x1"


def test_the_sdk_raises_in_mid_stream() -> None:
    said = responses.framed(responses.events([responses.message("Hello")])[:6])
    stream = b"".join(said) + DIALECT.failure(DENIED, "x1", streaming=True)
    seen: list[str] = []
    with client(200, stream, "text/event-stream") as sdk, pytest.raises(openai.APIError) as caught:
        for event in sdk.responses.create(model="m", input="Hi", stream=True):
            seen.append(event.type)  # noqa: PERF401 - kept although the loop ends by an exception
    assert seen[-1] == "response.output_text.delta"
    assert caught.value.code == "prompt_blocked"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["details"] == {"detectors": ["us_ssn"], "findings": 2}


def test_an_error_in_a_stream_has_the_fields_of_the_apis_own() -> None:
    raw = DIALECT.failure(DENIED, "x1", streaming=True)
    head, data, *_ = raw.decode().split("\n")
    assert head == "event: error"
    document = json.loads(data.removeprefix("data: "))
    assert {"type", "code", "message", "param", "sequence_number", "error"} == document.keys()


def test_the_providers_own_error_passes_through() -> None:
    body = json.dumps({"error": {"message": "theirs"}}).encode()
    assert DIALECT.failure(UpstreamRejected(400, body, "theirs"), "x1", streaming=False) == body


def test_usage_with_its_details() -> None:
    usage = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}, "output_tokens": 5}
    usage["output_tokens_details"] = {"reasoning_tokens": 3}
    told = Usage(9, 5, 4, 2, 3)
    assert DIALECT.usage(whole(responses.response([], usage=usage)), NONE) == told
    assert DIALECT.usage(sse({"type": "response.completed", "response": responses.response([], usage=usage)}), NONE) == told


@pytest.mark.parametrize(
    "usage", [None, "9", {}, {"input_tokens": -1, "output_tokens": 5}, {"input_tokens": 0, "output_tokens": 0}]
)
def test_usage_that_cannot_be_true_is_not_believed(usage: Any) -> None:
    assert DIALECT.usage(whole(responses.response([], usage=usage)), NONE) == NONE


def test_usage_comes_by_itself_and_a_bound_has_one_name() -> None:
    document: Json = {"model": "m", "input": "Hi", "stream": True}
    assert not DIALECT.ask_usage(document)
    assert DIALECT.bounded(document, 9) == {**document, "max_output_tokens": 9}
    event = sse({"type": "response.created"})
    assert DIALECT.without_usage(event) is event


def test_log_probabilities_go_wherever_they_stand() -> None:
    spelled = [{"token": "4111", "logprob": -1}]
    item = responses.message("4111", logprobs=spelled)
    events = [
        sse({"type": "response.output_text.delta", "delta": "4111", "logprobs": spelled}),
        sse({"type": "response.content_part.done", "part": item["content"][0]}),
        sse({"type": "response.output_item.done", "item": responses.message("x", logprobs=spelled)}),
        sse({"type": "response.completed", "response": responses.response([responses.message("x", logprobs=spelled)])}),
        whole(responses.response([responses.message("x", logprobs=spelled)])),
    ]
    for event in events:
        assert DIALECT.redacted(event)
        event.rewrite()
        assert b'"token"' not in event.raw
        assert not DIALECT.redacted(event)


def test_what_an_answer_repeats_of_its_request() -> None:
    sent = {"model": "m", "instructions": "Help.", "metadata": {"a": "b"}, "tools": [1]}
    body = responses.response([], instructions="Help.", metadata={"a": "c"}, tools=[1])
    event = sse({"type": "response.created", "response": body})
    assert {"response.instructions", "response.tools"} <= set(DIALECT.echoed(event, sent))
    assert "response.metadata" not in DIALECT.echoed(event, sent)
    assert not DIALECT.echoed(sse({"type": "error"}), sent)
    assert DIALECT.unsay_prompt(event)
    assert not DIALECT.unsay_prompt(event)
    assert event.document["response"]["instructions"] is None


def test_reasoning_is_sealed_where_the_request_asks_for_it_encrypted() -> None:
    assert DIALECT.seals({"include": ["reasoning.encrypted_content"]})
    assert not DIALECT.seals({"include": None})


def test_the_request_side_is_that_of_its_module() -> None:
    document: Json = {"model": "m", "input": "Hi"}
    assert DIALECT.read(document).model == "m"
    assert DIALECT.bind_system(document, "ours", SystemMode.DROP).injected
    assert [span.text for span in DIALECT.spans(document).spans] == ["Hi", "ours"]


def test_the_rest_of_an_event() -> None:
    event = sse({"type": "response.completed", "response": responses.response([responses.call("call_1", "look", {})])})
    assert DIALECT.ended(event)
    assert DIALECT.finish(event) == "completed"
    assert not DIALECT.tool_calls(event)
    assert not DIALECT.unread(event)
    beat = DIALECT.heartbeat()
    assert not DIALECT.pieces(beat)
    assert not DIALECT.ended(beat)
