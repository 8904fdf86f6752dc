"""What the dialects share in reading answers (hazard U12)."""

from typing import Any

import pytest

from sluicegate.core.decision import Reason, deny
from sluicegate.core.dialect import Piece
from sluicegate.core.errors import AuditUnavailable, Denied, UpstreamError
from sluicegate.core.event import Event
from sluicegate.dialects.answers import JsonSlot, document_of, explained, govern, is_name, tokens


@pytest.mark.parametrize("data", [b"hello", b"{", b'{"a":', b"[1]", b"5", b'{"a": "\xff"}', b"[" * 100_000])
def test_data_that_cannot_be_inspected_is_an_error(data: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        document_of(Event(data, data))
    assert caught.value.reason is Reason.UPSTREAM_INVALID


def test_events_without_data_have_no_document() -> None:
    assert document_of(Event(b": ping\n\n", b"")) is None
    assert document_of(Event(b"", b"[DONE]")) is None
    assert document_of(Event(b"", b'{"a": 1}')) == {"a": 1}


@pytest.mark.parametrize("value", [-1, 10**12, "5", 1.5, True, None])
def test_a_count_that_cannot_be_true_is_not_believed(value: Any) -> None:
    assert tokens({"n": value}, "n") is None
    assert tokens({"n": 5}, "n") == 5


def test_names_of_tools() -> None:
    assert is_name("get_weather")
    assert is_name("mcp__files__read")
    for value in ("4111111111111111", "call 4111", "card_4111111111111111", "", None, "x" * 200):
        assert not is_name(value)


def test_a_json_value_is_governed_as_json_text() -> None:
    holder = {"input": {"key": "text", "n": 5}}
    pieces: list[Piece] = []
    govern(pieces, "c", holder, "input", holder["input"])
    assert pieces[0].text == '{"key":"text","n":5}'
    assert pieces[0].json
    pieces[0].holder[pieces[0].key] = '{"key":"X"}'
    assert holder == {"input": {"key": "X"}}
    JsonSlot(holder, "input")["input"] = "[REDACTED"
    assert holder == {"input": {"redacted": "[REDACTED"}}


def test_only_text_is_governed() -> None:
    pieces: list[Piece] = []
    values: list[Any] = [None, 5, True, {}, [], 1.5]
    for value in values:
        govern(pieces, "c", {}, "k", value)
    assert pieces == []


def test_a_refusal_is_explained_by_names_and_counts() -> None:
    denied = Denied(deny(Reason.PROMPT_BLOCKED, detectors=("us_ssn",), findings=2))
    assert explained(denied, "x1") == {"exchange_id": "x1", "details": {"detectors": ("us_ssn",), "findings": 2}}
    assert explained(AuditUnavailable(), "x1") == {"exchange_id": "x1"}


def test_a_credential_is_no_name() -> None:
    assert is_name("mcp__files__read_file")
    assert not is_name("ghp_" + "Zq81mLr0aPw2Xc9vTn4bKd7eYh3sUf5gJi6o")
    assert not is_name("AKIA" + "QYLPMNQHFIQRVXYA")
