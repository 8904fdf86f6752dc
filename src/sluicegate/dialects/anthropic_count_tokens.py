"""Anthropic's count of tokens (`POST /v1/messages/count_tokens`), as anthropic-python's types describe it.

The request is that of Messages without a bound on the answer, which is one number. Nobody charges for it.
"""

from collections.abc import Sequence

import msgspec

from sluicegate.core.dialect import Ask, DialectName, Json, Piece
from sluicegate.core.event import Event
from sluicegate.core.usage import Unit, Usage
from sluicegate.dialects.answers import document_of, govern
from sluicegate.dialects.anthropic_messages import AnthropicMessages

COUNT = "input_tokens"


class AnthropicCountTokens(AnthropicMessages):
    """The dialect."""

    name = DialectName.ANTHROPIC_COUNT_TOKENS

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        ask = super().read({**document, "max_tokens": 0})
        return msgspec.structs.replace(ask, stream=False, unit=Unit.NOTHING)

    def bounded(self, document: Json, tokens: int) -> Json:  # noqa: ARG002 - the protocol's signature
        """There is no answer to be bounded."""
        return document

    def pieces(self, event: Event) -> list[Piece]:
        """Everything but the number."""
        pieces: list[Piece] = []
        document = document_of(event)
        for field, value in (document or {}).items():
            if field != COUNT or type(value) is not int:
                govern(pieces, field, document, field, value)
        return pieces

    def unread(self, event: Event) -> Sequence[str]:  # noqa: ARG002 - the protocol's signature
        """Everything can be read."""
        return ()

    def ended(self, event: Event) -> bool:
        """A body is the end."""
        return not event.framed

    def usage(self, event: Event, known: Usage) -> Usage:  # noqa: ARG002 - the protocol's signature
        """Counting uses none."""
        return known

    def finish(self, event: Event) -> str | None:  # noqa: ARG002 - the protocol's signature
        """No reason is given."""
        return None

    def tool_calls(self, event: Event) -> Sequence[str]:  # noqa: ARG002 - the protocol's signature
        """None are called."""
        return ()
