"""Lists of models (`GET /v1/models`, `/v1/models/{model}`), as each vendor's SDK reads them.

What is asked stands in the path and the query; what is answered is the gateway's own, made of names that its administrators
gave. A list tells the models of the caller's use case and no others.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Ask, DialectName, Json, Piece
from sluicegate.core.errors import GatewayError, InvalidRequest
from sluicegate.core.event import Event
from sluicegate.core.usage import Unit
from sluicegate.dialects import checks
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.plain import Plain
from sluicegate.dialects.walk import Rule, text

MODEL = "model"
"""The place in the path where a model's name stands."""
_DIGITS = 6
_MESSAGES = AnthropicMessages()


class Shown(Protocol):
    """A model as a list shows it."""

    @property
    def name(self) -> str:
        """What clients ask for."""

    @property
    def owner(self) -> str:
        """Who provides it."""

    @property
    def created(self) -> int:
        """Seconds since the epoch."""


class Models(Plain, ABC):
    """What the forms share. All that the query says is governed, and the model's name."""

    rules: Mapping[str, Rule] = {MODEL: text}

    def read(self, document: Json) -> Ask:  # noqa: ARG002
        """No model is asked to do anything."""
        return Ask("", stream=False, max_tokens=0, unit=Unit.NOTHING)

    def pieces(self, event: Event) -> list[Piece]:  # noqa: ARG002
        """The gateway's own words."""
        return []

    @abstractmethod
    def one(self, model: Shown) -> Json:
        """The answer about one model."""

    @abstractmethod
    def page(self, models: Sequence[Shown], document: Json) -> Json:
        """The answer that lists `models`, or the page of them that is asked for. Raises InvalidRequest."""


class OpenAIModels(Models):
    """`{"object": "list", "data": […]}`, without pages."""

    name = DialectName.OPENAI_MODELS

    def one(self, model: Shown) -> Json:
        """See `openai.types.Model`."""
        return {"id": model.name, "object": "model", "created": model.created, "owned_by": model.owner}

    def page(self, models: Sequence[Shown], document: Json) -> Json:  # noqa: ARG002
        """All of them."""
        return {"object": "list", "data": [self.one(model) for model in models]}


class AnthropicModels(Models):
    """Pages by `limit` and the id that comes before or after."""

    name = DialectName.ANTHROPIC_MODELS

    def one(self, model: Shown) -> Json:
        """See `anthropic.types.ModelInfo`."""
        created = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "type": "model",
            "id": model.name,
            "display_name": model.name,
            "created_at": created,
            "lifecycle": "active",
        }

    def page(self, models: Sequence[Shown], document: Json) -> Json:
        """See `anthropic.pagination.Page`."""
        limit = _count(document, "limit", 20, 1_000)
        names = [model.name for model in models]
        after, before = _cursor(document, "after_id", names), _cursor(document, "before_id", names)
        if after is not None and before is not None:
            raise checks.wrong("before_id", "left out where `after_id` is given")
        if before is not None:
            start, end = max(0, before - limit), before
            more = start > 0
        else:
            start = 0 if after is None else after + 1
            end = min(len(names), start + limit)
            more = end < len(names)
        shown = [self.one(model) for model in models[start:end]]
        ends = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
        return {"data": shown, "has_more": more, "first_id": ends[0], "last_id": ends[1]}

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """See `AnthropicMessages.failure`."""
        return _MESSAGES.failure(error, exchange, streaming=streaming)


def _count(document: Json, field: str, usual: int, most: int) -> int:
    """A whole number of the query."""
    value = document.get(field)
    if value is None:
        return usual
    if type(value) is not str or not (value.isascii() and value.isdigit()) or len(value) > _DIGITS:
        raise checks.wrong(field, "a whole number")
    number = int(value)
    if not 1 <= number <= most:
        raise checks.wrong(field, f"a whole number from 1 to {most}")
    return number


def _cursor(document: Json, field: str, names: Sequence[Any]) -> int | None:
    """Where the model stands that the query names."""
    value = document.get(field)
    if value is None:
        return None
    if value not in names:
        raise InvalidRequest(Reason.INVALID_FIELD, f"`{field}` must be the id of a listed model.", field=field)
    return names.index(value)
