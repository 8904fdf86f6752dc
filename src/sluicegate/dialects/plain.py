"""What the dialects share that are no conversation: one question, one answer, no system prompt, no tools of the client's."""

from collections.abc import Sequence

from sluicegate.core.dialect import BOUNDS, Bounds, DialectName, Json, Piece, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import GatewayError
from sluicegate.core.event import Event
from sluicegate.core.usage import Usage
from sluicegate.dialects.openai_chat import OpenAIChat

UNTOUCHED = SystemEdit()
_CHAT = OpenAIChat()


class Plain:
    """As OpenAI's smaller APIs are: errors in its form, and a body that is the whole answer."""

    name: DialectName

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`."""
        raise NotImplementedError

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:  # noqa: ARG002
        """There is no system prompt."""
        return UNTOUCHED

    def ask_usage(self, document: Json) -> bool:  # noqa: ARG002
        """Usage is reported unasked, or not at all."""
        return False

    def bounded(self, document: Json, tokens: int) -> Json:  # noqa: ARG002
        """There is no word for it."""
        return document

    def without_usage(self, event: Event) -> Event | None:
        """Nothing was asked for, so nothing is taken out."""
        return event

    def pieces(self, event: Event) -> list[Piece]:
        """See `Dialect.pieces`."""
        raise NotImplementedError

    def redacted(self, event: Event) -> bool:  # noqa: ARG002
        """Nothing beside the text tells it again."""
        return False

    def unread(self, event: Event) -> Sequence[str]:  # noqa: ARG002
        """Everything can be read."""
        return ()

    def ended(self, event: Event) -> bool:
        """A body is the end of its answer."""
        return not event.framed

    def usage(self, event: Event, known: Usage) -> Usage:  # noqa: ARG002
        """See `Dialect.usage`."""
        return known

    def finish(self, event: Event) -> str | None:  # noqa: ARG002
        """No reason is given."""
        return None

    def tool_calls(self, event: Event) -> Sequence[str]:  # noqa: ARG002
        """None are called."""
        return ()

    def heartbeat(self) -> Event:
        """A comment, which readers of server-sent events skip."""
        return _CHAT.heartbeat()

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """See `OpenAIChat.failure`."""
        return _CHAT.failure(error, exchange, streaming=streaming)
