from typing import Any

import pytest

from sluicegate.core.dialect import Place, SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import Event, sse
from sluicegate.core.usage import Unit, Usage
from sluicegate.dialects.openai_speech import OpenAISpeech

DIALECT = OpenAISpeech()


def test_what_is_asked() -> None:
    document = {"model": "m", "input": "hello", "voice": "alloy", "instructions": "Whisper.", "speed": 1.5}
    ask = DIALECT.read(document)
    assert (ask.model, ask.unit, ask.units, ask.stream) == ("m", Unit.CHARACTER, 5, False)
    assert DIALECT.read({**document, "stream_format": "sse"}).stream
    places = {span.text: span.place for span in DIALECT.spans(document).spans}
    assert places == {"hello": Place.OTHER, "alloy": Place.OTHER, "Whisper.": Place.SYSTEM}


@pytest.mark.parametrize("wrong", [{"input": ""}, {"input": ["a"]}, {"stream_format": "x"}, {"model": None}])
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        DIALECT.read({"model": "m", "input": "a", **wrong})


def test_instructions_go_where_the_use_case_drops_them() -> None:
    document = {"input": "a", "instructions": "Shout."}
    assert DIALECT.bind_system(document, None, SystemMode.APPEND).appended == 1
    assert DIALECT.bind_system(document, None, SystemMode.DROP).dropped == 1
    assert document == {"input": "a"}
    assert not DIALECT.bind_system(document, "Be kind.", SystemMode.DROP).changed


def test_sound_is_unread_and_ends_with_its_last_piece() -> None:
    first, last = (
        Event(b"a", b"", framed=False, kind="audio/mpeg"),
        Event(b"b", b"", framed=False, kind="audio/mpeg", last=True),
    )
    assert (DIALECT.ended(first), DIALECT.ended(last)) == (False, True)
    assert (DIALECT.unread(first), DIALECT.pieces(first)) == (("audio",), [])
    assert DIALECT.heartbeat().raw == b""


def test_events_end_with_done() -> None:
    delta = sse({"type": "speech.audio.delta", "audio": "UklGRg=="})
    done = sse({"type": "speech.audio.done", "usage": {"input_tokens": 2, "output_tokens": 9}})
    assert (DIALECT.ended(delta), DIALECT.ended(done)) == (False, True)
    assert (DIALECT.unread(delta), DIALECT.pieces(delta), DIALECT.pieces(done)) == (("audio",), [], [])
    assert DIALECT.usage(done, Usage(estimated=True)) == Usage(2, 9)
    assert [piece.text for piece in DIALECT.pieces(sse({"type": "x", "audio": "no base64!"}))] == ["x", "no base64!"]
