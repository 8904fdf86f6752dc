"""Messages answers, streamed and whole, to and from deltas.

Source: `Message` and `RawMessageStreamEvent` of anthropic-python. Blocks of hosted tools cannot be said elsewhere: an answer
that holds one is refused, not cut.
"""

from collections.abc import Iterable
from functools import partial
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
    "end_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "tool_use": Stop.TOOLS,
    "stop_sequence": Stop.SEQUENCE,
    "refusal": Stop.REFUSED,
    "pause_turn": Stop.PAUSED,
}
_REASONS = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.TOOLS: "tool_use",
    Stop.SEQUENCE: "stop_sequence",
    Stop.REFUSED: "refusal",
    Stop.PAUSED: "pause_turn",
}


class Decoder:
    """Events of a provider that speaks this dialect in, deltas out. One per answer."""

    def __init__(self) -> None:
        self._usage: Json = {}
        self._finished = False
        self._called: set[int] = set()

    def feed(self, event: Event) -> list[Delta]:
        """What this event says. Raises UpstreamError (UPSTREAM_INVALID) for what is no answer."""
        document = document_of(event)
        if document is None:
            return []
        kind = document.get("type")
        if kind == "content_block_delta":
            return self._delta(_slot(document), _object(document, "delta"))
        if kind == "content_block_start":
            return self._block(_slot(document), _object(document, "content_block"), whole_call=False)
        if kind == "message_start":
            message = _object(document, "message")
            self._count(message)
            return [Start(_text(message, "id"), _text(message, "model"))]
        if kind == "message_delta":
            self._count(document)
            return [*self._finish(_object(document, "delta")), *self._counted()]
        if kind == "message_stop":
            if not self._finished:
                raise invalid()
            return [Ended()]
        if kind == "error":
            return [Broken(message_of(document))]
        return self._message(document) if kind == "message" else []

    def _message(self, document: Json) -> list[Delta]:
        out: list[Delta] = [Start(_text(document, "id"), _text(document, "model"))]
        content = document.get("content")
        for slot, block in enumerate(content if type(content) is list else ()):
            if type(block) is not dict:
                raise invalid()
            out += self._block(slot, block, whole_call=True)
        self._count(document)
        out += self._finish(document)
        if not self._finished:
            raise invalid()
        return [*out, *self._counted(), Ended()]

    def _finish(self, document: Json) -> list[Delta]:
        reason = document.get("stop_reason")
        if reason is None or self._finished:
            return []
        self._finished = True
        stop = _STOPS.get(reason, Stop.END) if type(reason) is str else Stop.END
        return [Finished(stop, _text(document, "stop_sequence") or None)]

    def _count(self, document: Json) -> None:
        report = document.get("usage")
        if type(report) is dict:
            self._usage.update((field, value) for field, value in report.items() if value is not None)

    def _counted(self) -> list[Delta]:
        report = self._usage
        sent, received = counted(report, "input_tokens"), counted(report, "output_tokens")
        if sent is None or received is None:
            return []
        cached = counted(report, "cache_read_input_tokens") or 0
        written = counted(report, "cache_creation_input_tokens") or 0
        reasoning = counted(report.get("output_tokens_details"), "thinking_tokens") or 0
        return [Counted(Usage(sent + cached + written, received, cached, written, reasoning))]

    def _delta(self, slot: int, delta: Json) -> list[Delta]:
        kind = delta.get("type")
        if kind == "text_delta":
            return [Said(_text(delta, "text"))]
        if kind == "input_json_delta":
            if slot not in self._called:
                raise invalid()
            return [Argued(slot, text)] if (text := _text(delta, "partial_json")) else []
        if kind == "thinking_delta":
            return [Thought(_text(delta, "thinking"))]
        if kind in ("signature_delta", "citations_delta"):
            return []
        raise invalid()

    def _block(self, slot: int, block: Json, *, whole_call: bool) -> list[Delta]:
        kind = block.get("type")
        if kind == "text":
            return [Said(text)] if (text := _text(block, "text")) else []
        if kind == "thinking":
            return [Thought(text)] if (text := _text(block, "thinking")) else []
        if kind == "tool_use":
            self._called.add(slot)
            called = Called(slot, _text(block, "id"), _text(block, "name"))
            arguments = block.get("input")
            if type(arguments) is dict and (arguments or whole_call):
                return [called, Argued(slot, arguments_text(arguments))]
            return [called]
        if kind == "redacted_thinking":
            return []
        raise invalid()


def _slot(document: Json) -> int:
    index = document.get("index")
    if type(index) is not int:
        raise invalid()
    return index


def _object(document: Json, field: str) -> Json:
    value = document.get(field)
    if type(value) is not dict:
        raise invalid()
    return value


def _text(document: Json, field: str) -> str:
    value = document.get(field)
    return value if type(value) is str else ""


def encode_usage(usage: Usage) -> Json:
    """The `usage` object, in which input tokens are those neither read from nor written to the cache."""
    return {
        "input_tokens": max(0, usage.input - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def _message(start: Start, content: list[Json]) -> Json:
    return {
        "id": start.id,
        "type": "message",
        "role": "assistant",
        "model": start.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
    }


class StreamEncoder:
    """Deltas in, named events out.

    Blocks stand one after another in this dialect. Of calls that arrive interleaved, one is sent as it comes; the others
    wait until it must be over: at the next text, or the end.
    """

    def __init__(self) -> None:
        self._index = -1
        self._open: str | int | None = None
        """What the open block holds: the kind of text, or a call's slot."""
        self._waiting: dict[int, tuple[Called, list[str]]] = {}
        self._closed: set[int] = set()
        self._refused = False
        self._finished = Finished(Stop.END)
        self._usage = Usage()

    def feed(self, deltas: Iterable[Delta]) -> list[Event]:
        """The events that say these deltas."""
        out: list[Event] = []
        for delta in deltas:
            if isinstance(delta, Said):
                self._say(out, "text", delta.text)
            elif isinstance(delta, Thought):
                self._say(out, "thinking", delta.text)
            elif isinstance(delta, Refused):
                self._refused = True
                self._say(out, "text", delta.text)
            elif isinstance(delta, Called):
                self._call(out, delta)
            elif isinstance(delta, Argued):
                self._argue(out, delta)
            elif isinstance(delta, Start):
                usage = {"input_tokens": 0, "output_tokens": 0}
                message = {**_message(delta, []), "usage": usage}
                out.append(sse({"type": "message_start", "message": message}, "message_start"))
            elif isinstance(delta, Finished):
                self._close_all(out)
                self._finished = delta
            elif isinstance(delta, Counted):
                self._usage = delta.usage
            elif isinstance(delta, Broken):
                error = {"type": "api_error", "message": delta.message}
                out.append(sse({"type": "error", "error": error}, "error"))
            else:
                self._end(out)
        return out

    def _say(self, out: list[Event], kind: str, text: str) -> None:
        if self._open != kind:
            self._close_all(out)
            block: Json = {"type": kind, kind: ""}
            if kind == "thinking":
                block["signature"] = ""
            self._begin(out, kind, block)
        self._delta(out, {"type": f"{kind}_delta", kind: text})

    def _call(self, out: list[Event], call: Called) -> None:
        if isinstance(self._open, int):
            self._waiting[call.slot] = (call, [])
            return
        self._close(out)
        self._begin_call(out, call)

    def _argue(self, out: list[Event], delta: Argued) -> None:
        if delta.slot == self._open:
            self._delta(out, {"type": "input_json_delta", "partial_json": delta.text})
        elif delta.slot in self._waiting:
            self._waiting[delta.slot][1].append(delta.text)
        else:
            raise invalid()

    def _begin_call(self, out: list[Event], call: Called) -> None:
        self._begin(out, call.slot, {"type": "tool_use", "id": call.id, "name": call.name, "input": {}})

    def _begin(self, out: list[Event], kind: str | int, block: Json) -> None:
        self._index += 1
        self._open = kind
        event = {"type": "content_block_start", "index": self._index, "content_block": block}
        out.append(sse(event, "content_block_start"))

    def _delta(self, out: list[Event], delta: Json) -> None:
        event = {"type": "content_block_delta", "index": self._index, "delta": delta}
        out.append(sse(event, "content_block_delta"))

    def _close(self, out: list[Event]) -> None:
        if self._open is not None:
            self._open = None
            out.append(sse({"type": "content_block_stop", "index": self._index}, "content_block_stop"))

    def _close_all(self, out: list[Event]) -> None:
        """Close the open block, and send the calls that waited for it."""
        self._close(out)
        for call, arguments in self._waiting.values():
            self._begin_call(out, call)
            if text := "".join(arguments):
                self._delta(out, {"type": "input_json_delta", "partial_json": text})
            self._close(out)
        self._waiting.clear()

    def _end(self, out: list[Event]) -> None:
        self._close_all(out)
        stop = Stop.REFUSED if self._refused else self._finished.stop
        delta = {"stop_reason": _REASONS[stop], "stop_sequence": self._finished.sequence}
        event = {"type": "message_delta", "delta": delta, "usage": encode_usage(self._usage)}
        out.append(sse(event, "message_delta"))
        out.append(sse({"type": "message_stop"}, "message_stop"))


def encode(answer: Answer) -> Json:
    """The body that says `answer`.

    Raises UpstreamError where a call's arguments are no object, unless the answer was cut off.
    """
    content: list[Json] = []
    for part in answer.parts:
        if isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Thinking):
            content.append({"type": "thinking", "thinking": part.text, "signature": ""})
        else:
            arguments: Any = arguments_object(part.arguments)
            if arguments is None:
                if answer.stop is not Stop.LENGTH:
                    raise invalid()
                arguments = {}
            content.append({"type": "tool_use", "id": part.id, "name": part.name, "input": arguments})
    if answer.refusal:
        if content and content[-1]["type"] == "text":
            content[-1]["text"] += answer.refusal
        else:
            content.append({"type": "text", "text": answer.refusal})
    body = _message(Start(answer.id, answer.model), content)
    body["stop_reason"] = _REASONS[Stop.REFUSED if answer.refusal else answer.stop]
    body["stop_sequence"] = answer.sequence
    body["usage"] = encode_usage(answer.usage or Usage())
    return body


WholeEncoder = partial(Gathered, encode)
"""Deltas in, one `message` body out once the answer is over."""
