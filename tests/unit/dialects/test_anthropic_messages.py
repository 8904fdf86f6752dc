"""Answers and errors of Messages, as anthropic-python reads them."""

import json
from typing import Any

import anthropic
import httpx2
import pytest

from sluicegate.core.decision import Reason, deny
from sluicegate.core.dialect import Json, SystemMode
from sluicegate.core.errors import Denied, GatewayError, InvalidRequest, UpstreamRejected, UpstreamTimeout
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.anthropic_messages import AnthropicMessages

DIALECT = AnthropicMessages()
NONE = Usage(estimated=True)
SIGNATURE = "QUJD" * 30


def event(**document: Any) -> Event:
    return sse(document, document["type"])


def start(**usage: Any) -> Event:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    return event(type="message_start", message=message)


def delta(index: int = 0, **fields: Any) -> Event:
    return event(type="content_block_delta", index=index, delta=fields)


def pieces(read: Event) -> list[tuple[str, str, bool]]:
    return [(piece.channel, piece.text, piece.json) for piece in DIALECT.pieces(read)]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (delta(type="text_delta", text="a"), [("0.text", "a", False)]),
        (delta(1, type="thinking_delta", thinking="b"), [("1.thinking", "b", False)]),
        (delta(1, type="signature_delta", signature=SIGNATURE), []),
        (delta(1, type="signature_delta", signature="some words"), [("1.signature", "some words", False)]),
        (delta(2, type="input_json_delta", partial_json='{"a'), [("2.partial_json", '{"a', True)]),
        (delta(type="future_delta", future="c"), [("0.future", "c", False)]),
        (
            event(
                type="content_block_start", index=3, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}
            ),
            [],
        ),
        (
            event(type="content_block_start", index=3, content_block={"type": "tool_use", "name": "4111 1111", "input": {}}),
            [("3.name", "4111 1111", False)],
        ),
        (event(type="content_block_delta", index=0, delta={"type": "x"}, note="d"), [("note", "d", False)]),
        (start(input_tokens=5), []),
        (event(type="message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={}), []),
        (event(type="message_delta", delta={"stop_reason": "odd words"}), [("stop_reason", "odd words", False)]),
        (event(type="message_delta", delta={"stop_sequence": "END"}), [("stop_sequence", "END", False)]),
        (event(type="message_stop"), []),
        (event(type="ping"), []),
        (event(type="future", payload={"a": 5}), [("payload", '{"a":5}', True)]),
    ],
)
def test_governed_text_of_events(read: Event, expected: list[tuple[str, str, bool]]) -> None:
    assert pieces(read) == expected


def test_a_whole_body_uses_the_channels_of_its_stream() -> None:
    content = [
        {"type": "text", "text": "a", "citations": None},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Paris", "n": 5}},
    ]
    body = whole({"type": "message", "id": "i", "model": "m", "content": content, "stop_reason": "tool_use", "usage": {}})
    assert pieces(body) == [("0.text", "a", False), ("1.partial_json", '{"city":"Paris","n":5}', True)]
    assert DIALECT.tool_calls(body) == ["f"]
    piece = DIALECT.pieces(body)[1]
    piece.holder[piece.key] = '{"city":"X","n":5}'
    body.rewrite()
    assert json.loads(body.raw)["content"][1]["input"] == {"city": "X", "n": 5}
    DIALECT.redacted(body)


@pytest.mark.parametrize("document", [{}, {"type": "message", "content": "text"}, {"type": "message", "content": ["a"]}])
def test_wrong_types_do_not_break_reading(document: Json) -> None:
    DIALECT.pieces(sse(document))
    assert DIALECT.finish(sse(document)) is None
    assert DIALECT.usage(sse(document), NONE) == NONE


def test_the_end() -> None:
    assert DIALECT.ended(event(type="message_stop"))
    assert DIALECT.ended(event(type="error", error={"type": "overloaded_error", "message": "x"}))
    assert DIALECT.ended(whole({"type": "message"}))
    assert not DIALECT.ended(delta(type="text_delta", text='"message_stop" "error"'))
    assert not DIALECT.ended(event(type="ping"))


def test_usage_grows_over_the_stream() -> None:
    known = DIALECT.usage(
        start(input_tokens=5, cache_read_input_tokens=3, cache_creation_input_tokens=2, output_tokens=1), NONE
    )
    assert known == Usage(10, 1, 3, 2, 0)
    details = {"thinking_tokens": 4}
    known = DIALECT.usage(
        event(type="message_delta", delta={}, usage={"output_tokens": 9, "output_tokens_details": details}), known
    )
    assert known == Usage(10, 9, 3, 2, 4)


@pytest.mark.parametrize(
    "usage",
    [{}, {"output_tokens": -1, "input_tokens": 5}, {"output_tokens": 10**12}, {"input_tokens": 0, "output_tokens": 0}],
)
def test_usage_that_cannot_be_true_is_not_believed(usage: Json) -> None:
    assert DIALECT.usage(start(**usage), NONE) == NONE


def test_finish_and_tool_calls() -> None:
    assert DIALECT.finish(event(type="message_delta", delta={"stop_reason": "tool_use"})) == "tool_use"
    assert DIALECT.finish(whole({"type": "message", "stop_reason": "end_turn"})) == "end_turn"
    assert DIALECT.finish(start()) is None
    block = {"type": "server_tool_use", "name": "web_search", "input": {}}
    assert DIALECT.tool_calls(event(type="content_block_start", index=0, content_block=block)) == ["web_search"]
    assert list(DIALECT.tool_calls(delta(type="text_delta", text="tool_use"))) == []


def test_a_stream_reports_usage_by_itself() -> None:
    document: Json = {"stream": True}
    assert not DIALECT.ask_usage(document)
    read = start(input_tokens=5)
    assert DIALECT.without_usage(read) is read


def client(status: int, body: bytes, kind: str = "application/json") -> anthropic.Anthropic:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="none", base_url="http://gateway.invalid", http_client=transport, max_retries=0)


DENIED = Denied(deny(Reason.ANSWER_BLOCKED, detectors=("us_ssn",)))


@pytest.mark.parametrize(
    ("error", "raised", "kind"),
    [
        (DENIED, anthropic.BadRequestError, "invalid_request_error"),
        (InvalidRequest(Reason.INVALID_FIELD, "no", field="system"), anthropic.BadRequestError, "invalid_request_error"),
        (Denied(deny(Reason.NO_CREDENTIAL)), anthropic.AuthenticationError, "authentication_error"),
        (Denied(deny(Reason.KEY_REVOKED)), anthropic.PermissionDeniedError, "permission_error"),
        (Denied(deny(Reason.RATE_TOKENS)), anthropic.RateLimitError, "rate_limit_error"),
        (Denied(deny(Reason.BUDGET_EXCEEDED)), anthropic.APIStatusError, "billing_error"),
        (UpstreamTimeout("late"), anthropic.APIStatusError, "timeout_error"),
    ],
)
def test_the_sdk_raises_its_own_errors(error: GatewayError, raised: type[anthropic.APIStatusError], kind: str) -> None:
    with client(error.status, DIALECT.failure(error, "x1", streaming=False)) as sdk, pytest.raises(raised) as caught:
        sdk.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["type"] == "error"
    assert body["request_id"] == "x1"
    assert body["error"]["type"] == kind
    assert body["error"]["code"] == str(error.reason)
    assert body["error"]["message"] == error.message


def test_the_sdk_raises_in_mid_stream() -> None:
    stream = start(input_tokens=5, output_tokens=1).raw + DIALECT.failure(DENIED, "x1", streaming=True)
    with client(200, stream, "text/event-stream") as sdk, pytest.raises(anthropic.APIStatusError) as caught:
        for _ in sdk.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "Hi"}], stream=True):
            pass
    assert "answer_blocked" in str(caught.value.body)


def test_the_providers_own_error_passes_through() -> None:
    body = b'{"type":"error","error":{"type":"x","message":"theirs"}}'
    assert DIALECT.failure(UpstreamRejected(400, body, "theirs"), "x1", streaming=False) == body


def test_the_request_side_is_that_of_its_module() -> None:
    document: Json = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    assert DIALECT.read(document).max_tokens == 5
    assert DIALECT.bind_system(document, "ours", SystemMode.DROP).injected
    assert {span.text for span in DIALECT.spans(document).spans} == {"ours", "Hi"}


@pytest.mark.parametrize("odd", [["word"], {"a": "word"}])
def test_a_stop_reason_that_is_no_string_is_governed(odd: Any) -> None:
    event = sse({"type": "message_delta", "delta": {"stop_reason": odd}, "usage": {"output_tokens": 1}}, "message_delta")
    assert any("word" in piece.text for piece in AnthropicMessages().pieces(event))


def test_a_heartbeat_says_nothing() -> None:
    beat = AnthropicMessages().heartbeat()
    assert beat.raw == b'event: ping\ndata: {"type":"ping"}\n\n'
    assert not AnthropicMessages().pieces(beat)
    assert not AnthropicMessages().ended(beat)
