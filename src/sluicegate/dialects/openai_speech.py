"""OpenAI Speech (`POST /v1/audio/speech`), as openai-python's types describe it.

The answer is sound, which cannot be read. It leaves in the pieces in which it arrives, or with `stream_format: sse` as
events to `speech.audio.done`.
"""

from collections.abc import Mapping, Sequence

from sluicegate.core.dialect import Ask, DialectName, Json, Place, SystemEdit, SystemMode
from sluicegate.core.encoded import is_base64
from sluicegate.core.event import Event
from sluicegate.core.usage import Unit
from sluicegate.dialects import checks
from sluicegate.dialects.answers import govern
from sluicegate.dialects.plain import STRUCTURAL, UNTOUCHED, Plain, PlainTold, named
from sluicegate.dialects.walk import Rule, fields, knob, structural, text, within, words

DELTA, DONE = "speech.audio.delta", "speech.audio.done"
_READ = frozenset({"input", "stream_format", "voice", "instructions", "response_format"})


class OpenAISpeech(Plain):
    """The dialect."""

    name = DialectName.OPENAI_SPEECH
    rules: Mapping[str, Rule] = {
        "model": structural,
        "input": text,
        "instructions": within(Place.SYSTEM, text),
        "voice": fields({"id": text}),
        "response_format": words("mp3", "opus", "aac", "flac", "wav", "pcm"),
        "stream_format": words("sse", "audio"),
        "speed": knob,
    }

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        model = named(document, _READ)
        spoken = checks.name(document, "input")
        form = document.get("stream_format")
        if form is not None and form not in ("sse", "audio"):
            raise checks.wrong("stream_format", "`sse` or `audio`")
        return Ask(model, form == "sse", None, media=True, unit=Unit.CHARACTER, units=len(spoken))

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:  # noqa: ARG002
        """Instructions say how to speak. They go where the use case drops its clients' own; none are put in their place."""
        if document.get("instructions") is None:
            return UNTOUCHED
        if mode is SystemMode.APPEND:
            return SystemEdit(appended=1)
        del document["instructions"]
        return SystemEdit(dropped=1)

    def say(self, document: Json, told: PlainTold) -> None:
        """See `Plain.say`."""
        told.over = told.over or document.get("type") == DONE
        for field, value in document.items():
            if field == "audio" and type(value) is str and is_base64(value):
                told.unread = ("audio",)
            elif field not in STRUCTURAL and not (field == "type" and value in (DELTA, DONE)):
                govern(told.pieces, field, document, field, value)

    def unread(self, event: Event) -> Sequence[str]:
        """Sound, as events hold it or as it is."""
        return ("audio",) if event.kind else self.told(event).unread

    def ended(self, event: Event) -> bool:
        """Of sound, its last piece."""
        return event.last if event.kind else self.told(event).over

    def heartbeat(self) -> Event:
        """Nothing can stand in sound that is none."""
        return Event(b"", b"")
