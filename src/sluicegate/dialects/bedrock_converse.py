"""Amazon Bedrock's Converse, as far as the record needs it.

Deployments speak it, clients do not: what they are told is in their own dialect, and is inspected there.
"""

from collections.abc import Sequence
from typing import Any

from sluicegate.core.dialect import DialectName, Json
from sluicegate.core.event import Event
from sluicegate.core.usage import Usage
from sluicegate.dialects.answers import document_of, tokens

_LONGEST_STOP = 64


class BedrockConverse:
    """See `core.dialect.Answers`. Reports are those of botocore's service model `bedrock-runtime`."""

    name = DialectName.BEDROCK_CONVERSE

    def ask_usage(self, document: Json) -> bool:  # noqa: ARG002 - every dialect is asked
        """Usage is always reported."""
        return False

    def usage(self, event: Event, known: Usage) -> Usage:
        """The counts of `metadata`, or of a whole answer; untrue ones change nothing.

        The count of input tokens is without those read from or written to the cache; `Usage.input` includes them.
        """
        report = _part(event, "metadata").get("usage")
        if type(report) is not dict:
            return known
        sent, received = tokens(report, "inputTokens"), tokens(report, "outputTokens")
        if sent is None or received is None:
            return known
        cached = tokens(report, "cacheReadInputTokens") or 0
        written = tokens(report, "cacheWriteInputTokens") or 0
        return Usage(sent + cached + written, received, cached, written)

    def finish(self, event: Event) -> str | None:
        """The `stopReason`."""
        reason = _part(event, "messageStop").get("stopReason")
        return reason[:_LONGEST_STOP] if type(reason) is str and reason else None

    def tool_calls(self, event: Event) -> Sequence[str]:
        """The names of tools that this event starts to call."""
        start = _part(event, "contentBlockStart")
        if event.framed:
            return _name(start.get("start"))
        output = start.get("output")
        message = output.get("message") if type(output) is dict else None
        content = message.get("content") if type(message) is dict else None
        return [name for block in (content if type(content) is list else ()) for name in _name(block)]


def _part(event: Event, name: str) -> Json:
    """What an event called `name` holds, or the whole body; empty where it is another."""
    document: Any = document_of(event)
    if document is None:
        return {}
    part = document.get(name) if event.framed else document
    return part if type(part) is dict else {}


def _name(block: Any) -> Sequence[str]:
    use = block.get("toolUse") if type(block) is dict else None
    name = use.get("name") if type(use) is dict else None
    return (name,) if type(name) is str else ()
