import json

import pytest

from sluicegate.core.errors import Denied
from sluicegate.core.event import Event, frame, sse, whole
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dlp.restore import RestoreGuard, RestoringJson, RestoringText, Values
from tests.support.guardrails import PlainDialect, event, read

VALUES = {"<CARD_1>": "4111", "<NAME_1>": 'Ann "A"\n\\ é', "<NAME_12>": "Bob"}
DONE = Event(frame(b"[DONE]"), b"[DONE]")


def guard(max_channels: int = 10, max_held: int = 1 << 20) -> RestoreGuard:
    return RestoreGuard(VALUES, PlainDialect(), max_channels, max_held)  # type: ignore[arg-type]  # all the guard asks


def restored(pieces: list[str], *, is_json: bool = False) -> str:
    laid = guard()
    out = [each for piece in pieces for each in laid.feed([event(piece, json=is_json)])]
    return read([*out, *laid.flush()])["0"]


TEXT = "<CARD_1>, <NAME_12>; <NAME_1><CARD_1> <CARD_2> <CARD_01> <<CARD_1> <CARD_1 <NAME_ <"
BACK = '4111, Bob; Ann "A"\n\\ é4111 <CARD_2> <CARD_01> <4111 <CARD_1 <NAME_ <'


def test_wherever_it_is_cut() -> None:
    assert restored([TEXT]) == BACK
    assert restored(list(TEXT)) == BACK
    for at in range(len(TEXT)):
        assert restored([TEXT[:at], TEXT[at:]]) == BACK


SOURCES = [
    ('{"a": "<NAME_1> x", "<CARD_1>": ["\\\\", "<CARD_7>"]}', {"a": VALUES["<NAME_1>"] + " x", "4111": ["\\", "<CARD_7>"]}),
    ('{"a": "\\u003cNAME_1\\u003E\\n\\u003Cb>"}', {"a": VALUES["<NAME_1>"] + "\n<b>"}),
    ('{"a": "\\\\u003cNAME_1\\\\u003e", "b": "\\\\\\u003cCARD_1>"}', {"a": "\\u003cNAME_1\\u003e", "b": "\\4111"}),
]


@pytest.mark.parametrize(("source", "back"), SOURCES)
def test_in_json_values_are_escaped_wherever_it_is_cut(source: str, back: object) -> None:
    assert json.loads(restored([source], is_json=True)) == back
    assert json.loads(restored(list(source), is_json=True)) == back
    for at in range(len(source)):
        assert json.loads(restored([source[:at], source[at:]], is_json=True)) == back


def test_only_what_may_become_a_placeholder_is_held() -> None:
    text = RestoringText(Values(VALUES))
    for more, mark in (("a<b", 3), ("<CA", 3), ("R", 3), ("T", 8), ("<NAME_1", 8), (">", 16), ("<", 16), ("<", 17)):
        text.feed(more)
        assert text.mark == mark, more
    assert text.waits
    source = RestoringJson(Values(VALUES))
    source.feed("a\\")
    assert source.mark == 1
    source.feed("n\\u00")
    assert source.mark == 3
    source.feed("3cCARD_1\\u003")
    assert source.mark == 3
    source.feed("f")
    assert source.mark == source.length


def test_what_nobody_changed_keeps_its_bytes_and_its_place() -> None:
    laid = guard()
    odd = Event(b'data:  [{"text": "Hello <b>. ", "channel": "0"}]\n\n', b'[{"text": "Hello <b>. ", "channel": "0"}]')
    raw = odd.raw
    assert laid.feed([odd, DONE]) == [odd, DONE]
    assert odd.raw == raw
    assert laid.feed([event("<CARD_"), DONE]) == []
    assert read(laid.feed([event("1>")])[::2]) == {"0": "4111"}


def test_an_answer_that_is_not_streamed() -> None:
    laid = guard()
    body = whole([{"channel": "0", "text": "<CARD_1>", "json": False}, {"channel": "0", "text": '"<NAME_1>"', "json": True}])
    assert laid.feed([body]) == [body]
    assert [json.loads(body.data)[0]["text"], json.loads(json.loads(body.data)[1]["text"])] == ["4111", VALUES["<NAME_1>"]]
    plain = whole([{"channel": "0", "text": "none", "json": False}])
    raw = plain.raw
    assert laid.flush() == []
    assert guard().feed([plain])[0].raw is raw


def test_bounds_leave_what_is_cut_off_as_it_is_and_end_what_has_too_many_texts() -> None:
    laid = guard(max_held=300)
    out = [each for _ in range(20) for each in laid.feed([event("<CARD_1", "a"), event("x" * 30, "b")])]
    assert len(out) > 10
    laid = guard(max_channels=2)
    for name in "abcdef":
        laid.feed([event("fine", name)])
    with pytest.raises(Denied):
        laid.feed([event("<CARD", name) for name in "abc"])


def test_log_probabilities_go_from_the_first_value_on() -> None:
    laid = RestoreGuard(VALUES, OpenAIChat(), 10, 1 << 20)
    spelled = {"content": [{"token": "<CARD"}]}
    chunks = [
        sse({"choices": [{"index": 0, "delta": {"content": text}, "logprobs": spelled}]}) for text in ("<CARD", "_1>", "!")
    ]
    out = [*laid.feed(chunks), *laid.flush()]
    assert b"4111" in out[0].raw
    assert b"token" not in b"".join(each.raw for each in out)


@pytest.mark.parametrize("unit", ["<", "<CARD_1", "<CARD_1>", "\\u003c", "\\u003C"])
@pytest.mark.parametrize("kind", [RestoringText, RestoringJson])
def test_only_the_end_of_a_text_is_asked_whether_it_goes_on(kind: type[RestoringText], unit: str) -> None:
    class Counting(Values):
        asked = 0

        def begins(self, text: str) -> bool:
            self.asked += len(text)
            return super().begins(text)

    values = Counting(VALUES)
    kind(values).feed(unit * 10_000)
    assert values.asked < 1_000


@pytest.mark.parametrize("framed", [True, False])
def test_a_thought_keeps_its_placeholders(framed: bool) -> None:
    laid = guard()
    thought = event("<CARD_1>", framed=framed, sealed=True)
    raw = thought.raw
    out = [*laid.feed([thought]), *laid.flush()]
    assert [each.raw for each in out] == [raw]
