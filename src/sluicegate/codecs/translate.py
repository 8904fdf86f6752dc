"""Where client and target speak different dialects, two codecs meet in the canonical conversation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from sluicegate.codecs import (
    anthropic_answer,
    anthropic_messages,
    bedrock_answer,
    bedrock_converse,
    gemini,
    gemini_answer,
    openai_answer,
    openai_chat,
    openai_responses,
    openai_responses_answer,
)
from sluicegate.codecs.conversation import Conversation, Delta, Ended, Start, Tool
from sluicegate.codecs.events import UNEXPLAINED, message_of
from sluicegate.codecs.openai_responses_tools import as_declared, declared
from sluicegate.core.dialect import DialectName, Json
from sluicegate.core.errors import UnsupportedFeature
from sluicegate.core.event import Event
from sluicegate.core.ids import new_id

DEFAULT_MAX_TOKENS = 4_096
"""The bound on an answer where the target's API requires one and neither the client nor the target gave any."""


class _Decoder(Protocol):
    def feed(self, event: Event) -> list[Delta]: ...


class _Encoder(Protocol):
    def feed(self, deltas: Sequence[Delta]) -> list[Event]: ...


class _Codec(msgspec.Struct, frozen=True):
    """One dialect's four directions."""

    decode: Callable[[Json, dict[str, None]], Conversation]
    encode: Callable[[Conversation, dict[str, None], int], Json]
    decoder: Callable[[], _Decoder]
    stream: Callable[[], _Encoder]
    whole: Callable[[], _Encoder]


_CODECS = {
    DialectName.OPENAI_CHAT: _Codec(
        openai_chat.decode,
        openai_chat.encode,
        openai_answer.Decoder,
        openai_answer.StreamEncoder,
        openai_answer.WholeEncoder,
    ),
    DialectName.OPENAI_RESPONSES: _Codec(
        openai_responses.decode,
        openai_responses.encode,
        openai_responses_answer.Decoder,
        openai_responses_answer.StreamEncoder,
        openai_responses_answer.WholeEncoder,
    ),
    DialectName.ANTHROPIC_MESSAGES: _Codec(
        anthropic_messages.decode,
        anthropic_messages.encode,
        anthropic_answer.Decoder,
        anthropic_answer.StreamEncoder,
        anthropic_answer.WholeEncoder,
    ),
    DialectName.GEMINI: _Codec(
        gemini.decode,
        gemini.encode,
        gemini_answer.Decoder,
        gemini_answer.StreamEncoder,
        gemini_answer.WholeEncoder,
    ),
    DialectName.BEDROCK_CONVERSE: _Codec(
        bedrock_converse.decode,
        bedrock_converse.encode,
        bedrock_answer.Decoder,
        bedrock_answer.StreamEncoder,
        bedrock_answer.WholeEncoder,
    ),
}


class AnswerTranslator:
    """One answer on its way back: the target's events in, the client's out. Streamed in, streamed out."""

    def __init__(self, client: _Codec, target: _Codec, tools: Mapping[str, Tool], model: str) -> None:
        """`tools` are called in the answer otherwise than their client declared them.

        `model`, if any, and an id of ours stand where the target's dialect names neither answer nor model.
        """
        self._decoder = target.decoder()
        self._client = client
        self._tools = tools
        self._model = model
        self._encoder: _Encoder | None = None
        self._over = False

    def feed(self, events: Sequence[Event]) -> list[Event]:
        """The client's events that these say. Raises UpstreamError (UPSTREAM_INVALID) for what is no answer."""
        out: list[Event] = []
        for event in events:
            if self._over:
                break
            if self._encoder is None:
                self._encoder = self._client.stream() if event.framed else self._client.whole()
            deltas = self._decoder.feed(event)
            if self._model and deltas:
                deltas = self._named(deltas)
            self._over = any(isinstance(delta, Ended) for delta in deltas)
            out += self._encoder.feed(as_declared(deltas, self._tools) if self._tools else deltas)
        return out

    def _named(self, deltas: list[Delta]) -> list[Delta]:
        """The first deltas, with what their dialect does not say."""
        model, self._model = self._model, ""
        start = deltas[0]
        if not isinstance(start, Start) or (start.id and start.model):
            return deltas
        named = msgspec.structs.replace(start, id=start.id or new_id(), model=start.model or model)
        return [named, *deltas[1:]]

    def flush(self) -> list[Event]:
        """The answer is over: nothing waits. An answer that was cut off stays without an end, so that it shows."""
        return []


class Translation:
    """One exchange between a client of one dialect and a target of another."""

    def __init__(self, client: _Codec, target: _Codec) -> None:
        self._client = client
        self._target = target
        self._tools: Mapping[str, Tool] = {}
        self._model = ""
        self.dropped: tuple[str, ...] = ()
        """The knobs of the last request that the target's dialect has no word for, by name, in the client's words."""

    def request(
        self, document: Json, model: str, max_output_tokens: int = DEFAULT_MAX_TOKENS, *, stream: bool | None = None
    ) -> Json:
        """The client's `document`, which stays as it is, as a request for `model` in the target's dialect.

        `stream` is given where the client's document does not say whether its answer is streamed.

        Raises UnsupportedFeature naming the field that cannot be said.
        """
        dropped: dict[str, None] = {}
        conversation = self._client.decode(document, dropped)
        self._tools = declared(conversation.tools)
        self._model = model
        streamed = conversation.stream if stream is None else stream
        said = msgspec.structs.replace(conversation, model=model, stream=streamed)
        translated = self._target.encode(said, dropped, max_output_tokens)
        self.dropped = tuple(dropped)
        return translated

    def answer(self) -> AnswerTranslator:
        """A translator for one answer."""
        return AnswerTranslator(self._client, self._target, self._tools, self._model)

    def rejected(self, status: int, body: bytes) -> tuple[int, str]:
        """What to tell the client of the target's error answer: its status, and its message without the target's framing."""
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return status, UNEXPLAINED
        return status, message_of(document)


def translation(client: DialectName, target: DialectName) -> Translation | None:
    """How to carry an exchange between the two; None where they are the same and nothing needs translating.

    Raises UnsupportedFeature where one of them is no conversation.
    """
    if client is target:
        return None
    ours, theirs = _CODECS.get(client), _CODECS.get(target)
    if ours is None or theirs is None:
        raise UnsupportedFeature("model", f"No deployment of this model speaks {client}, which is never translated.")
    return Translation(ours, theirs)
