"""Answers of Amazon Bedrock's Converse and ConverseStream, to and from deltas.

Source: the service model `bedrock-runtime` of botocore. An event is `{"<its name>": {…}}`, as `providers/eventstream.py`
makes it. The API names neither the answer nor its model. What another dialect cannot say (pictures, results of hosted tools)
makes the answer unreadable: it is refused, not cut.
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
from sluicegate.codecs.events import counted, document_of, invalid
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
    "content_filtered": Stop.REFUSED,
    "guardrail_intervened": Stop.REFUSED,
}
_REASONS = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.TOOLS: "tool_use",
    Stop.SEQUENCE: "stop_sequence",
    Stop.REFUSED: "content_filtered",
    Stop.PAUSED: "end_turn",
}
_PASSED = frozenset({"cachePoint"})
"""Blocks that say nothing."""


class Decoder:
    """Events of a provider that speaks this dialect in, deltas out. One per answer."""

    def __init__(self) -> None:
        self._finished = False
        self._called: set[int] = set()

    def feed(self, event: Event) -> list[Delta]:
        """What this event says. Raises UpstreamError (UPSTREAM_INVALID) for what is no answer."""
        document = document_of(event)
        if document is None:
            return []
        if not event.framed:
            return self._answer(document)
        if len(document) != 1:
            raise invalid()
        ((name, value),) = document.items()
        if type(value) is not dict:
            raise invalid()
        if name == "contentBlockDelta":
            return self._delta(_slot(value), _object(value, "delta"))
        if name == "contentBlockStart":
            return self._begin(_slot(value), _object(value, "start"))
        if name == "messageStart":
            return [Start("", "")]
        if name == "messageStop":
            return self._finish(value)
        if name == "metadata":
            if not self._finished:
                raise invalid()
            return [*_counted(value), Ended()]
        return []

    def _answer(self, document: Json) -> list[Delta]:
        out: list[Delta] = [Start("", "")]
        content = _object(_object(document, "output"), "message").get("content")
        for slot, block in enumerate(content if type(content) is list else ()):
            if type(block) is not dict:
                raise invalid()
            out += self._block(slot, block)
        return [*out, *self._finish(document), *_counted(document), Ended()]

    def _finish(self, document: Json) -> list[Delta]:
        reason = document.get("stopReason")
        if type(reason) is not str:
            raise invalid()
        self._finished = True
        more = document.get("additionalModelResponseFields")
        sequence = more.get("stop_sequence") if type(more) is dict else None
        return [Finished(_STOPS.get(reason, Stop.END), sequence if type(sequence) is str else None)]

    def _begin(self, slot: int, start: Json) -> list[Delta]:
        use = start.get("toolUse")
        if use is None and not start:
            return []
        if type(use) is not dict or use.get("type") is not None:
            raise invalid()
        self._called.add(slot)
        return [Called(slot, _text(use, "toolUseId"), _text(use, "name"))]

    def _delta(self, slot: int, delta: Json) -> list[Delta]:
        if type(text := delta.get("text")) is str:
            return [Said(text)] if text else []
        if type(use := delta.get("toolUse")) is dict:
            if slot not in self._called:
                raise invalid()
            return [Argued(slot, text)] if (text := _text(use, "input")) else []
        if type(thought := delta.get("reasoningContent")) is dict:
            return [Thought(text)] if (text := _text(thought, "text")) else []
        if "citation" in delta:
            return []
        raise invalid()

    def _block(self, slot: int, block: Json) -> list[Delta]:
        if type(text := block.get("text")) is str:
            return [Said(text)] if text else []
        if type(use := block.get("toolUse")) is dict and use.get("type") is None:
            arguments = use.get("input")
            called = Called(slot, _text(use, "toolUseId"), _text(use, "name"))
            return [called, Argued(slot, arguments_text({} if arguments is None else arguments))]
        if type(thought := block.get("reasoningContent")) is dict:
            shown = thought.get("reasoningText")
            return [Thought(text)] if type(shown) is dict and (text := _text(shown, "text")) else []
        if type(cited := block.get("citationsContent")) is dict and type(parts := cited.get("content")) is list:
            return [Said(text) for part in parts if type(part) is dict and (text := _text(part, "text"))]
        if block.keys() <= _PASSED:
            return []
        raise invalid()


def _counted(document: Json) -> list[Delta]:
    """The count of input tokens is without those that were read from or written to the cache."""
    report = document.get("usage")
    sent, received = counted(report, "inputTokens"), counted(report, "outputTokens")
    if sent is None or received is None:
        return []
    cached = counted(report, "cacheReadInputTokens") or 0
    written = counted(report, "cacheWriteInputTokens") or 0
    return [Counted(Usage(sent + cached + written, received, cached, written))]


def _slot(document: Json) -> int:
    index = document.get("contentBlockIndex")
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
    """The `usage` object."""
    fresh = max(0, usage.input - usage.cached - usage.cache_write)
    return {
        "inputTokens": fresh,
        "outputTokens": usage.output,
        "totalTokens": usage.input + usage.output,
        "cacheReadInputTokens": usage.cached,
        "cacheWriteInputTokens": usage.cache_write,
    }


class StreamEncoder:
    """Deltas in, events out; blocks may stand beside one another, told apart by their numbers."""

    def __init__(self) -> None:
        self._index = -1
        self._open = ""
        self._slots: dict[int, int] = {}
        self._usage = Usage()
        self._stop = Stop.END

    def feed(self, deltas: Iterable[Delta]) -> list[Event]:
        """The events that say these deltas."""
        out: list[Event] = []
        for delta in deltas:
            if isinstance(delta, Said | Refused):
                if isinstance(delta, Refused):
                    self._stop = Stop.REFUSED
                self._say(out, "text", {"text": delta.text})
            elif isinstance(delta, Thought):
                self._say(out, "thought", {"reasoningContent": {"text": delta.text}})
            elif isinstance(delta, Called):
                self._index += 1
                self._open = ""
                self._slots[delta.slot] = self._index
                use = {"toolUseId": delta.id, "name": delta.name}
                start = {"start": {"toolUse": use}, "contentBlockIndex": self._index}
                out.append(sse({"contentBlockStart": start}))
            elif isinstance(delta, Argued):
                self._delta(out, self._slots[delta.slot], {"toolUse": {"input": delta.text}})
            elif isinstance(delta, Start):
                out.append(sse({"messageStart": {"role": "assistant"}}))
            elif isinstance(delta, Finished):
                out.append(sse({"messageStop": _stopped(delta, self._stop)}))
            elif isinstance(delta, Counted):
                self._usage = delta.usage
            elif isinstance(delta, Broken):
                raise invalid()
            else:
                out.append(sse({"metadata": {"usage": encode_usage(self._usage), "metrics": {"latencyMs": 0}}}))
        return out

    def _say(self, out: list[Event], kind: str, delta: Json) -> None:
        if self._open != kind:
            self._index += 1
            self._open = kind
        self._delta(out, self._index, delta)

    def _delta(self, out: list[Event], index: int, delta: Json) -> None:
        out.append(sse({"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}}))


def encode(answer: Answer) -> Json:
    """The body that says `answer`. Raises UpstreamError where a call's arguments are no object, unless it was cut off."""
    content: list[Json] = []
    for part in answer.parts:
        if isinstance(part, Text):
            content.append({"text": part.text})
        elif isinstance(part, Thinking):
            content.append({"reasoningContent": {"reasoningText": {"text": part.text}}})
        else:
            arguments: Any = arguments_object(part.arguments)
            if arguments is None and answer.stop is not Stop.LENGTH:
                raise invalid()
            content.append({"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments or {}}})
    if answer.refusal:
        content.append({"text": answer.refusal})
    stopped = _stopped(Finished(answer.stop, answer.sequence), Stop.REFUSED if answer.refusal else Stop.END)
    message = {"role": "assistant", "content": content}
    usage = encode_usage(answer.usage or Usage())
    return {"output": {"message": message}, **stopped, "usage": usage, "metrics": {"latencyMs": 0}}


WholeEncoder = partial(Gathered, encode)
"""Deltas in, one body out once the answer is over."""


def _stopped(finished: Finished, known: Stop) -> Json:
    out: Json = {"stopReason": _REASONS[known if known is Stop.REFUSED else finished.stop]}
    if finished.sequence is not None:
        out["additionalModelResponseFields"] = {"stop_sequence": finished.sequence}
    return out
