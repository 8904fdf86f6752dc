"""Anthropic Messages (`POST /v1/messages`), as anthropic-python's types describe it.

A stream is named events from `message_start` to `message_stop`; an error in mid-stream is an `error` event, which the
official SDKs raise as APIStatusError.
"""

from collections.abc import Sequence

import msgspec

from sluicegate.core.dialect import BOUNDS, Ask, Bounds, DialectName, Json, Piece, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import GatewayError, UpstreamRejected
from sluicegate.core.event import Event, frame, sse
from sluicegate.core.usage import Usage
from sluicegate.dialects import anthropic_request
from sluicegate.dialects.answers import explained, tokens
from sluicegate.dialects.anthropic_event import MessagesTold, told
from sluicegate.dialects.anthropic_places import read_spans

_encode = msgspec.json.Encoder().encode
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class AnthropicMessages:
    """The dialect."""

    name = DialectName.ANTHROPIC_MESSAGES

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        return anthropic_request.read(document)

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`; `anthropic_places` lists what is structural."""
        return read_spans(document, bounds)

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
        """See `Dialect.bind_system`."""
        return anthropic_request.bind_system(document, prompt, mode)

    def ask_usage(self, document: Json) -> bool:  # noqa: ARG002 - the protocol's signature
        """A stream reports usage by itself."""
        return False

    def bounded(self, document: Json, tokens: int) -> Json:
        """Each request must say it itself."""
        return {"max_tokens": tokens, **document}

    def without_usage(self, event: Event) -> Event | None:
        """Nothing was asked for, so nothing is taken out."""
        return event

    def pieces(self, event: Event) -> list[Piece]:
        """Channels are `<block>.<field>`; a whole body uses the same ones as the stream of it."""
        known = event.told
        return known.pieces if type(known) is MessagesTold else told(event).pieces

    def redacted(self, event: Event) -> bool:  # noqa: ARG002 - the protocol's signature
        """Nothing beside the text tells it again."""
        return False

    def unread(self, event: Event) -> Sequence[str]:
        """The types of blocks and deltas with data that no text is in; what a provider encrypted for itself is none."""
        known = event.told
        return known.unread if type(known) is MessagesTold else told(event).unread

    def ended(self, event: Event) -> bool:
        """A body, `message_stop`, or an error in place of the rest."""
        known = event.told
        return known.over if type(known) is MessagesTold else told(event).over

    def usage(self, event: Event, known: Usage) -> Usage:
        """The counts of `message_start` and of `message_delta`, which are cumulative; untrue ones change nothing.

        Anthropic counts input tokens without those read from or written to the cache; `Usage.input` includes them.
        """
        seen = event.told
        report = (seen if type(seen) is MessagesTold else told(event)).usage
        if type(report) is not dict:
            return known
        received, sent = tokens(report, "output_tokens"), tokens(report, "input_tokens")
        if received is None:
            return known
        cached = _either(tokens(report, "cache_read_input_tokens"), known.cached)
        written = _either(tokens(report, "cache_creation_input_tokens"), known.cache_write)
        fresh = _either(sent, known.input - known.cached - known.cache_write)
        if fresh + cached + written <= 0:  # no prompt has no tokens: a translated stream begins with such a zero
            return known
        details = report.get("output_tokens_details")
        thinking = tokens(details, "thinking_tokens") if type(details) is dict else None
        reasoning = min(_either(thinking, known.reasoning), received)
        return Usage(fresh + cached + written, received, cached, written, reasoning, known.estimated and sent is None)

    def finish(self, event: Event) -> str | None:
        """The `stop_reason`."""
        known = event.told
        return known.finish if type(known) is MessagesTold else told(event).finish

    def tool_calls(self, event: Event) -> Sequence[str]:
        """The names in the `tool_use` blocks that begin here, those of hosted and MCP tools among them."""
        known = event.told
        return known.calls if type(known) is MessagesTold else told(event).calls

    def heartbeat(self) -> Event:
        """The event `ping`, which may come anywhere in a stream."""
        return sse({"type": "ping"}, "ping")

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """`{"type": "error", "error": {type, message}, "request_id"}`; in a stream as the event `error`."""
        if isinstance(error, UpstreamRejected) and error.body and not streaming:
            return error.body
        kind = _KINDS.get(error.status) or ("api_error" if error.status >= 500 else "invalid_request_error")
        detail: Json = {"type": kind, "message": error.message, "code": error.reason, **explained(error, exchange)}
        if error.field is not None:
            detail["param"] = error.field
        data = _encode({"type": "error", "error": detail, "request_id": exchange})
        return frame(data, "error") if streaming else data


def _either(reported: int | None, known: int) -> int:
    return known if reported is None else reported
