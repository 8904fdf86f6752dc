"""Gemini answers, streamed and whole, to and from deltas.

Source: `GenerateContentResponse` of ai.google.dev/api/generate-content. Parts that cannot be said elsewhere (code that the
provider ran, images, sounds) refuse the answer: it is not cut. What is said about an answer (citations, ratings, sources of
a search) is left out.
"""

from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from typing import Any

from sluicegate.codecs.conversation import (
    Answer,
    Argued,
    Broken,
    Called,
    Counted,
    Delta,
    Ended,
    Finished,
    Refused,
    Said,
    Start,
    Stop,
    Text,
    Thinking,
    Thought,
)
from sluicegate.codecs.events import counted, document_of, invalid, message_of
from sluicegate.codecs.gathered import Gathered
from sluicegate.codecs.reading import arguments_object, arguments_text
from sluicegate.core.dialect import Json
from sluicegate.core.event import Event, sse
from sluicegate.core.usage import Usage

_STOPS = {
    "STOP": Stop.END,
    "MAX_TOKENS": Stop.LENGTH,
    "SAFETY": Stop.REFUSED,
    "RECITATION": Stop.REFUSED,
    "LANGUAGE": Stop.REFUSED,
    "BLOCKLIST": Stop.REFUSED,
    "PROHIBITED_CONTENT": Stop.REFUSED,
    "SPII": Stop.REFUSED,
    "IMAGE_SAFETY": Stop.REFUSED,
    "MODEL_ARMOR": Stop.REFUSED,
}
_FAILURES = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)
"""Reasons to finish that say that the model failed."""
_REASONS = {
    Stop.END: "STOP",
    Stop.LENGTH: "MAX_TOKENS",
    Stop.TOOLS: "STOP",
    Stop.SEQUENCE: "STOP",
    Stop.REFUSED: "SAFETY",
    Stop.PAUSED: "STOP",
}
_ABOUT = frozenset({"thought", "thoughtSignature", "partMetadata"})


class Decoder:
    """Events of a provider that speaks this dialect in, deltas out. One per answer."""

    def __init__(self) -> None:
        self._start: Start | None = None
        self._finished: Finished | None = None
        self._calls = 0
        self._usage: Usage | None = None

    def feed(self, event: Event) -> list[Delta]:
        """What this event says. Raises UpstreamError (UPSTREAM_INVALID) for what is no answer."""
        document = document_of(event)
        if document is None:
            return []
        if document.get("error"):
            return [Broken(message_of(document))]
        out: list[Delta] = []
        if self._start is None:
            self._start = Start(_text(document, "responseId"), _text(document, "modelVersion"))
            out.append(self._start)
        feedback = document.get("promptFeedback")
        if type(feedback) is dict and feedback.get("blockReason"):
            self._finished = Finished(Stop.REFUSED)
        candidates = document.get("candidates")
        if type(candidates) is list and candidates:
            if len(candidates) > 1 or type(candidates[0]) is not dict:
                raise invalid()
            if (failure := self._candidate(candidates[0], out)) is not None:
                return [*out, failure]
        self._usage = _decode_usage(document.get("usageMetadata")) or self._usage
        if event.last or not event.framed:
            self._end(out)
        return out

    def _end(self, out: list[Delta]) -> None:
        finished = self._finished
        if finished is None:
            raise invalid()
        out.append(Finished(Stop.TOOLS) if finished.stop is Stop.END and self._calls else finished)
        if self._usage is not None:
            out.append(Counted(self._usage))
        out.append(Ended())

    def _candidate(self, candidate: Json, out: list[Delta]) -> Broken | None:
        content = candidate.get("content")
        parts = content.get("parts") if type(content) is dict else None
        for part in parts if type(parts) is list else ():
            if type(part) is not dict:
                raise invalid()
            self._part(part, out)
        reason = candidate.get("finishReason")
        if type(reason) is str:
            if reason in _FAILURES:
                return Broken(f"The model ended with {reason}.")
            self._finished = Finished(_STOPS.get(reason, Stop.END))
        return None

    def _part(self, part: Json, out: list[Delta]) -> None:
        text, call = part.get("text"), part.get("functionCall")
        if type(text) is str:
            if text:
                out.append(Thought(text) if part.get("thought") is True else Said(text))
        elif type(call) is dict:
            self._call(call, _text(part, "thoughtSignature"), out)
        elif not part.keys() <= _ABOUT:
            raise invalid()

    def _call(self, call: Json, signature: str, out: list[Delta]) -> None:
        arguments, name = call.get("args") or {}, _text(call, "name")
        if type(arguments) is not dict or call.get("partialArgs") or call.get("willContinue"):
            raise invalid()
        slot, self._calls = self._calls, self._calls + 1
        id = _text(call, "id") or self._id(slot, name)
        out += [Called(slot, id, name, signature), Argued(slot, arguments_text(arguments))]

    def _id(self, slot: int, name: str) -> str:
        """An id for a call that has none: of this answer and of no other."""
        answer = self._start.id if self._start is not None else ""
        return f"call_{sha256(f'{answer} {slot} {name}'.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _text(document: Json, field: str) -> str:
    value = document.get(field)
    return value if type(value) is str else ""


def _decode_usage(report: Any) -> Usage | None:
    sent = counted(report, "promptTokenCount")
    if not sent:
        return None
    sent += counted(report, "toolUsePromptTokenCount") or 0
    thought = counted(report, "thoughtsTokenCount") or 0
    received = (counted(report, "candidatesTokenCount") or 0) + thought
    return Usage(sent, received, counted(report, "cachedContentTokenCount") or 0, 0, thought)


def encode_usage(usage: Usage) -> Json:
    """The `usageMetadata` object, in which thoughts stand beside the answer's other tokens."""
    return {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": max(0, usage.output - usage.reasoning),
        "totalTokenCount": usage.total,
        "cachedContentTokenCount": usage.cached,
        "thoughtsTokenCount": usage.reasoning,
    }


def _response(start: Start, parts: list[Json], usage: Usage | None = None, reason: str | None = None) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    response: Json = {"candidates": [candidate]}
    if usage is not None:
        response["usageMetadata"] = encode_usage(usage)
    return {**response, "modelVersion": start.model, "responseId": start.id}


class StreamEncoder:
    """Deltas in, events out. A call is said whole, so calls wait until they surely are: at the next text, or the end."""

    def __init__(self) -> None:
        self._start = Start("", "")
        self._calls: dict[int, tuple[Called, list[str]]] = {}
        self._finished = Finished(Stop.END)
        self._refused = False
        self._usage: Usage | None = None

    def feed(self, deltas: Iterable[Delta]) -> list[Event]:
        """The events that say these deltas."""
        out: list[Event] = []
        for delta in deltas:
            if isinstance(delta, Said | Refused):
                self._refused = self._refused or isinstance(delta, Refused)
                self._say(out, {"text": delta.text})
            elif isinstance(delta, Thought):
                self._say(out, {"text": delta.text, "thought": True})
            elif isinstance(delta, Called):
                self._calls[delta.slot] = (delta, [])
            elif isinstance(delta, Argued):
                if delta.slot not in self._calls:
                    raise invalid()
                self._calls[delta.slot][1].append(delta.text)
            elif isinstance(delta, Start):
                self._start = delta
            elif isinstance(delta, Finished):
                self._finished = delta
            elif isinstance(delta, Counted):
                self._usage = delta.usage
            elif isinstance(delta, Broken):
                error = {"code": 500, "message": delta.message, "status": "INTERNAL"}
                out.append(sse({"error": error}))
            else:
                out.append(self._end())
        return out

    def _say(self, out: list[Event], part: Json) -> None:
        """A text; calls before it that are whole leave first."""
        if self._calls and all(arguments_object("".join(text)) for _, text in self._calls.values()):
            out.append(sse(_response(self._start, self._called())))
        out.append(sse(_response(self._start, [part])))

    def _called(self) -> list[Json]:
        cut = self._finished.stop is Stop.LENGTH
        parts = [_encode_call(call, "".join(arguments), cut=cut) for call, arguments in self._calls.values()]
        self._calls.clear()
        return parts

    def _end(self) -> Event:
        stop = Stop.REFUSED if self._refused else self._finished.stop
        event = sse(_response(self._start, self._called() or [{"text": ""}], self._usage, _REASONS[stop]))
        event.last = True
        return event


def _encode_call(call: Called, text: str, *, cut: bool) -> Json:
    """Raises UpstreamError where the arguments are no object, unless the answer was cut off."""
    arguments = arguments_object(text)
    if arguments is None:
        if not cut:
            raise invalid()
        arguments = {}
    part: Json = {"functionCall": {"id": call.id, "name": call.name, "args": arguments}}
    if call.signature:
        part["thoughtSignature"] = call.signature
    return part


def encode(answer: Answer) -> Json:
    """The body that says `answer`. Raises UpstreamError where a call's arguments are no object, unless it was cut off."""
    parts: list[Json] = []
    for part in answer.parts:
        if isinstance(part, Text):
            parts.append({"text": part.text})
        elif isinstance(part, Thinking):
            parts.append({"text": part.text, "thought": True})
        else:
            call = Called(0, part.id, part.name, part.signature)
            parts.append(_encode_call(call, part.arguments, cut=answer.stop is Stop.LENGTH))
    if answer.refusal:
        parts.append({"text": answer.refusal})
    stop = Stop.REFUSED if answer.refusal else answer.stop
    return _response(Start(answer.id, answer.model), parts or [{"text": ""}], answer.usage, _REASONS[stop])


WholeEncoder = partial(Gathered, encode)
"""Deltas in, one body out once the answer is over."""
