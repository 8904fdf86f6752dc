"""OpenAI Chat Completions (`POST /v1/chat/completions`), as openai-python's types describe it.

A stream is `chat.completion.chunk` objects, then `data: [DONE]`; an error in mid-stream is an event with an `error` object,
which the official SDKs raise as APIError.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from sluicegate.core.dialect import BOUNDS, Ask, Bounds, DialectName, Json, Piece, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import GatewayError, UpstreamRejected
from sluicegate.core.event import Event, frame
from sluicegate.core.usage import Usage
from sluicegate.dialects import openai_request
from sluicegate.dialects.answers import document_of, explained, govern, is_name, tokens
from sluicegate.dialects.openai_places import read_spans

_DONE = b"[DONE]"
_encode = msgspec.json.Encoder().encode
_STRUCTURAL = frozenset(
    {"id", "object", "created", "model", "service_tier", "system_fingerprint", "obfuscation", "choices", "usage"}
)
_CHOICE = frozenset({"index", "logprobs", "delta", "message", "finish_reason"})
_FINISH = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_ROLES = frozenset({"assistant", "developer", "system", "user", "tool"})
_LONGEST_FINISH = 64
_NULL_USAGE = b',"usage":null'
_KINDS = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class OpenAIChat:
    """The dialect."""

    name = DialectName.OPENAI_CHAT

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        return openai_request.read(document)

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`; `openai_places` lists what is structural."""
        return read_spans(document, bounds)

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
        """See `Dialect.bind_system`."""
        return openai_request.bind_system(document, prompt, mode)

    def ask_usage(self, document: Json) -> bool:
        """A stream reports usage only where `stream_options.include_usage` asks for it."""
        if document.get("stream") is not True:
            return False
        options = document.get("stream_options")
        if options is None:
            document["stream_options"] = {"include_usage": True}
            return True
        if options.get("include_usage") is True:
            return False
        options["include_usage"] = True
        return True

    def bounded(self, document: Json, tokens: int) -> Json:
        """By the newer of its two names; `max_tokens` is refused by models that reason."""
        return {**document, "max_completion_tokens": tokens}

    def without_usage(self, event: Event) -> Event | None:
        """Take out the closing event that holds usage alone, and the `usage: null` of the others.

        A provider that reports usage unasked, beside choices, is left as it is.
        """
        if not event.framed or b'"usage"' not in event.data:
            return event
        document = document_of(event)
        if document is None or "usage" not in document:
            return event
        if document["usage"] is None:
            if event.data.count(_NULL_USAGE) == 1 and event.raw.count(event.data) == 1:
                data = event.data.replace(_NULL_USAGE, b"")
                event.raw, event.data = event.raw.replace(event.data, data), data
                del document["usage"]
                return event
            del document["usage"]
            event.rewrite()
        elif not document.get("choices"):
            if document.keys() <= _STRUCTURAL:
                return None
            del document["usage"]
            event.rewrite()
        return event

    def pieces(self, event: Event) -> list[Piece]:
        """Channels are `<choice>.<field>` and `<choice>.tool_calls.<index>.<field>`."""
        document = document_of(event)
        pieces: list[Piece] = []
        if document is None:
            return pieces
        for field, value in document.items():
            if field not in _STRUCTURAL:
                govern(pieces, field, document, field, value)
        choices = document.get("choices")
        if type(choices) is list:
            for position, choice in enumerate(choices):
                _choice_pieces(pieces, choices, position, choice)
        elif choices is not None:
            govern(pieces, "choices", document, "choices", choices)
        return pieces

    def redacted(self, event: Event) -> bool:
        """Log probabilities spell the text out token by token, maybe in another event than the text itself."""
        removed = False
        if b'"logprobs"' in event.data:
            for choice in _choices(document_of(event)):
                if choice.get("logprobs") is not None:
                    choice["logprobs"] = None
                    removed = True
        return removed

    def unread(self, event: Event) -> Sequence[str]:
        """Sounds (`audio.data`) and images (`images`, as some providers answer)."""
        if b'"audio"' not in event.data and b'"images"' not in event.data:
            return ()
        found: list[str] = []
        for choice in _choices(document_of(event)):
            for body in (choice.get("delta"), choice.get("message")):
                if type(body) is dict:
                    audio = body.get("audio")
                    if type(audio) is dict and audio.get("data"):
                        found.append("audio")
                    if body.get("images"):
                        found.append("image")
        return found

    def ended(self, event: Event) -> bool:
        """A body, `[DONE]`, or an error in place of the rest."""
        if not event.framed or event.data == _DONE:
            return True
        if b'"error"' in event.data:
            document = document_of(event)
            return document is not None and bool(document.get("error"))
        return event.data.strip() == _DONE if event.data[:1] in (b" ", b"[") else False

    def usage(self, event: Event, known: Usage) -> Usage:
        """The counts of the `usage` object; what cannot be true leaves `known` as it was."""
        if b'"usage"' not in event.data or _NULL_USAGE in event.data:
            return known
        document = document_of(event)
        report = document.get("usage") if document is not None else None
        if type(report) is not dict:
            return known
        sent, received = tokens(report, "prompt_tokens"), tokens(report, "completion_tokens")
        if not sent or received is None:  # no prompt has no tokens
            return known
        prompt, completion = report.get("prompt_tokens_details"), report.get("completion_tokens_details")
        cached = tokens(prompt, "cached_tokens") or 0 if type(prompt) is dict else 0
        written = tokens(prompt, "cache_write_tokens") or 0 if type(prompt) is dict else 0
        reasoning = tokens(completion, "reasoning_tokens") or 0 if type(completion) is dict else 0
        cached = min(cached, sent)
        return Usage(sent, received, cached, min(written, sent - cached), min(reasoning, received))

    def finish(self, event: Event) -> str | None:
        """The first `finish_reason`."""
        data = event.data
        if data.count(b'"finish_reason"') == data.count(b'"finish_reason":null'):
            return None
        for choice in _choices(document_of(event)):
            reason = choice.get("finish_reason")
            if type(reason) is str and reason:
                return reason[:_LONGEST_FINISH]
        return None

    def tool_calls(self, event: Event) -> Sequence[str]:
        """The names of functions and custom tools, which a stream gives in a call's first piece."""
        if b"_call" not in event.data:
            return ()
        names: list[str] = []
        for choice in _choices(document_of(event)):
            body = choice.get("delta") or choice.get("message")
            if type(body) is not dict:
                continue
            calls = body.get("tool_calls")
            for call in [*(calls if type(calls) is list else ()), {"function": body.get("function_call")}]:
                tool = (call.get("function") or call.get("custom")) if type(call) is dict else None
                called = tool.get("name") if type(tool) is dict else None
                if type(called) is str and called:
                    names.append(called)
        return names

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """`{"error": {message, type, param, code}}` and the exchange's id; in a stream an event that no `[DONE]` follows."""
        if isinstance(error, UpstreamRejected) and error.body and not streaming:
            return error.body
        kind = _KINDS.get(error.status) or ("server_error" if error.status >= 500 else "invalid_request_error")
        body = {
            "error": {
                "message": error.message,
                "type": kind,
                "param": error.field,
                "code": error.reason,
                **explained(error, exchange),
            }
        }
        data = _encode(body)
        return frame(data) if streaming else data


def _choices(document: Json | None) -> list[Json]:
    choices = document.get("choices") if document is not None else None
    return [choice for choice in choices if type(choice) is dict] if type(choices) is list else []


def _choice_pieces(pieces: list[Piece], choices: list[Any], position: int, choice: Any) -> None:
    if type(choice) is not dict:
        govern(pieces, f"choices.{position}", choices, position, choice)
        return
    index = choice.get("index", position)
    for field, value in choice.items():
        if value is None or field not in _CHOICE:
            govern(pieces, f"{index}.{field}", choice, field, value)
        elif field == "delta" or field == "message":
            _body_pieces(pieces, index, choice, field, value)
        elif field == "finish_reason" and (type(value) is not str or value not in _FINISH):
            govern(pieces, f"{index}.finish_reason", choice, field, value)


def _body_pieces(pieces: list[Piece], index: Any, choice: Json, name: str, body: Any) -> None:
    if type(body) is not dict:
        govern(pieces, f"{index}.{name}", choice, name, body)
        return
    for field, value in body.items():
        if type(value) is str:
            if field != "role" or value not in _ROLES:
                pieces.append(Piece(f"{index}.{field}", body, field, value))
        elif value is None:
            continue
        elif field == "tool_calls" and type(value) is list:
            for position, call in enumerate(value):
                _call_pieces(pieces, f"{index}.tool_calls", value, position, call)
        elif field == "function_call" and type(value) is dict:
            _tool_pieces(pieces, f"{index}.function_call", value)
        elif field == "audio" and type(value) is dict:
            for member, part in value.items():
                if member not in ("id", "data"):
                    govern(pieces, f"{index}.audio.{member}", value, member, part)
        else:
            govern(pieces, f"{index}.{field}", body, field, value)


def _call_pieces(pieces: list[Piece], channel: str, calls: list[Any], position: int, call: Any) -> None:
    if type(call) is not dict:
        govern(pieces, f"{channel}.{position}", calls, position, call)
        return
    channel = f"{channel}.{call.get('index', position)}"
    for field, value in call.items():
        if field in ("function", "custom") and type(value) is dict:
            _tool_pieces(pieces, channel, value)
        elif field not in ("id", "index", "type"):
            govern(pieces, f"{channel}.{field}", call, field, value)


def _tool_pieces(pieces: list[Piece], channel: str, tool: Json) -> None:
    """A tool's name is one the client declared, or it calls nothing; what does not look like a name is governed."""
    for field, value in tool.items():
        if field == "arguments" and type(value) is str:
            pieces.append(Piece(f"{channel}.arguments", tool, field, value, True))
        elif field != "name" or not is_name(value):
            govern(pieces, f"{channel}.{field}", tool, field, value)
