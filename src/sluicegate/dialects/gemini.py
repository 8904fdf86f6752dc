"""Gemini (`POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`), as google-genai's types describe it.

The path names the model and says whether the answer is streamed, so each request has a small dialect of its own. A stream
is server-sent events (`?alt=sse`) or, without, one JSON array; no event marks its end: after a finish reason, the connection
does (`Event.last`). An error in mid-stream is an event with an `error` object, which the official SDKs raise as APIError.
"""

from collections.abc import Sequence
from typing import Self

import msgspec

from sluicegate.core.arguments import Arguments
from sluicegate.core.dialect import BOUNDS, Ask, Bounds, DialectName, Json, Piece, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import GatewayError, UpstreamRejected
from sluicegate.core.event import Event, JsonArray, frame
from sluicegate.core.usage import Usage
from sluicegate.dialects import gemini_request
from sluicegate.dialects.answers import document_of, tokens
from sluicegate.dialects.checks import wrong
from sluicegate.dialects.gemini_errors import status
from sluicegate.dialects.gemini_event import GeminiTold, candidates_of, told
from sluicegate.dialects.gemini_names import OWN, spelling
from sluicegate.dialects.gemini_places import read_spans

_encode = msgspec.json.Encoder().encode
_LOGPROBS = ("logprobsResult", "avgLogprobs")


class Gemini:
    """The dialect of one request; one without a model reads the answers of targets."""

    __slots__ = ("_stream", "framing", "model")

    name: DialectName = DialectName.GEMINI

    def __init__(self, model: str = "", *, stream: bool = False, array: bool = False) -> None:
        """`model` as the path names it; with `array` a stream is one JSON array."""
        self.model = model
        self._stream = stream
        self.framing = JsonArray() if stream and array else None

    @classmethod
    def asked(cls, arguments: Arguments) -> Self:
        """The dialect of a request by any verb but `:streamGenerateContent`."""
        return cls(arguments.path["model"])

    @classmethod
    def streamed(cls, arguments: Arguments) -> "Gemini":
        """The dialect of a request to `:streamGenerateContent`. Raises InvalidRequest for a form that is not spoken here."""
        parameters = arguments.parameters()
        forms = {*parameters.get("alt", ()), *parameters.get("$alt", ())}
        if not forms <= {"sse", "json"} or len(forms) > 1:
            raise wrong("alt", "`sse` or `json`")
        return cls(arguments.path["model"], stream=True, array="sse" not in forms)

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        return gemini_request.read(document, self.model, stream=self._stream)

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`; `gemini_places` lists what is structural."""
        return read_spans(document, bounds)

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
        """See `Dialect.bind_system`."""
        return gemini_request.bind_system(document, prompt, mode)

    def ask_usage(self, document: Json) -> bool:  # noqa: ARG002 - the protocol's signature
        """A stream reports usage by itself."""
        return False

    def bounded(self, document: Json, tokens: int) -> Json:
        """In `generationConfig`."""
        field = spelling(document, "generationConfig")
        config = {name: value for name, value in (document.get(field) or {}).items() if name != OWN["maxOutputTokens"]}
        return {**document, field: {**config, "maxOutputTokens": tokens}}

    def without_usage(self, event: Event) -> Event | None:
        """Nothing was asked for, so nothing is taken out."""
        return event

    def pieces(self, event: Event) -> list[Piece]:
        """Channels are `<candidate>.text`, `.thought`, `.call.<id>.args` and so on."""
        known = event.told
        return known.pieces if type(known) is GeminiTold else told(event).pieces

    def redacted(self, event: Event) -> bool:
        """Log probabilities spell the text out token by token."""
        removed = False
        if b'"logprobsResult"' in event.data:
            for candidate in candidates_of(document_of(event)):
                for field in _LOGPROBS:
                    removed |= candidate.pop(field, None) is not None
        return removed

    def unread(self, event: Event) -> Sequence[str]:
        """Images, sounds and other data."""
        known = event.told
        return known.unread if type(known) is GeminiTold else told(event).unread

    def ended(self, event: Event) -> bool:
        """A body, the last event before the connection's end, or an error in place of the rest."""
        if event.last:
            return True
        known = event.told
        return known.over if type(known) is GeminiTold else told(event).over

    def usage(self, event: Event, known: Usage) -> Usage:
        """The counts of `usageMetadata`, which are cumulative; untrue ones change nothing.

        Gemini counts thoughts beside the answer's other tokens, and what its own tools read beside the prompt: `Usage`
        includes them. Cached tokens are counted within the prompt.
        """
        known_event = event.told
        seen = known_event if type(known_event) is GeminiTold else told(event)
        report = seen.usage
        if type(report) is not dict:
            return known
        sent = tokens(report, "promptTokenCount")
        if not sent:  # no prompt has no tokens
            return known
        sent += tokens(report, "toolUsePromptTokenCount") or 0
        said, thought = tokens(report, "candidatesTokenCount"), tokens(report, "thoughtsTokenCount") or 0
        cached = min(tokens(report, "cachedContentTokenCount") or 0, sent)
        received = (said or 0) + thought
        if said is None and not thought:  # nothing is said of the answer, unless there is none
            estimated = known.estimated and event.framed and seen.finish is None
            return Usage(sent, known.output, cached, 0, known.reasoning, estimated)
        return Usage(sent, received, cached, 0, thought)

    def finish(self, event: Event) -> str | None:
        """The first `finishReason`, or why the prompt was blocked."""
        known = event.told
        return known.finish if type(known) is GeminiTold else told(event).finish

    def tool_calls(self, event: Event) -> Sequence[str]:
        """The names of functions called, and of the provider's own tools that ran."""
        known = event.told
        return known.calls if type(known) is GeminiTold else told(event).calls

    def heartbeat(self) -> Event:
        """An empty line: white space between events, and in an array; the official SDKs cannot read comments."""
        return Event(b"\n", b"")

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """`{"error": {code, message, status, details}}`; in a stream as its last event, in an array as its last element."""
        if isinstance(error, UpstreamRejected) and error.body and not streaming:
            return error.body
        data = _encode(status(error, exchange))
        if not streaming:
            return data
        return frame(data) if self.framing is None else self.framing.end(data)
