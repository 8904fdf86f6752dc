"""The built-in demo model: deterministic, in this process, OpenAI Chat Completions, streamed or not, with tool calls.

It repeats what it was told, calls a declared tool when the text names it, and reports what the tool returned. A token is a
word with the space after it, in the prompt and in the answer alike.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import TracebackType
from typing import Any

import msgspec

from sluicegate.core.errors import UpstreamRejected
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.provider import Request, Target

CREATED = 1_767_225_600
"""Every answer is made at the same second, so that the same request gives the same bytes."""

QUOTED = 600
"""Characters of the client's text that are repeated."""

DONE = Event(b"data: [DONE]\n\n", b"[DONE]")

_WORD = re.compile(r"\s*\S+\s?")
_NUMBER = re.compile(r"-?\d+")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class DemoProvider:
    """Answers in process; it can neither be unreachable nor be slow."""

    def send(self, target: Target, request: Request) -> "DemoCall":  # noqa: ARG002 - every provider takes a target
        """One call; see core.provider.Provider."""
        return DemoCall(request.body, request.stream)


class DemoCall:
    """One call and its answer: an event for each read, so that a stream is one."""

    def __init__(self, document: bytes, stream: bool) -> None:
        self._document = document
        self._stream = stream
        self._events: list[Event] = []
        self._next = 0
        self.status = 200
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> "DemoCall":
        document = _decode(self._document)
        if not isinstance(document, dict) or not isinstance(document.get("messages"), list):
            body = _encode(
                {"error": {"message": "messages is missing.", "type": "invalid_request_error", "param": "messages"}}
            )
            raise UpstreamRejected(400, body, "The demo model was sent no messages.")
        reply = _Reply(document, sha256(self._document).hexdigest())
        self._events = reply.stream() if self._stream else [whole(reply.document())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events = []

    async def read(self) -> Sequence[Event]:
        """See core.provider.Answer."""
        if self._next:
            await asyncio.sleep(0)
        if self._next >= len(self._events):
            return ()
        self._next += 1
        return (self._events[self._next - 1],)


class _Reply:
    """What is answered to one request."""

    def __init__(self, document: dict[str, Any], digest: str) -> None:
        self.id = f"chatcmpl-{digest[:24]}"
        self.model = document.get("model") if isinstance(document.get("model"), str) else "demo"
        self.call: tuple[str, str, str] | None = None
        """A tool call: its id, name and arguments."""
        messages = [m for m in document["messages"] if isinstance(m, dict)]
        texts = [_text(message.get("content")) for message in messages]
        self.prompt_tokens = sum(len(_words(text)) for text in texts)
        tool = _wanted(document, messages, texts)
        if tool is not None:
            name = tool["name"]
            self.call = (f"call_{digest[24:48]}", name, _encode(_arguments(tool, _asked(messages, texts))).decode())
            self.words = _words(self.call[2])
            self.finish = "tool_calls"
        else:
            self.words = _words(_answer(messages, texts))
            self.finish = "stop"
            bound = document.get("max_completion_tokens") or document.get("max_tokens")
            if isinstance(bound, int) and 0 < bound < len(self.words):
                self.words, self.finish = self.words[:bound], "length"
        options = document.get("stream_options")
        self.tells_usage = isinstance(options, dict) and options.get("include_usage") is True

    def usage(self) -> dict[str, int]:
        answered = max(1, len(self.words))
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": answered,
            "total_tokens": self.prompt_tokens + answered,
        }

    def document(self) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if self.call else "".join(self.words),
            "refusal": None,
        }
        if self.call is not None:
            ident, name, arguments = self.call
            message["tool_calls"] = [{"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        return self._head("chat.completion") | {"choices": [choice], "usage": self.usage()}

    def stream(self) -> list[Event]:
        first: dict[str, Any] = {"role": "assistant", "content": None if self.call else ""}
        if self.call is not None:
            ident, name, _ = self.call
            called = {"index": 0, "id": ident, "type": "function", "function": {"name": name, "arguments": ""}}
            first["tool_calls"] = [called]
        events = [self._chunk(first)]
        for word in self.words:
            piece = {"tool_calls": [{"index": 0, "function": {"arguments": word}}]} if self.call else {"content": word}
            events.append(self._chunk(piece))
        events.append(self._chunk({}, self.finish))
        if self.tells_usage:
            events.append(sse(self._head("chat.completion.chunk") | {"choices": [], "usage": self.usage()}))
        return [*events, DONE]

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": CREATED, "model": self.model}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse(self._head("chat.completion.chunk") | {"choices": [choice]})


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _text(content: Any) -> str:
    """The text of a message's content, which is a string or parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str))


def _asked(messages: list[dict[str, Any]], texts: list[str]) -> str:
    """What the user said last."""
    said = [text for message, text in zip(messages, texts, strict=True) if message.get("role") == "user" and text]
    return said[-1] if said else ""


def _answer(messages: list[dict[str, Any]], texts: list[str]) -> str:
    if messages and messages[-1].get("role") == "tool":
        return f"The tool answered: {texts[-1][:QUOTED].strip() or 'nothing'}"
    asked = _asked(messages, texts).strip()
    if not asked:
        return "This is the demo model of Sluicegate. Say something, and it is said back."
    return f"This is the demo model of Sluicegate. You said: {asked[-QUOTED:]}"


def _wanted(document: dict[str, Any], messages: list[dict[str, Any]], texts: list[str]) -> dict[str, Any] | None:
    """The declared tool that the user's text names, or that the request forces; none once a tool has answered."""
    choice = document.get("tool_choice")
    tools = [tool.get("function") for tool in _list(document.get("tools")) if isinstance(tool, dict)]
    declared = [tool for tool in tools if isinstance(tool, dict) and isinstance(tool.get("name"), str) and tool["name"]]
    if choice == "none" or not declared or (messages and messages[-1].get("role") == "tool"):
        return None
    if isinstance(choice, dict):
        function = choice.get("function")
        forced = function.get("name") if isinstance(function, dict) else None
        return next((tool for tool in declared if tool["name"] == forced), None)
    asked = _asked(messages, texts).lower()
    named = [tool for tool in declared if re.search(rf"(?<!\w){re.escape(tool['name'].lower())}(?!\w)", asked)]
    if named:
        return max(named, key=lambda tool: len(tool["name"]))
    return declared[0] if choice == "required" else None


def _arguments(tool: dict[str, Any], asked: str) -> dict[str, Any]:
    """Arguments that fit the tool's schema as far as a simple reading of it goes."""
    schema = tool.get("parameters")
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        return {}
    required = [name for name in _list(schema.get("required")) if isinstance(name, str)]
    names = required or list(schema["properties"])
    return {name: _value(schema["properties"].get(name), asked) for name in names}


def _value(schema: Any, asked: str) -> Any:
    if not isinstance(schema, dict):
        return asked[:QUOTED]
    if options := _list(schema.get("enum")):
        return options[0]
    kind = schema.get("type")
    if kind in ("integer", "number"):
        found = _NUMBER.search(asked)
        return int(found.group()[:15]) if found else 1
    simple: dict[str, Any] = {"boolean": True, "array": [], "object": {}, "null": None}
    return simple[kind] if isinstance(kind, str) and kind in simple else asked[:QUOTED]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
