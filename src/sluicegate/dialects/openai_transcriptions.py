"""OpenAI Transcriptions (`POST /v1/audio/transcriptions`), as openai-python's types describe it.

The request is a form (`web/form.py`); the sound in it cannot be read. The answer is text, in JSON or as it is, or a stream
of events to `transcript.text.done`.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

import msgspec

from sluicegate.core.dialect import Ask, DialectName, Json, Piece
from sluicegate.core.event import Event
from sluicegate.core.usage import Unit, Usage
from sluicegate.dialects import checks
from sluicegate.dialects.answers import document_of, govern
from sluicegate.dialects.plain import STRUCTURAL, Plain, PlainTold, named
from sluicegate.dialects.walk import Rule, blob, each, fields, nested, structural, text, words

BYTES_PER_SECOND = 1_000
"""Of the most compressed sound (8 kbit/s): a file of so many bytes holds at most a second."""
DONE = "transcript.text.done"
_EVENTS = frozenset({"transcript.text.delta", "transcript.text.segment", DONE})
_READ = frozenset({"file", "stream", "prompt", "language", "response_format", "temperature"})
_TELLING = ("logprobs", "tokens")
"""Members that spell the text out again."""
_LONGEST = 10_000_000
"""Seconds; more is not believed."""
_FORMS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")


class OpenAITranscriptions(Plain):
    """The dialect."""

    name = DialectName.OPENAI_TRANSCRIPTIONS
    rules: Mapping[str, Rule] = {
        "model": structural,
        "file": fields({"filename": text, "media_type": text, "data": blob("audio")}),
        "prompt": text,
        "language": text,
        "temperature": text,
        "response_format": words(*_FORMS),
        "stream": words("true", "false"),
        "timestamp_granularities[]": each(words("word", "segment")),
        "include[]": each(words("logprobs")),
        "chunking_strategy": nested,
    }

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        model = named(document, _READ)
        file = document.get("file")
        if type(file) is not dict:
            raise checks.wrong("file", "a file")
        size = len(file["data"])
        seconds = -(-size * 3 // (4 * BYTES_PER_SECOND))
        return Ask(
            model, _flag(document), None, blobs=1, blob_bytes=size * 3 // 4, media=True, unit=Unit.SECOND, units=seconds
        )

    def told(self, event: Event) -> PlainTold:
        """See `Plain.told`; text that is no JSON is governed as a whole."""
        known = event.told
        if type(known) is PlainTold or not event.kind:
            return super().told(event)
        document = event.as_text()
        event.told = found = PlainTold([Piece("text", document, "text", document["text"])], None, None, (), (), over=True)
        return found

    def say(self, document: Json, told: PlainTold) -> None:
        """See `Plain.say`. Words and segments, which say the text again, are each one text all together."""
        told.over = told.over or document.get("type") == DONE
        if told.usage is None and "duration" in document:
            told.usage = {"type": "duration", "seconds": document["duration"]}
        for field, value in document.items():
            if field in ("words", "segments") and type(value) is list:
                for index, element in enumerate(value):
                    _said_again(value, index, element, field, told)
            elif not (
                field in STRUCTURAL
                or field in _TELLING
                or (field == "type" and value in _EVENTS)
                or (field == "duration" and type(value) is not str)
            ):
                govern(told.pieces, field, document, field, value)

    def redacted(self, event: Event) -> bool:
        """Log probabilities and tokens spell the text out."""
        removed = False
        document = None if event.kind else document_of(event)
        if document is not None:
            segments = document.get("segments")
            for holder in (document, *(segments if type(segments) is list else ())):
                for field in _TELLING:
                    if type(holder) is dict and holder.get(field):
                        holder[field] = []
                        removed = True
        return removed

    def usage(self, event: Event, known: Usage) -> Usage:
        """Tokens, or how long the sound is."""
        report = self.told(event).usage
        if type(report) is dict and report.get("type") == "duration":
            seconds = report.get("seconds")
            if isinstance(seconds, int | float) and 0 < seconds <= _LONGEST:
                return msgspec.structs.replace(known, units=ceil(seconds))
        return super().usage(event, known)


def _flag(document: Json) -> bool:
    """Whether events are asked for."""
    value = document.get("stream")
    if value is None:
        return False
    if type(value) is not str or value.lower() not in ("true", "false"):
        raise checks.wrong("stream", "`true` or `false`")
    return value.lower() == "true"


def _said_again(elements: list[Any], index: int, element: Any, field: str, told: PlainTold) -> None:
    if type(element) is not dict:
        govern(told.pieces, f"{field}.{index}", elements, index, element)
        return
    for name, value in element.items():
        if name in ("text", "word") and type(value) is str:
            told.pieces.append(Piece(field, element, name, value))
        elif name not in _TELLING and type(value) not in (int, float):
            govern(told.pieces, f"{field}.{index}.{name}", element, name, value)
