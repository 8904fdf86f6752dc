from typing import Any

import pytest

from sluicegate.core.errors import InvalidRequest, UpstreamError
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.usage import Unit, Usage
from sluicegate.dialects.openai_transcriptions import OpenAITranscriptions

DIALECT = OpenAITranscriptions()
FILE = {"filename": "a.wav", "media_type": "audio/wav", "data": "UklGRiQAAABXQVZF"}


def test_what_is_asked() -> None:
    document = {"model": "m", "file": FILE, "prompt": "names", "stream": "true", "timestamp_granularities[]": ["word"]}
    ask = DIALECT.read(document)
    assert (ask.model, ask.stream, ask.unit, ask.units, ask.blobs, ask.blob_bytes) == ("m", True, Unit.SECOND, 1, 1, 12)
    assert DIALECT.read({**document, "file": {**FILE, "data": "A" * 4_000_000}}).units == 3_000
    reading = DIALECT.spans(document)
    assert ([span.text for span in reading.spans], reading.unread) == (["a.wav", "audio/wav", "names"], ["audio"])


@pytest.mark.parametrize("wrong", [{"file": "text"}, {"file": None}, {"stream": "maybe"}, {"model": None}])
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        DIALECT.read({"model": "m", "file": FILE, **wrong})


def test_all_texts_are_governed_and_what_spells_them_out_goes() -> None:
    body = {
        "task": "transcribe",
        "text": "one two",
        "duration": 2.5,
        "segments": [{"id": 0, "text": "one", "tokens": [1, 2], "start": 0.0}, {"text": " two"}, "odd"],
        "words": [{"word": "one", "start": 0.0}, {"word": "two"}],
        "logprobs": [{"token": "one", "logprob": -0.1}],
    }
    event = whole(body)
    told = [(piece.channel, piece.text) for piece in DIALECT.pieces(event)]
    assert ("text", "one two") in told
    assert [text for channel, text in told if channel == "segments"] == ["one", " two"]
    assert [text for channel, text in told if channel == "words"] == ["one", "two"]
    assert ("segments.2", "odd") in told
    assert DIALECT.usage(event, Usage(estimated=True)) == Usage(estimated=True, units=3)
    assert DIALECT.redacted(event)
    assert event.document["logprobs"] == event.document["segments"][0]["tokens"] == []
    assert not DIALECT.redacted(event)


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        ({"type": "tokens", "input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        ({"type": "duration", "seconds": 7.2}, Usage(estimated=True, units=8)),
        ({"type": "duration", "seconds": -1}, Usage(estimated=True)),
        ({"type": "duration", "seconds": 1e30}, Usage(estimated=True)),
        ({"type": "duration", "seconds": "7"}, Usage(estimated=True)),
    ],
)
def test_usage(report: dict[str, Any], usage: Usage) -> None:
    assert DIALECT.usage(whole({"text": "a", "usage": report}), Usage(estimated=True)) == usage


def test_text_that_is_no_json_is_governed_and_rewritten() -> None:
    event = Event(b"hello Jane", b"", framed=False, kind="text/plain")
    [piece] = DIALECT.pieces(event)
    assert (piece.text, DIALECT.ended(event)) == ("hello Jane", True)
    piece.holder[piece.key] = "hello [NAME]"
    assert not DIALECT.redacted(event)
    event.rewrite()
    assert event.raw == b"hello [NAME]"
    with pytest.raises(UpstreamError):
        DIALECT.pieces(Event(b"\xff", b"", framed=False, kind="text/plain"))


def test_a_stream_ends_with_done() -> None:
    delta = sse({"type": "transcript.text.delta", "delta": "he", "logprobs": [{"token": "he"}]})
    done = sse({"type": "transcript.text.done", "text": "hello", "usage": {"input_tokens": 3, "output_tokens": 1}})
    assert (DIALECT.ended(delta), DIALECT.ended(done)) == (False, True)
    assert [(piece.channel, piece.text) for piece in DIALECT.pieces(delta)] == [("delta", "he")]
    assert [(piece.channel, piece.text) for piece in DIALECT.pieces(done)] == [("text", "hello")]
    assert DIALECT.usage(done, Usage(estimated=True)) == Usage(3, 1)
