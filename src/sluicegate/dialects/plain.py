"""What the dialects share that are no conversation: one question, one answer, no system prompt, no tools of the client's."""

from collections.abc import Mapping, Sequence
from typing import Any

from sluicegate.core.dialect import BOUNDS, Bounds, DialectName, Json, Piece, Place, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import GatewayError
from sluicegate.core.event import Event
from sluicegate.core.usage import Usage
from sluicegate.dialects import checks
from sluicegate.dialects.answers import Told, document_of, govern, tokens
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.walk import Rule, fields

OTHER_MODELS = ("models", "fallbacks", "route", "preset", "provider", "extra_body")
"""Fields by which a provider would be told to answer with other models than the one that was asked for and allowed."""
STRUCTURAL = frozenset({"id", "object", "created", "model", "usage"})
"""What every answer may have beside what it says."""

UNTOUCHED = SystemEdit()
_CHAT = OpenAIChat()


class PlainTold(Told):
    """What `Plain.told` found."""


class Plain:
    """As OpenAI's smaller APIs are: errors in its form, and a body that is the whole answer."""

    name: DialectName
    rules: Mapping[str, Rule] = {}
    """What stands where in a request."""

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`."""
        out = Reading([], [], bounds.depth, bounds.values)
        fields(self.rules)(document, None, None, Place.OTHER, out)
        return out

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

    def told(self, event: Event) -> PlainTold:
        """Everything about `event`, looked at only the first time. Raises UpstreamError (UPSTREAM_INVALID)."""
        known = event.told
        if type(known) is not PlainTold:
            document = document_of(event)
            event.told = known = PlainTold([], None, None, (), (), over=not event.framed)
            if document is not None:
                known.usage = document.get("usage")
                known.over = known.over or bool(document.get("error"))
                self.say(document, known)
        return known

    def say(self, document: Json, told: PlainTold) -> None:
        """Add to `told` what an event's document says."""
        for field, value in document.items():
            if field not in STRUCTURAL:
                govern(told.pieces, field, document, field, value)

    def pieces(self, event: Event) -> list[Piece]:
        """Channels are the names of fields, with the number of the element where there are several."""
        return self.told(event).pieces

    def redacted(self, event: Event) -> bool:  # noqa: ARG002
        """Nothing beside the text tells it again."""
        return False

    def unread(self, event: Event) -> Sequence[str]:
        """The kinds of what is made: sounds, images."""
        return self.told(event).unread

    def ended(self, event: Event) -> bool:
        """A body, the last event, or an error in place of the rest."""
        return self.told(event).over

    def usage(self, event: Event, known: Usage) -> Usage:
        """The counts under either of OpenAI's names; what cannot be true leaves `known` as it was."""
        report = self.told(event).usage
        if type(report) is not dict:
            return known
        sent = _either(report, "input_tokens", "prompt_tokens")
        if not sent:  # no prompt has no tokens
            return known
        return Usage(sent, _either(report, "output_tokens", "completion_tokens") or 0, units=known.units)

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


def _either(report: Json, newer: str, older: str) -> int | None:
    found = tokens(report, newer)
    return tokens(report, older) if found is None else found


def named(document: Json, known: frozenset[str]) -> str:
    """The model that is asked for; the fields of `known` are spelled so, and no other model is named beside it."""
    no_others(document, known)
    return checks.name(document, "model")


def no_others(document: Json, known: frozenset[str]) -> None:
    """Refuse fields of `known` in another case, and those that name other models."""
    checks.spelled(document, known | _OTHERS)
    for field in OTHER_MODELS:
        if document.get(field) is not None:
            raise checks.wrong(field, "left out: the gateway decides which models may answer")


_OTHERS = frozenset({"model", *OTHER_MODELS})


def said(told: PlainTold, channel: str, holder: Any, structural: frozenset[str]) -> None:
    """Govern the members of an object but those that are structural; what is no object is governed as a whole."""
    for field, value in holder.items():
        if field not in structural:
            govern(told.pieces, f"{channel}.{field}", holder, field, value)
