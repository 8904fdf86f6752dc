"""What dialects share that are no conversation."""

import json

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.plain import Plain, named


def test_nothing_is_added_and_nothing_taken_out() -> None:
    plain, event, document = Plain(), whole({"a": 1}), {"a": 1}
    assert not plain.bind_system(document, "Be kind.", SystemMode.DROP).changed
    assert plain.ask_usage(document) is False
    assert plain.bounded(document, 9) == document == {"a": 1}
    assert plain.without_usage(event) is event
    assert plain.redacted(event) is False
    assert (plain.unread(event), plain.finish(event), plain.tool_calls(event)) == ((), None, ())
    assert plain.usage(event, Usage(1)) == Usage(1)
    assert (plain.ended(event), plain.ended(sse({}))) == (True, False)
    assert plain.heartbeat().data == b""


def test_errors_are_openais() -> None:
    error = InvalidRequest(Reason.INVALID_FIELD, "No.", field="input")
    told = json.loads(Plain().failure(error, "e", streaming=False))["error"]
    assert (told["message"], told["param"], told["code"]) == ("No.", "input", "invalid_field")


def test_what_an_answer_says_is_governed() -> None:
    event = whole({"id": "i", "text": "one", "more": {"deep": "two"}, "usage": {"prompt_tokens": 3, "total_tokens": 3}})
    pieces = Plain().pieces(event)
    assert [(piece.channel, piece.text) for piece in pieces] == [("text", "one"), ("more", '{"deep":"two"}')]
    assert Plain().usage(event, Usage(estimated=True)) == Usage(3)


def test_other_models_are_not_named_beside_the_one() -> None:
    assert named({"model": "m"}, frozenset()) == "m"
    for wrong in ({"model": "m", "models": ["n"]}, {"Model": "m"}, {"model": ""}, {}):
        with pytest.raises(InvalidRequest):
            named(wrong, frozenset())
