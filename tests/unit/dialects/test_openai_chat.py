"""Answers and errors of Chat Completions, as openai-python reads them."""

import json
from typing import Any

import httpx2
import openai
import pytest

from sluicegate.core.decision import Reason, deny
from sluicegate.core.dialect import Json, SystemMode
from sluicegate.core.errors import Denied, GatewayError, InvalidRequest, UpstreamError, UpstreamRejected
from sluicegate.core.event import Event, frame, sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.openai_chat import OpenAIChat

DIALECT = OpenAIChat()
NONE = Usage(estimated=True)


def chunk(delta: Json | None = None, **fields: Any) -> Event:
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return sse({**head, **fields})


def pieces(event: Event) -> list[tuple[str, str, bool]]:
    return [(piece.channel, piece.text, piece.json) for piece in DIALECT.pieces(event)]


def test_text_reasoning_refusal_and_unknown_fields_are_governed() -> None:
    delta = {"role": "assistant", "content": "a", "reasoning_content": "b", "refusal": "c", "future": "d", "odd": {"k": 5}}
    assert pieces(chunk(delta, note="e")) == [
        ("note", "e", False),
        ("0.content", "a", False),
        ("0.reasoning_content", "b", False),
        ("0.refusal", "c", False),
        ("0.future", "d", False),
        ("0.odd", '{"k":5}', True),
    ]


def test_arguments_are_json_per_call() -> None:
    calls = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}},
        {"index": 10**9, "function": {"name": "my card 4111", "arguments": '{"a'}},
    ]
    assert pieces(chunk({"tool_calls": calls})) == [
        ("0.tool_calls.0.arguments", "", True),
        ("0.tool_calls.1000000000.name", "my card 4111", False),
        ("0.tool_calls.1000000000.arguments", '{"a', True),
    ]
    assert DIALECT.tool_calls(chunk({"tool_calls": calls})) == ["look", "my card 4111"]
    assert not DIALECT.tool_calls(chunk({"content": "a tool_call"}))
    body = whole(
        {"choices": [{"message": {"function_call": {"name": "old", "arguments": "{}"}}, "finish_reason": "odd word"}]}
    )
    assert pieces(body) == [("0.function_call.arguments", "{}", True), ("0.finish_reason", "odd word", False)]
    assert DIALECT.tool_calls(body) == ["old"]


def test_sound_is_opaque_and_its_transcript_is_not() -> None:
    assert pieces(chunk({"audio": {"id": "a", "data": "QUJD", "transcript": "words"}})) == [
        ("0.audio.transcript", "words", False)
    ]


@pytest.mark.parametrize(
    "document", [{"choices": 5}, {"choices": [5]}, {"choices": [{"delta": "text"}]}, {"choices": {"a": "b"}}]
)
def test_wrong_types_do_not_break_reading(document: Json) -> None:
    event = sse(document)
    DIALECT.pieces(event)
    assert DIALECT.usage(event, NONE) == NONE
    assert DIALECT.finish(event) is None
    assert list(DIALECT.tool_calls(event)) == []


def test_a_changed_piece_changes_the_event_and_logprobs_go() -> None:
    event = chunk({"content": "secret"})
    event.document["choices"][0]["logprobs"] = {"content": [{"token": "secret"}]}
    [piece] = DIALECT.pieces(event)
    piece.holder[piece.key] = "[X]"
    DIALECT.redacted(event)
    event.rewrite()
    assert b"secret" not in event.raw


def test_the_end() -> None:
    assert DIALECT.ended(Event(frame(b"[DONE]"), b"[DONE]"))
    assert DIALECT.ended(whole({"choices": []}))
    assert DIALECT.ended(sse({"error": {"message": "x"}}))
    assert not DIALECT.ended(chunk({"content": '"error" [DONE]'}))
    assert not DIALECT.ended(Event(b": ping\n\n", b""))


def test_usage_with_its_details() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    usage["completion_tokens_details"] = {"reasoning_tokens": 2}
    assert DIALECT.usage(chunk(choices=[], usage=usage), NONE) == Usage(9, 5, 4, 0, 2)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "9",
        {},
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": 10**12, "completion_tokens": 5},
        {"prompt_tokens": "9", "completion_tokens": 5},
        {"prompt_tokens": 0, "completion_tokens": 0},
    ],
)
def test_usage_that_cannot_be_true_is_not_believed(usage: Any) -> None:
    assert DIALECT.usage(chunk(usage=usage), NONE) == NONE


def test_details_are_held_within_the_whole() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 99}}
    assert DIALECT.usage(chunk(usage=usage), NONE) == Usage(9, 5, 9, 0, 0)


def test_usage_is_asked_for_only_where_a_stream_does_not_report_it() -> None:
    document: Json = {"stream": True}
    assert DIALECT.ask_usage(document)
    assert document == {"stream": True, "stream_options": {"include_usage": True}}
    assert not DIALECT.ask_usage(document)
    assert not DIALECT.ask_usage({})
    options: Json = {"stream": True, "stream_options": {"include_usage": False, "include_obfuscation": False}}
    assert DIALECT.ask_usage(options)
    assert options["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_what_asking_brought_is_taken_out() -> None:
    assert DIALECT.without_usage(chunk(choices=[], usage={"prompt_tokens": 1})) is None
    for event in (
        chunk({"content": "a"}, usage=None),
        Event(b'data: {"usage" : null, "a":1}\n\n', b'{"usage" : null, "a":1}'),
    ):
        left = DIALECT.without_usage(event)
        assert left is not None
        assert b"usage" not in left.raw
        assert left is event  # parsed once, whatever is read of it next
        assert "usage" not in left.document
    kept = chunk(choices=[], usage={"prompt_tokens": 1}, prompt_filter_results=[])
    left = DIALECT.without_usage(kept)
    assert left is not None
    assert left.document["prompt_filter_results"] == []
    assert "usage" not in left.document
    for event in (chunk({"content": '"usage"'}), whole({"usage": {}}), chunk({"content": "a"}, usage={"prompt_tokens": 1})):
        raw = event.raw
        left = DIALECT.without_usage(event)
        assert left is not None
        assert left.raw == raw


def test_finish() -> None:
    assert DIALECT.finish(sse({"choices": [{"delta": {}, "finish_reason": "stop"}]})) == "stop"
    assert DIALECT.finish(sse({"choices": [{"delta": {}, "finish_reason": "x" * 999}]})) == "x" * 64
    assert DIALECT.finish(chunk()) is None


def client(status: int, body: bytes, kind: str = "application/json") -> openai.OpenAI:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="none", base_url="http://gateway.invalid", http_client=transport, max_retries=0)


DENIED = Denied(deny(Reason.PROMPT_BLOCKED, detectors=("us_ssn",), findings=2))


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (DENIED, openai.BadRequestError),
        (InvalidRequest(Reason.INVALID_FIELD, "no", field="messages[2].content"), openai.BadRequestError),
        (Denied(deny(Reason.NO_CREDENTIAL)), openai.AuthenticationError),
        (Denied(deny(Reason.KEY_REVOKED)), openai.PermissionDeniedError),
        (Denied(deny(Reason.BUDGET_EXCEEDED)), openai.APIStatusError),
        (Denied(deny(Reason.RATE_REQUESTS)), openai.RateLimitError),
        (UpstreamError(Reason.UPSTREAM_RESET, "cut"), openai.InternalServerError),
    ],
)
def test_the_sdk_raises_its_own_errors(error: GatewayError, raised: type[openai.APIStatusError]) -> None:
    with client(error.status, DIALECT.failure(error, "x1", streaming=False)) as sdk, pytest.raises(raised) as caught:
        sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert caught.value.code == str(error.reason)
    assert caught.value.param == error.field
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["exchange_id"] == "x1"
    assert caught.value.body["message"] == error.message


def test_the_sdk_raises_in_mid_stream() -> None:
    stream = chunk({"content": "Hel"}).raw + DIALECT.failure(DENIED, "x1", streaming=True)
    seen: list[str | None] = []
    with client(200, stream, "text/event-stream") as sdk, pytest.raises(openai.APIError) as caught:
        for part in sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True):
            seen.append(part.choices[0].delta.content)  # noqa: PERF401 - kept although the loop ends by an exception
    assert seen == ["Hel"]
    assert caught.value.code == "prompt_blocked"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["details"] == {"detectors": ["us_ssn"], "findings": 2}


def test_the_providers_own_error_passes_through() -> None:
    body = json.dumps({"error": {"message": "theirs"}}).encode()
    assert DIALECT.failure(UpstreamRejected(400, body, "theirs"), "x1", streaming=False) == body
    assert b"theirs" in DIALECT.failure(UpstreamRejected(400, b"", "theirs"), "x1", streaming=False)


def test_the_request_side_is_that_of_its_module() -> None:
    document: Json = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    assert DIALECT.read(document).model == "m"
    assert DIALECT.bind_system(document, "ours", SystemMode.DROP).injected
    assert [span.text for span in DIALECT.spans(document).spans] == ["ours", "Hi"]


@pytest.mark.parametrize("odd", [["word"], {"a": "word"}])
def test_a_finish_or_role_that_is_no_string_is_governed(odd: Any) -> None:
    finished = sse({"choices": [{"index": 0, "delta": {}, "finish_reason": odd}]})
    assert any("word" in text for _, text, _ in pieces(finished))
    assert any(pieces(sse({"choices": [{"index": 0, "delta": {"role": odd}}]})))


def test_a_heartbeat_says_nothing() -> None:
    beat = OpenAIChat().heartbeat()
    assert beat.raw == b": held\n\n"
    assert not OpenAIChat().pieces(beat)
    assert not OpenAIChat().ended(beat)
