"""Chat Completions answers, streamed and whole, to and from deltas.

Source: `ChatCompletion` and `ChatCompletionChunk` of openai-python, and `reasoning_content`, which other servers add.
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
    ToolCall,
)
from sluicegate.codecs.events import counted, document_of, invalid, message_of
from sluicegate.codecs.gathered import Gathered
from sluicegate.core.dialect import Json
from sluicegate.core.event import Event, frame, sse
from sluicegate.core.usage import Usage

_STOPS = {
    "stop": Stop.END,
    "length": Stop.LENGTH,
    "tool_calls": Stop.TOOLS,
    "function_call": Stop.TOOLS,
    "content_filter": Stop.REFUSED,
}
_REASONS = {
    Stop.END: "stop",
    Stop.LENGTH: "length",
    Stop.TOOLS: "tool_calls",
    Stop.SEQUENCE: "stop",
    Stop.REFUSED: "content_filter",
    Stop.PAUSED: "stop",
}
_DONE = b"[DONE]"


class Decoder:
    """Events of a provider that speaks this dialect in, deltas out. One per answer."""

    def __init__(self) -> None:
        self._started = False
        self._finished = False
        self._called: set[int] = set()

    def feed(self, event: Event) -> list[Delta]:
        """What this event says. Raises UpstreamError (UPSTREAM_INVALID) for what is no answer."""
        if event.framed and event.data.strip() == _DONE:
            if not self._finished:
                raise invalid()
            return [Ended()]
        document = document_of(event)
        if document is None:
            return []
        if document.get("error"):
            return [Broken(message_of(document))]
        out: list[Delta] = []
        if not self._started:
            self._started = True
            created = document.get("created")
            out.append(Start(_text(document, "id"), _text(document, "model"), created if type(created) is int else 0))
        choices = document.get("choices")
        if type(choices) is list and choices:
            if len(choices) > 1 or type(choices[0]) is not dict:
                raise invalid()
            self._choice(choices[0], out)
        usage = document.get("usage")
        if type(usage) is dict and (known := _decode_usage(usage)) is not None:
            out.append(Counted(known))
        if not event.framed:
            if not self._finished:
                raise invalid()
            out.append(Ended())
        return out

    def _choice(self, choice: Json, out: list[Delta]) -> None:
        body = choice.get("delta") or choice.get("message")
        if type(body) is dict:
            if thought := _text(body, "reasoning_content") or _text(body, "reasoning"):
                out.append(Thought(thought))
            if said := _text(body, "content"):
                out.append(Said(said))
            if refused := _text(body, "refusal"):
                out.append(Refused(refused))
            calls = body.get("tool_calls")
            for position, call in enumerate(calls if type(calls) is list else ()):
                self._call(call, position, out)
        reason = choice.get("finish_reason")
        if reason is not None and not self._finished:
            self._finished = True
            stop = _STOPS.get(reason, Stop.END) if type(reason) is str else Stop.END
            out.append(Finished(Stop.TOOLS if stop is Stop.END and self._called else stop))

    def _call(self, call: Any, position: int, out: list[Delta]) -> None:
        function = call.get("function") if type(call) is dict else None
        if type(function) is not dict:
            raise invalid()
        slot = call.get("index", position)
        if type(slot) is not int:
            raise invalid()
        if slot not in self._called:
            self._called.add(slot)
            out.append(Called(slot, _text(call, "id") or f"call_{slot}", _text(function, "name"), _signature(call)))
        if arguments := _text(function, "arguments"):
            out.append(Argued(slot, arguments))


def _signature(call: Json) -> str:
    """What Google's servers of this dialect add to a call."""
    extra = call.get("extra_content")
    google = extra.get("google") if type(extra) is dict else None
    return _text(google, "thought_signature") if type(google) is dict else ""


def _signed(call: Json, signature: str) -> Json:
    """`call`, with the signature that Gemini wants back, where the clients of Google's servers find it."""
    return {**call, "extra_content": {"google": {"thought_signature": signature}}} if signature else call


def _text(document: Json, field: str) -> str:
    value = document.get(field)
    return value if type(value) is str else ""


def _decode_usage(report: Json) -> Usage | None:
    sent, received = counted(report, "prompt_tokens"), counted(report, "completion_tokens")
    if sent is None or received is None:
        return None
    prompt, completion = report.get("prompt_tokens_details"), report.get("completion_tokens_details")
    cached = counted(prompt, "cached_tokens") or 0
    written = counted(prompt, "cache_write_tokens") or 0
    return Usage(sent, received, cached, written, counted(completion, "reasoning_tokens") or 0)


def encode_usage(usage: Usage) -> Json:
    """The `usage` object."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


class StreamEncoder:
    """Deltas in, `chat.completion.chunk` events out. Usage is reported in a chunk of its own before `[DONE]`."""

    def __init__(self) -> None:
        self._start = Start("", "")
        self._slots: dict[int, int] = {}
        self._usage: Usage | None = None

    def feed(self, deltas: Iterable[Delta]) -> list[Event]:
        """The events that say these deltas."""
        out: list[Event] = []
        for delta in deltas:
            if isinstance(delta, Said):
                out.append(self._chunk({"content": delta.text}))
            elif isinstance(delta, Thought):
                out.append(self._chunk({"reasoning_content": delta.text}))
            elif isinstance(delta, Refused):
                out.append(self._chunk({"refusal": delta.text}))
            elif isinstance(delta, Called):
                index = self._slots[delta.slot] = len(self._slots)
                function = {"name": delta.name, "arguments": ""}
                call = {"index": index, "id": delta.id, "type": "function", "function": function}
                out.append(self._chunk({"tool_calls": [_signed(call, delta.signature)]}))
            elif isinstance(delta, Argued):
                call = {"index": self._slots[delta.slot], "function": {"arguments": delta.text}}
                out.append(self._chunk({"tool_calls": [call]}))
            elif isinstance(delta, Start):
                self._start = delta
                out.append(self._chunk({"role": "assistant", "content": ""}))
            elif isinstance(delta, Finished):
                out.append(self._chunk({}, _REASONS[delta.stop]))
            elif isinstance(delta, Counted):
                self._usage = delta.usage
            elif isinstance(delta, Broken):
                out.append(sse({"error": {"message": delta.message, "type": "server_error", "param": None, "code": None}}))
            else:
                if self._usage is not None:
                    out.append(sse({**self._head(), "choices": [], "usage": encode_usage(self._usage)}))
                out.append(Event(frame(_DONE), _DONE))
        return out

    def _head(self) -> Json:
        start = self._start
        return {"id": start.id, "object": "chat.completion.chunk", "created": start.created, "model": start.model}

    def _chunk(self, delta: Json, reason: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return sse({**self._head(), "choices": [choice]})


def encode(answer: Answer) -> Json:
    """The body that says `answer`."""
    said = "".join(part.text for part in answer.parts if isinstance(part, Text))
    thought = "".join(part.text for part in answer.parts if isinstance(part, Thinking))
    calls = [
        _signed(
            {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}, part.signature
        )
        for part in answer.parts
        if isinstance(part, ToolCall)
    ]
    message: Json = {"role": "assistant", "content": said or (None if calls or answer.refusal else "")}
    message["refusal"] = answer.refusal or None
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _REASONS[answer.stop]}
    body: Json = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [choice],
    }
    if answer.usage is not None:
        body["usage"] = encode_usage(answer.usage)
    return body


WholeEncoder = partial(Gathered, encode)
"""Deltas in, one `chat.completion` body out once the answer is over."""
