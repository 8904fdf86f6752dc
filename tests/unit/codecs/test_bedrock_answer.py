import json
from typing import Any

import pytest

from sluicegate.codecs.bedrock_answer import Decoder, StreamEncoder, WholeEncoder, encode
from sluicegate.codecs.conversation import Answer, Broken, Called, Counted, Ended, Finished, Said, Start, Stop, ToolCall
from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.usage import Usage

USAGE = {"inputTokens": 4, "outputTokens": 9, "totalTokens": 13, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 3}


def body(*blocks: Any, stop: Any = "end_turn") -> dict[str, Any]:
    return {"output": {"message": {"role": "assistant", "content": list(blocks)}}, "stopReason": stop, "usage": USAGE}


def test_a_whole_answer() -> None:
    assert Decoder().feed(whole(body({"text": "a"}, {"cachePoint": {"type": "default"}}))) == [
        Start("", ""),
        Said("a"),
        Finished(Stop.END),
        Counted(Usage(12, 9, 5, 3)),
        Ended(),
    ]


def test_cited_text_is_text() -> None:
    cited = {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": []}}
    assert Decoder().feed(whole(body(cited)))[1:3] == [Said("a"), Said("b")]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [("max_tokens", Stop.LENGTH), ("guardrail_intervened", Stop.REFUSED), ("something_new", Stop.END)],
)
def test_why_it_ended(reason: str, stop: Stop) -> None:
    assert Finished(stop) in Decoder().feed(whole(body(stop=reason)))
    sequence = {"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}}
    assert Decoder().feed(sse({"messageStop": sequence})) == [Finished(Stop.SEQUENCE, "END")]


@pytest.mark.parametrize(
    "event",
    [
        whole({}),
        whole(body(stop=None)),
        whole(body("a")),
        whole(body({"image": {}})),
        whole(body({"toolUse": {"toolUseId": "1", "name": "f", "type": "server_tool_use"}})),
        sse({"metadata": {"usage": USAGE}}),
        sse({"contentBlockDelta": {"delta": {"text": "a"}}}),
        sse({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"image": {}}}}),
        sse({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}}),
        sse({"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolResult": {}}}}),
        sse({"messageStop": 1}),
        sse({"messageStop": {}, "metadata": {}}),
        Event(b"", b"[1]"),
    ],
    ids=range(13),
)
def test_what_is_no_answer(event: Event) -> None:
    with pytest.raises(UpstreamError) as caught:
        Decoder().feed(event)
    assert caught.value.reason is Reason.UPSTREAM_INVALID


def test_what_says_nothing_here() -> None:
    decoder = Decoder()
    for event in (
        sse({"contentBlockStop": {"contentBlockIndex": 0}}),
        sse({"somethingNew": {}}),
        sse({"contentBlockStart": {"contentBlockIndex": 0, "start": {}}}),
        sse({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"citation": {}}}}),
        sse({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "x"}}}}),
        Event(b"", b""),
    ):
        assert decoder.feed(event) == []


def test_calls_beside_one_another() -> None:
    events = StreamEncoder().feed([Start("", ""), Called(3, "a", "f"), Called(4, "b", "g")])
    starts = [event.document["contentBlockStart"] for event in events[1:]]
    assert [start["contentBlockIndex"] for start in starts] == [0, 1]


def test_arguments_that_are_no_object() -> None:
    call = (ToolCall("1", "f", "["),)
    with pytest.raises(UpstreamError):
        encode(Answer(parts=call, stop=Stop.TOOLS))
    cut = encode(Answer(parts=call, stop=Stop.LENGTH))
    assert json.dumps(cut["output"]["message"]["content"][0]["toolUse"]["input"]) == "{}"
    for encoder in (StreamEncoder(), WholeEncoder()):
        with pytest.raises(UpstreamError):
            encoder.feed([Broken("x")])


def test_a_refusal_is_a_stop() -> None:
    said = encode(Answer(refusal="no"))
    assert (said["stopReason"], said["output"]["message"]["content"]) == ("content_filtered", [{"text": "no"}])
