"""What is asked about a stored answer of the Responses API: itself, its input, that it be deleted or cancelled.

The request has no body: its path and query stand for one. What is sent on is made anew from what was understood.
"""

import re
from collections.abc import Sequence

from sluicegate.core.arguments import Arguments
from sluicegate.core.decision import Reason
from sluicegate.core.dialect import BOUNDS, Ask, Bounds, Feature, Json, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import Event
from sluicegate.core.usage import Usage
from sluicegate.dialects import checks
from sluicegate.dialects.openai_responses import OpenAIResponses

ID = "id"
"""The place in the path where the answer's id stands."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_WORD = re.compile(r"[a-z][a-z._]{0,63}")
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_FLAG = re.compile(r"true|false")
_READ = {"stream": _FLAG, "include_obfuscation": _FLAG, "include": _WORD, "include[]": _WORD}
_LIST = {"limit": _LIMIT, "order": re.compile(r"asc|desc"), "after": _ID, "include": _WORD, "include[]": _WORD}
_FEATURES = frozenset({Feature.STORED_STATE})
_UNTOUCHED = SystemEdit()


class StoredResponse(OpenAIResponses):
    """One request's own dialect. `method` and `tail` are what the provider is called with, behind `/responses`."""

    def __init__(self, id: str, method: str, tail: str, *, stream: bool = False) -> None:
        self.id = id
        self.method = method
        self.tail = tail
        self._stream = stream

    @classmethod
    def got(cls, arguments: Arguments) -> "StoredResponse":
        """Of `GET /v1/responses/{id}`. A part of a stream is not given: it could not be inspected as the whole is."""
        id, query, stream = _read(arguments, _READ)
        return cls(id, "GET", f"/{id}{query}", stream=stream)

    @classmethod
    def deleted(cls, arguments: Arguments) -> "StoredResponse":
        """Of `DELETE /v1/responses/{id}`."""
        id, _, _ = _read(arguments, {})
        return cls(id, "DELETE", f"/{id}")

    @classmethod
    def cancelled(cls, arguments: Arguments) -> "StoredResponse":
        """Of `POST /v1/responses/{id}/cancel`."""
        id, _, _ = _read(arguments, {})
        return cls(id, "POST", f"/{id}/cancel")

    @classmethod
    def listed(cls, arguments: Arguments) -> "StoredResponse":
        """Of `GET /v1/responses/{id}/input_items`."""
        id, query, _ = _read(arguments, _LIST)
        return cls(id, "GET", f"/{id}/input_items{query}")

    def read(self, document: Json) -> Ask:  # noqa: ARG002 - the protocol's signature
        """No model is asked to do anything."""
        return Ask("", stream=self._stream, max_tokens=0, features=_FEATURES)

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:  # noqa: ARG002 - the protocol's signature
        """There is nothing but words of the API and identifiers."""
        return Reading([], [], bounds.depth, bounds.values)

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:  # noqa: ARG002
        """No model is asked to do anything."""
        return _UNTOUCHED

    def usage(self, event: Event, known: Usage) -> Usage:  # noqa: ARG002 - the protocol's signature
        """What the answer cost was settled when it was made."""
        return known

    def tool_calls(self, event: Event) -> Sequence[str]:  # noqa: ARG002 - the protocol's signature
        """They were recorded when the answer was made."""
        return ()


def _read(arguments: Arguments, known: dict[str, re.Pattern[str]]) -> tuple[str, str, bool]:
    """The id, the query to be sent on, and whether a stream is asked for.

    Raises InvalidRequest for an id that can be none, and for a parameter that is not known here or not of its form.
    """
    id = arguments.path[ID]
    if not _ID.fullmatch(id):
        raise InvalidRequest(Reason.ANSWER_UNKNOWN, "There is no stored answer of this id.", field="id")
    said = arguments.parameters()
    pairs = []
    for name, values in said.items():
        form = known.get(name)
        if form is None or not all(map(form.fullmatch, values)):
            raise checks.wrong(name if name in known else "query", "of a form that is known here")
        pairs += [f"{name}={value}" for value in values]
    return id, f"?{'&'.join(pairs)}" if pairs else "", said.get("stream") == ["true"]
