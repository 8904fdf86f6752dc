"""What one event of a Responses answer says."""

from typing import Any

import pytest

from sluicegate.core.dialect import Json
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event, sse, whole
from sluicegate.dialects.openai_responses_event import told
from tests.support import responses


def pieces(event: Event) -> list[tuple[str, str, bool, bool]]:
    return [(piece.channel, piece.text, piece.json, piece.again) for piece in told(event).pieces]


def test_an_event_is_walked_once() -> None:
    event = sse({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"})
    assert told(event) is told(event)


@pytest.mark.parametrize(
    ("kind", "where", "channel", "member", "json"),
    [
        ("output_text", {"content_index": 1}, "2.content.1.text", "text", False),
        ("refusal", {"content_index": 1}, "2.content.1.refusal", "refusal", False),
        ("reasoning_text", {"content_index": 0}, "2.content.0.text", "text", False),
        ("reasoning_summary_text", {"summary_index": 0}, "2.summary.0.text", "text", False),
        ("function_call_arguments", {}, "2.arguments", "arguments", True),
        ("mcp_call_arguments", {}, "2.arguments", "arguments", True),
        ("custom_tool_call_input", {}, "2.input", "input", False),
        ("code_interpreter_call_code", {}, "2.code", "code", False),
        ("shell_call_command", {"command_index": 3}, "2.commands.3.command", "command", False),
    ],
)
def test_pieces_and_the_whole_stand_on_one_channel(kind: str, where: Json, channel: str, member: str, json: bool) -> None:
    head = {"output_index": 2, "item_id": "x", "sequence_number": 4, **where}
    assert pieces(sse({"type": f"response.{kind}.delta", **head, "delta": "a"})) == [(channel, "a", json, False)]
    assert pieces(sse({"type": f"response.{kind}.done", **head, member: "ab"})) == [(channel, "ab", json, True)]


def test_parts_items_and_the_end_say_it_on_the_same_channels() -> None:
    item = {**responses.message("ab"), "id": "msg_1"}
    item["content"][0]["annotations"] = [{"type": "url_citation", "title": "T"}]
    note = '{"type":"url_citation","title":"T"}'
    said = [("0.content.0.text", "ab", False, True), ("0.content.0.annotations.0", note, True, True)]
    for event in (
        sse({"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": item["content"][0]}),
        sse({"type": "response.output_item.done", "output_index": 0, "item": item}),
        sse({"type": "response.completed", "response": responses.response([item])}),
        whole(responses.response([item])),
    ):
        assert pieces(event) == said
    added = {
        "output_index": 0,
        "content_index": 0,
        "annotation_index": 0,
        "annotation": item["content"][0]["annotations"][0],
    }
    assert pieces(sse({"type": "response.output_text.annotation.added", **added})) == [said[1]]


def test_what_begins_may_go_on() -> None:
    part = {"type": "summary_text", "text": "a"}
    event = sse({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 1, "part": part})
    assert pieces(event) == [("0.summary.1.text", "a", False, False)]
    assert told(event).pieces[0].sealed
    event = sse({"type": "response.output_item.added", "output_index": 1, "item": responses.call("call_1", "f", '{"a"')})
    assert pieces(event) == [("1.arguments", '{"a"', True, False)]


def test_unknown_fields_and_settings_of_the_request_are_governed() -> None:
    body = responses.response([], metadata={"case": "42"}, instructions="Help.", note="new")
    assert pieces(sse({"type": "response.created", "response": body, "extra": "x"})) == [
        ("response.instructions", "Help.", False, True),
        ("response.metadata", '{"case":"42"}', True, True),
        ("response.note", "new", False, True),
        ("response.created.None.extra", "x", False, False),
    ]
    odd = responses.response([], text={"format": {"type": "json_schema", "name": "Anna"}})
    assert [channel for channel, *_ in pieces(whole(odd))] == ["response.text"]
    error = {"type": "error", "message": "no", "code": "server_error", "param": None}
    assert [text for _, text, *_ in pieces(sse(error))] == ["no", "server_error"]


def test_items_that_no_text_is_in() -> None:
    made = {
        "id": "ig_1",
        "type": "image_generation_call",
        "status": "completed",
        "result": "aGk=",
        "revised_prompt": "a cat",
    }
    event = sse({"type": "response.output_item.done", "output_index": 0, "item": made})
    assert pieces(event) == [("0.revised_prompt", "a cat", False, True)]
    assert list(told(event).unread) == ["image"]
    partial = {"type": "response.image_generation_call.partial_image", "output_index": 0, "partial_image_b64": "aGk="}
    assert (pieces(sse(partial)), list(told(sse(partial)).unread)) == ([], ["image"])
    assert pieces(sse(partial | {"partial_image_b64": "in words"}))
    sound = sse({"type": "response.audio.delta", "delta": "aGk="})
    assert list(told(sound).unread) == ["audio"]
    assert list(told(whole(responses.response([{"content": [{"type": "output_audio", "data": "aGk="}]}]))).unread) == [
        "audio"
    ]


def test_calls_are_named_once() -> None:
    items = [
        responses.call("call_1", "look", {}),
        responses.custom_call("call_2", "patch", "x"),
        {"type": "web_search_call"},
    ]
    events = [sse(event) for event in responses.events([{"id": f"x_{n}", **item} for n, item in enumerate(items)])]
    assert [name for event in events for name in told(event).calls] == ["look", "patch", "web_search"]
    assert list(told(whole(responses.response(items))).calls) == ["look", "patch", "web_search"]


def test_hosted_calls_hold_text() -> None:
    search = {"id": "ws_1", "type": "web_search_call", "action": {"type": "search", "query": "who"}}
    assert pieces(whole(responses.response([search]))) == [("0.action", '{"type":"search","query":"who"}', True, True)]
    shell = {"id": "sh_1", "type": "shell_call", "action": {"commands": ["ls"], "env": {"A": "b"}}}
    assert pieces(whole(responses.response([shell]))) == [
        ("0.commands.0.command", "ls", False, True),
        ("0.action.env", '{"A":"b"}', True, True),
    ]


def test_a_name_that_is_none_is_governed() -> None:
    item = responses.call("call_1", "my card 4111", "{}")
    assert ("0.name", "my card 4111", False, True) in pieces(whole(responses.response([item])))


@pytest.mark.parametrize("last", ["completed", "incomplete", "failed", "error"])
def test_the_end(last: str) -> None:
    assert told(sse({"type": last if last == "error" else f"response.{last}"})).over


@pytest.mark.parametrize(
    ("more", "finish"),
    [
        ({}, "completed"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens"),
        ({"status": 5}, None),
    ],
)
def test_finish(more: Json, finish: Any) -> None:
    assert told(whole(responses.response([], **more))).finish == finish
    assert told(sse({"type": "response.created", "response": responses.response([], **more)})).finish is None


@pytest.mark.parametrize(
    "document",
    [
        *({"type": 5}, {"type": "response.completed", "response": 5}, {"response": {"output": 5}}, {"item": {"content": 5}}),
        *({"response": {"output": [5, "x"]}}, {"item": {"content": [5, "x"], "action": {"commands": [5]}}}, {}),
        *({"type": "response.output_text.delta", "delta": ["x"]}, {"type": "response.content_part.done", "part": "x"}),
    ],
)
def test_wrong_types_do_not_break_reading(document: Json) -> None:
    for event in (sse(document), whole(document)):
        assert type(told(event).pieces) is list


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(UpstreamError):
        told(Event(b"data: 5\n\n", b"5"))
    assert not told(Event(b": ping\n\n", b"")).over
