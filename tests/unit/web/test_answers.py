import json
from typing import Any

from sluicegate.core.decision import Decision, Reason, Verdict, deny
from sluicegate.core.errors import Denied, UpstreamRejected
from sluicegate.core.event import Event, JsonArray, frame, sse, whole
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.web.answers import Reply
from sluicegate.web.relay import Relay


class Sent:
    """What an ASGI server was given."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def __call__(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])

    @property
    def ended(self) -> bool:
        return not self.messages[-1].get("more_body", True)


async def nothing() -> dict[str, Any]:
    raise AssertionError("nothing is received")


def relay(sent: Sent) -> Relay:
    return Relay(nothing, sent)


def make() -> Exchange:
    return Exchange("ab" * 16, OpenAIChat(), Arrival("/v1/chat/completions", "127.0.0.1", {}, b"{}"))


async def test_a_whole_answer_that_is_no_json_keeps_its_content_type() -> None:
    sent = Sent()
    await Reply(make(), relay(sent)).events([Event(b"\xff\x00", b"", framed=False, kind="audio/mpeg")], True)
    assert (sent.headers["content-type"], sent.headers["content-length"], sent.body) == ("audio/mpeg", "2", b"\xff\x00")


async def test_a_whole_answer_leaves_as_json_with_its_length() -> None:
    sent, exchange = Sent(), make()
    exchange.policy_version = "abc"
    exchange.decisions.append(("s4_inspect_prompt", Decision(Verdict.REDACT, Reason.PROMPT_REDACTED)))
    exchange.response_headers["x-ratelimit-remaining-requests"] = "9"
    body = whole({"a": 1})
    await Reply(exchange, relay(sent)).events([body], True)
    assert sent.messages[0]["status"] == 200
    assert sent.body == body.raw
    assert sent.headers["content-length"] == str(len(body.raw))
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["x-sluicegate-exchange"] == sent.headers["request-id"] == "ab" * 16
    assert sent.headers["x-sluicegate-policy"] == "abc"
    assert sent.headers["x-sluicegate-decisions"] == "s4_inspect_prompt=prompt_redacted"
    assert sent.headers["x-ratelimit-remaining-requests"] == "9"


async def test_a_stream_leaves_event_by_event_and_nothing_before_the_first() -> None:
    sent = Sent()
    reply = Reply(make(), relay(sent))
    assert not sent.messages
    first, last = sse({"a": 1}), sse({"b": 2})
    await reply.events([first], False)
    await reply.events([last], True)
    assert sent.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in sent.headers
    assert sent.body == first.raw + last.raw
    assert sent.ended


async def test_a_failure_before_the_first_event_is_a_plain_error() -> None:
    sent = Sent()
    denied = Denied(deny(Reason.RATE_REQUESTS), headers={"retry-after": "7"})
    await Reply(make(), relay(sent)).failure(denied)
    assert sent.messages[0]["status"] == 429
    assert sent.headers["retry-after"] == "7"
    assert sent.headers["x-sluicegate-reason"] == "rate_requests"
    assert json.loads(sent.body)["error"]["code"] == "rate_requests"


async def test_a_failure_in_mid_answer_is_an_error_event_and_no_clean_end() -> None:
    sent = Sent()
    reply = Reply(make(), relay(sent))
    await reply.events([sse({"a": 1})], False)
    await reply.failure(Denied(deny(Reason.ANSWER_BLOCKED)))
    assert b'"answer_blocked"' in sent.body
    assert frame(b"[DONE]") not in sent.body
    assert sent.ended


async def test_a_providers_own_words_pass() -> None:
    error = UpstreamRejected(422, b'{"error":{"message":"theirs"}}', "ours")
    sent = Sent()
    await Reply(make(), relay(sent)).failure(error)
    assert sent.messages[0]["status"] == 422
    assert sent.body == error.body


class Client:
    """What a server's own connection was given."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, bytes, int, int | None]] = []
        self.written: list[tuple[bytes, bool]] = []

    def begin(self, status: int, head: bytes, lines: int, length: int | None) -> None:
        self.begun.append((status, head, lines, length))

    def write(self, body: bytes, last: bool) -> None:
        self.written.append((body, last))


async def test_the_lines_of_a_head_are_counted_as_they_are_written() -> None:
    async def whole_answer(reply: Reply) -> None:
        await reply.events([whole({"a": 1})], True)

    async def stream(reply: Reply) -> None:
        await reply.events([sse({"a": 1})], False)
        await reply.events([sse({"a": 1}), sse({"b": 1})], True)

    async def failure(reply: Reply) -> None:
        await reply.failure(Denied(deny(Reason.RATE_REQUESTS), headers={"retry-after": "7"}))

    for act, length in ((whole_answer, 7), (stream, None), (failure, -1)):
        for rich in (False, True):
            client, exchange = Client(), make()
            if rich:
                exchange.policy_version = "abc"
                exchange.response_headers |= {"x-a": "1", "x-b": "\u20ac\u00e9"}
                for reason in (Reason.PROMPT_REDACTED, Reason.PROMPT_ALERTED):
                    exchange.decisions.append(("s4_inspect_prompt", Decision(Verdict.FLAG, reason)))
            await act(Reply(exchange, client))
            ((_, head, lines, told),) = client.begun
            assert lines == head.count(b"\r\n") == head.count(b"\n")
            assert told == (len(client.written[0][0]) if length == -1 else length)
            assert client.written[-1][1]
            if rich:
                assert b"\r\nx-b: ?\xe9\r\n" in head
                assert (
                    b"\r\nx-sluicegate-decisions: s4_inspect_prompt=prompt_redacted, s4_inspect_prompt=prompt_alerted\r\n"
                    in head
                )


async def test_a_value_with_a_line_break_is_one_line_too_many() -> None:
    client, exchange = Client(), make()
    exchange.response_headers["x-a"] = "1\r\nx-b: 2"
    await Reply(exchange, client).events([whole({})], True)
    _, head, lines, _ = client.begun[0]
    assert lines < head.count(b"\n")


async def test_a_stream_without_server_sent_events_is_one_array() -> None:
    sent, exchange = Sent(), make()
    exchange.framing = JsonArray()
    reply = Reply(exchange, relay(sent))
    events = [sse({"a": 1}), sse({"b": 2})]
    events[1].last = True
    exchange.note_released(events)
    await reply.events(events[:1], False)
    await reply.events(events[1:], True)
    assert sent.headers["content-type"] == "application/json; charset=utf-8"
    assert "content-length" not in sent.headers
    assert json.loads(sent.body) == [{"a": 1}, {"b": 2}]


async def test_what_a_stage_asked_for_is_said_once() -> None:
    """A refusal carries the headers that stages asked for, which every answer says already."""
    exchange, sent = make(), Sent()
    exchange.response_headers["retry-after"] = "60"
    reply = Reply(exchange, relay(sent))
    await reply.failure(Denied(deny(Reason.RATE_REQUESTS), headers={**exchange.response_headers, "allow": "GET"}))
    names = [name for name, _ in sent.messages[0]["headers"]]
    assert (names.count(b"retry-after"), names.count(b"allow")) == (1, 1)
