"""Nothing in a document is passed over."""

import pytest

from sluicegate.codecs.reading import Fields, arguments_object, arguments_text, cannot, generic
from sluicegate.core.errors import UnsupportedFeature


def test_what_is_left_is_refused_dropped_or_says_nothing() -> None:
    dropped: dict[str, None] = {}
    fields = Fields({"a": "x", "knob": 1, "null": None, "n": 1}, "messages[3]", dropped)
    assert fields.text("a") == "x"
    fields.close(frozenset({"knob"}), {"n": 1})
    assert list(dropped) == ["messages.knob"]
    with pytest.raises(UnsupportedFeature) as caught:
        Fields({"odd": 1}, "messages[3]", dropped).close()
    assert caught.value.field == "messages[3].odd"


def test_wrong_types_cannot_be_said() -> None:
    fields = Fields({"a": 1, "b": 1, "c": 1, "d": 1}, "", {})
    for take in (fields.text, fields.flag, fields.object, fields.list):
        with pytest.raises(UnsupportedFeature):
            take({"text": "a", "flag": "b", "object": "c", "list": "d"}[take.__name__])
    with pytest.raises(UnsupportedFeature):
        Fields("text", "tools[0]", {})
    empty = Fields({}, "", {})
    assert (empty.text("a"), empty.flag("a"), empty.object("a"), empty.list("a")) == ("", None, {}, [])


def test_a_clients_own_words_are_not_repeated() -> None:
    assert cannot("my secret: 4111").field == "my?secret??4111"
    assert len(cannot("x" * 999).field or "") == 120


def test_paths_without_positions() -> None:
    assert generic("messages[12].content[0].cache_control") == "messages.content.cache_control"
    assert Fields({}, "a", {}).inner({}, "b").path == "a.b"


def test_arguments() -> None:
    assert arguments_object("") == {}
    assert arguments_object('{"a": 1}') == {"a": 1}
    for text in ("[]", "{", "5", "[" * 100_000):
        assert arguments_object(text) is None
    assert arguments_text({"a": "é"}) == '{"a":"é"}'
