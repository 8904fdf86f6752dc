"""A provider's events are read with care."""

from typing import Any

import pytest

from sluicegate.codecs.events import UNEXPLAINED, counted, document_of, message_of
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event


def test_documents() -> None:
    assert document_of(Event(b"", b'{"a": 1}')) == {"a": 1}
    assert document_of(Event(b": ping\n\n", b"")) is None
    for data in (b"hello", b"{", b"[1]", b"[" * 100_000):
        with pytest.raises(UpstreamError):
            document_of(Event(data, data))


def test_counts() -> None:
    assert counted({"n": 5}, "n") == 5
    for value in (-1, 10**12, "5", True, None):
        assert counted({"n": value}, "n") is None
    assert counted(None, "n") is None


def test_messages_are_bounded() -> None:
    assert message_of({"error": {"message": "x" * 9_999}}) == "x" * 2_000
    documents: list[Any] = [{}, {"error": {}}, {"error": {"message": 5}}, [], None]
    for document in documents:
        assert message_of(document) == UNEXPLAINED
