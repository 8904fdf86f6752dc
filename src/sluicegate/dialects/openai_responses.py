"""OpenAI Responses (`POST /v1/responses`), as openai-python's types describe it.

A stream is named events from `response.created` to `response.completed`, `response.incomplete` or `response.failed`; an
error in mid-stream is an `error` event, which the official SDKs raise as APIError.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from sluicegate.core.dialect import BOUNDS, Ask, Bounds, DialectName, Json, Piece, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import GatewayError, UpstreamRejected
from sluicegate.core.event import Event, frame
from sluicegate.core.usage import Usage
from sluicegate.dialects import openai_responses_request
from sluicegate.dialects.answers import document_of, openai_error, tokens
from sluicegate.dialects.openai_responses_event import ResponsesTold, told
from sluicegate.dialects.openai_responses_places import read_spans

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_encode = msgspec.json.Encoder().encode


class OpenAIResponses:
    """The dialect."""

    name = DialectName.OPENAI_RESPONSES

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        return openai_responses_request.read(document)

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`; `openai_responses_places` lists what is structural."""
        return read_spans(document, bounds)

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
        """See `Dialect.bind_system`."""
        return openai_responses_request.bind_system(document, prompt, mode)

    def ask_usage(self, document: Json) -> bool:  # noqa: ARG002 - the protocol's signature
        """The last event reports usage by itself."""
        return False

    def bounded(self, document: Json, tokens: int) -> Json:
        """The bound counts reasoning as well."""
        return {**document, "max_output_tokens": tokens}

    def without_usage(self, event: Event) -> Event | None:
        """Nothing was asked for, so nothing is taken out."""
        return event

    def pieces(self, event: Event) -> list[Piece]:
        """Channels are `<item>.<list>.<index>.<field>` and `<item>.<field>`; a whole body uses the same as the stream."""
        known = event.told
        return known.pieces if type(known) is ResponsesTold else told(event).pieces

    def echoed(self, event: Event, sent: Json) -> Collection[str]:
        """See `Restating.echoed`: the fields of the request that an answer's first and last events repeat."""
        response = _response_of(event)
        if response is None:
            return ()
        return [f"response.{field}" for field, value in response.items() if field in sent and sent[field] == value]

    def seals(self, sent: Json) -> bool:
        """See `Restating.seals`."""
        include = sent.get("include")
        return type(include) is list and "reasoning.encrypted_content" in include

    def answer_id(self, event: Event) -> str | None:
        """See `Restating.answer_id`."""
        id = (_response_of(event) or {}).get("id")
        return id if type(id) is str and _ID.fullmatch(id) else None

    def unsay_prompt(self, event: Event) -> bool:
        """See `Restating.unsay_prompt`: `instructions` is what every request of the use case has."""
        response = _response_of(event)
        if response is None or response.get("instructions") is None:
            return False
        response["instructions"] = None
        return True

    def redacted(self, event: Event) -> bool:
        """Log probabilities spell the text out token by token, beside each text that an event says."""
        if b'"logprobs"' not in event.data:
            return False
        document = document_of(event)
        return document is not None and _without_logprobs(document)

    def unread(self, event: Event) -> Sequence[str]:
        """Images that were made, and sound."""
        known = event.told
        return known.unread if type(known) is ResponsesTold else told(event).unread

    def ended(self, event: Event) -> bool:
        """A body; the event that holds the whole answer; or an error in place of the rest."""
        known = event.told
        return known.over if type(known) is ResponsesTold else told(event).over

    def usage(self, event: Event, known: Usage) -> Usage:
        """The counts of the last event's `usage`; what cannot be true leaves `known` as it was."""
        seen = event.told
        report = (seen if type(seen) is ResponsesTold else told(event)).usage
        if type(report) is not dict:
            return known
        sent, received = tokens(report, "input_tokens"), tokens(report, "output_tokens")
        if not sent or received is None:  # no prompt has no tokens
            return known
        prompt, answer = report.get("input_tokens_details"), report.get("output_tokens_details")
        cached = tokens(prompt, "cached_tokens") or 0 if type(prompt) is dict else 0
        written = tokens(prompt, "cache_write_tokens") or 0 if type(prompt) is dict else 0
        reasoning = tokens(answer, "reasoning_tokens") or 0 if type(answer) is dict else 0
        cached = min(cached, sent)
        return Usage(sent, received, cached, min(written, sent - cached), min(reasoning, received))

    def finish(self, event: Event) -> str | None:
        """The answer's status, or why it is incomplete."""
        known = event.told
        return known.finish if type(known) is ResponsesTold else told(event).finish

    def tool_calls(self, event: Event) -> Sequence[str]:
        """The names of tools, from the event that begins each call; of hosted ones without a name the type."""
        known = event.told
        return known.calls if type(known) is ResponsesTold else told(event).calls

    def heartbeat(self) -> Event:
        """A comment, which readers of server-sent events skip."""
        return Event(b": held\n\n", b"")

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """`{"error": {message, type, param, code}}` and the exchange's id; in a stream the event `error`, which has the same
        beside the fields of the API's own.
        """
        if isinstance(error, UpstreamRejected) and error.body and not streaming:
            return error.body
        body = openai_error(error, exchange)
        if not streaming:
            return _encode(body)
        told = {"code": error.reason, "message": error.message, "param": error.field}
        return frame(_encode({"type": "error", "sequence_number": 0, **told, **body}), "error")


def _response_of(event: Event) -> Json | None:
    """The whole answer that an event tells, as far as it has come."""
    document = event.document
    if type(document) is not dict:
        return None
    response = document.get("response") if event.framed else document
    return response if type(response) is dict else None


def _without_logprobs(document: Json) -> bool:
    """Empty every `logprobs` of the places that the API has for them; whether there was any."""
    response = document.get("response")
    output: Any = (response if type(response) is dict else document).get("output")
    items = [document.get("item"), *(output if type(output) is list else ())]
    contents: list[Any] = [item.get("content") for item in items if type(item) is dict]
    parts = [part for content in contents if type(content) is list for part in content]
    removed = False
    for holder in (document, document.get("part"), *parts):
        if type(holder) is dict and holder.get("logprobs"):
            holder["logprobs"] = []
            removed = True
    return removed
