"""Exchanges whose answers may be kept."""

import json
from collections.abc import Sequence
from typing import Any

from sluicegate.core.decision import ALLOWED
from sluicegate.core.dialect import Dialect
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.core.provider import Target
from sluicegate.dialects.openai_chat import OpenAIChat
from tests.support.calls import target
from tests.support.exchanges import grant

CHAT: Dialect = OpenAIChat()
A, B = target(deployment="a"), target(deployment="b")


def exchange(
    text: str = "hi", id: str = "1", dialect: Dialect = CHAT, route: Sequence[Target] = (A,), **fields: Any
) -> Exchange:
    """One that was admitted, and may be kept."""
    headers = fields.pop("headers", {})
    document = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
    arrival = Arrival("/v1/chat/completions", "127.0.0.1", headers, json.dumps(document).encode())
    asked = Exchange(id * 32, dialect, arrival)
    asked.grant = grant()
    asked.document = document
    asked.ask = CHAT.read(document)
    asked.route = tuple(route)
    asked.decisions = [("s1_authenticate", ALLOWED)]
    asked.stage = "s6_call"
    return asked
