"""What dialects share that are no conversation."""

import json

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.plain import Plain


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


def test_the_rest_each_says_for_itself() -> None:
    with pytest.raises(NotImplementedError):
        Plain().spans({})
    with pytest.raises(NotImplementedError):
        Plain().pieces(whole({}))
