"""Golden pairs: what each feature becomes in the other dialect, requests and answers."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from sluicegate.codecs.translate import Translation, translation
from sluicegate.core.decision import Reason
from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UnsupportedFeature, UpstreamError
from sluicegate.core.event import Event, frame

GOLDEN = Path(__file__).parents[2] / "golden" / "translation"
NAMED = (DialectName.ANTHROPIC_MESSAGES, DialectName.OPENAI_RESPONSES)
"""Dialects whose events have a name, the document's `type`."""
OPENAI, ANTHROPIC, GEMINI = DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES, DialectName.GEMINI


def between(client: DialectName, target: DialectName) -> Translation:
    made = translation(client, target)
    assert made is not None
    return made


def event(document: Any, *, named: bool) -> Event:
    data = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    name = document["type"] if named else None
    return Event(frame(data, name), data, name)


def shown(out: Event) -> dict[str, Any]:
    return {"event": out.name, "data": json.loads(out.data) if out.data[:1] == b"{" else out.data.decode()}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("request_*.json")), ids=lambda path: path.stem)
def test_requests(path: Path) -> None:
    case = json.loads(path.read_bytes())
    made = between(DialectName(case["client"]), DialectName(case["target"]))
    document = copy.deepcopy(case["request"])
    if "refused" in case:
        with pytest.raises(UnsupportedFeature) as caught:
            made.request(document, "upstream-model", 1000)
        assert caught.value.field == case["refused"]
        assert caught.value.reason is Reason.UNSUPPORTED_FEATURE
    else:
        streamed = case.get("streamed")  # where the client's document does not say it
        assert made.request(document, "upstream-model", 1000, stream=streamed) == case["translated"]
        assert list(made.dropped) == case["dropped"]
    assert document == case["request"]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("answer_*.json")), ids=lambda path: path.stem)
def test_answers(path: Path) -> None:
    case = json.loads(path.read_bytes())
    answer = between(DialectName(case["client"]), DialectName(case["target"])).answer()
    if "stream" in case:
        out: list[Event] = []
        for number, document in enumerate(case["stream"], 1):
            one = event(document, named=case["target"] in NAMED)
            one.last = case["target"] == GEMINI and number == len(case["stream"])
            out += answer.feed([one])
        assert [shown(one) for one in out] == case["translated"]
    else:
        data = json.dumps(case["body"]).encode()
        [one] = answer.feed([Event(data, data, framed=False)])
        assert not one.framed
        assert json.loads(one.raw) == case["translated"]
    assert answer.flush() == []


def test_the_same_dialect_needs_none() -> None:
    assert translation(OPENAI, OPENAI) is None


def test_what_follows_the_end_is_not_the_answers() -> None:
    answer = between(ANTHROPIC, OPENAI).answer()
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    events = [event({"id": "i", "choices": [choice]}, named=False), event("[DONE]", named=False)]
    assert [one.name for one in answer.feed([*events, *events])][-1] == "message_stop"
    assert answer.feed(events) == []


@pytest.mark.parametrize("data", [b"{", b"hello", b"[1]"])
@pytest.mark.parametrize(("client", "target"), [(OPENAI, ANTHROPIC), (ANTHROPIC, OPENAI)])
def test_what_is_no_answer_is_an_error(client: DialectName, target: DialectName, data: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        between(client, target).answer().feed([Event(data, data)])
    assert caught.value.reason is Reason.UPSTREAM_INVALID


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"type":"error","error":{"type":"x","message":"too long"}}', "too long"),
        (b'{"error":{"message":"too long","code":null}}', "too long"),
        (b'{"error":"too long"}', "too long"),
        (b"{", "The provider refused the request."),
        (b"[]", "The provider refused the request."),
    ],
)
def test_the_targets_error_is_told_without_its_framing(body: bytes, message: str) -> None:
    assert between(OPENAI, ANTHROPIC).rejected(400, body) == (400, message)


def test_an_answer_that_its_dialect_does_not_name_is_named() -> None:
    made = between(OPENAI, DialectName.BEDROCK_CONVERSE)
    made.request({"model": "m", "messages": [{"role": "user", "content": "hi"}]}, "upstream-model")
    message = {"role": "assistant", "content": [{"text": "hello"}]}
    body = {"output": {"message": message}, "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1}}
    data = json.dumps(body).encode()
    [one] = made.answer().feed([Event(data, data, framed=False)])
    assert one.document["model"] == "upstream-model"
    assert len(one.document["id"]) == 32
    chunk = {"id": "theirs", "model": "theirs", "choices": [{"index": 0, "delta": {"content": "a"}}]}
    other = between(ANTHROPIC, OPENAI)
    other.request({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}, "upstream-model")
    [start, *_] = other.answer().feed([event(chunk, named=False)])
    assert (start.document["message"]["id"], start.document["message"]["model"]) == ("theirs", "theirs")
