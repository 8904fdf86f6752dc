"""OpenAI Chat Completions (`POST /v1/chat/completions`), as openai-python's types describe it.

A stream is `chat.completion.chunk` objects, then `data: [DONE]`; an error in mid-stream is an event with an `error` object,
which the official SDKs raise as APIError.
"""

from collections.abc import Sequence

import msgspec

from sluicegate.core.dialect import BOUNDS, Ask, Bounds, DialectName, Json, Piece, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import GatewayError, UpstreamRejected
from sluicegate.core.event import Event, frame
from sluicegate.core.usage import Usage
from sluicegate.dialects import openai_request
from sluicegate.dialects.answers import document_of, openai_error, tokens
from sluicegate.dialects.openai_event import STRUCTURAL, ChatTold, choices_of, told
from sluicegate.dialects.openai_places import read_spans

_encode = msgspec.json.Encoder().encode
_NULL_USAGE = b',"usage":null'


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
            if document.keys() <= STRUCTURAL:
                return None
            del document["usage"]
            event.rewrite()
        return event

    def pieces(self, event: Event) -> list[Piece]:
        """Channels are `<choice>.<field>` and `<choice>.tool_calls.<index>.<field>`."""
        known = event.told
        return known.pieces if type(known) is ChatTold else told(event).pieces

    def redacted(self, event: Event) -> bool:
        """Log probabilities spell the text out token by token, maybe in another event than the text itself."""
        removed = False
        if b'"logprobs"' in event.data:
            for choice in choices_of(document_of(event)):
                if choice.get("logprobs") is not None:
                    choice["logprobs"] = None
                    removed = True
        return removed

    def unread(self, event: Event) -> Sequence[str]:
        """Sounds (`audio.data`) and images (`images`, as some providers answer)."""
        known = event.told
        return known.unread if type(known) is ChatTold else told(event).unread

    def ended(self, event: Event) -> bool:
        """A body, `[DONE]`, or an error in place of the rest."""
        known = event.told
        return known.over if type(known) is ChatTold else told(event).over

    def usage(self, event: Event, known: Usage) -> Usage:
        """The counts of the `usage` object; what cannot be true leaves `known` as it was.

        Some vendors say elsewhere what was cached (DeepSeek, Moonshot), or count reasoning beside the answer (xAI), which
        their total shows.
        """
        seen = event.told
        report = (seen if type(seen) is ChatTold else told(event)).usage
        if type(report) is not dict:
            return known
        sent, received = tokens(report, "prompt_tokens"), tokens(report, "completion_tokens")
        if not sent or received is None:  # no prompt has no tokens
            return known
        prompt, completion = report.get("prompt_tokens_details"), report.get("completion_tokens_details")
        cached = tokens(prompt, "cached_tokens") or 0 if type(prompt) is dict else _cached(report)
        written = tokens(prompt, "cache_write_tokens") or 0 if type(prompt) is dict else 0
        reasoning = tokens(completion, "reasoning_tokens") or 0 if type(completion) is dict else 0
        if reasoning and tokens(report, "total_tokens") == sent + received + reasoning:
            received += reasoning
        cached = min(cached, sent)
        return Usage(sent, received, cached, min(written, sent - cached), min(reasoning, received))

    def finish(self, event: Event) -> str | None:
        """The first `finish_reason`."""
        known = event.told
        return known.finish if type(known) is ChatTold else told(event).finish

    def tool_calls(self, event: Event) -> Sequence[str]:
        """The names of functions and custom tools, which a stream gives in a call's first piece."""
        known = event.told
        return known.calls if type(known) is ChatTold else told(event).calls

    def heartbeat(self) -> Event:
        """A comment, which readers of server-sent events skip."""
        return Event(b": held\n\n", b"")

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """`{"error": {message, type, param, code}}` and the exchange's id; in a stream an event that no `[DONE]` follows."""
        if isinstance(error, UpstreamRejected) and error.body and not streaming:
            return error.body
        data = _encode(openai_error(error, exchange))
        return frame(data) if streaming else data


def _cached(report: Json) -> int:
    """The tokens read from a cache, where no details of the prompt are given."""
    return tokens(report, "prompt_cache_hit_tokens") or tokens(report, "cached_tokens") or 0
