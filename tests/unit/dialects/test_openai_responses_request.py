"""What a Responses request asks for, and the binding of its system prompt."""

import copy
from typing import Any

import pytest

from sluicegate.core.dialect import Feature, Json, SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects.openai_responses_request import bind_system, read


def ask(**fields: Any) -> Json:
    return {"model": "m", "input": "Hi", **fields}


def user(*parts: Json) -> list[Json]:
    return [{"role": "user", "content": list(parts)}]


def test_a_plain_request() -> None:
    told = read(ask(max_output_tokens=9, stream=True))
    assert (told.model, told.stream, told.max_tokens, told.choices) == ("m", True, 9, 1)
    assert not told.features


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"store": True}, Feature.STORED_STATE),
        ({"background": True}, Feature.STORED_STATE),
        ({"previous_response_id": "resp_1"}, Feature.STORED_STATE),
        ({"prompt": {"id": "pmpt_1"}}, Feature.STORED_STATE),
        ({"tools": [{"type": "web_search"}]}, Feature.HOSTED_TOOLS),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, Feature.HOSTED_TOOLS),
        ({"tools": [{"type": "shell"}]}, Feature.HOSTED_TOOLS),
        ({"tools": [{"type": "computer_use_preview"}]}, Feature.HOSTED_TOOLS),
        ({"tools": [{"type": "tool_search"}]}, Feature.HOSTED_TOOLS),
        ({"tools": [{}]}, Feature.HOSTED_TOOLS),
        ({"plugins": [{"id": "web"}]}, Feature.HOSTED_TOOLS),
        ({"tools": [{"type": "local_shell"}]}, Feature.TOOLS),
        ({"input": [{"type": "additional_tools", "tools": [{"type": "file_search"}]}]}, Feature.HOSTED_TOOLS),
        ({"input": user({"type": "input_file", "file_id": "file-1"})}, Feature.REMOTE_FILES),
        ({"input": user({"type": "input_file", "file_url": "https://example.org"})}, Feature.REMOTE_URLS),
        ({"input": user({"type": "input_image", "image_url": "https://example.org"})}, Feature.REMOTE_URLS),
        (
            {"input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot", "file_id": "f"}}]},
            Feature.REMOTE_FILES,
        ),
    ],
)
def test_features(fields: Json, feature: Feature) -> None:
    assert read(ask(**fields)).features == {feature}


def test_tools_by_name() -> None:
    tools = [
        {"type": "function", "name": "look"},
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "find"}]},
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "apply_patch"},
        {"type": "tool_search", "execution": "client"},
    ]
    more = [{"type": "tool_search_output", "tools": [{"type": "function", "name": "late"}]}]
    told = read(ask(tools=tools, input=more))
    assert set(told.tools) == {"look", "patch", "find", "shell", "apply_patch", "tool_search", "late"}
    assert told.features == {Feature.TOOLS}


def test_data_is_counted() -> None:
    parts = [{"type": "input_image", "image_url": "data:image/png;base64,aGk="}, {"type": "input_file", "file_data": "aGk="}]
    items = [*user(*parts), {"type": "image_generation_call", "result": "aGk="}]
    told = read(ask(input=[*items, *user({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}})]))
    assert (told.blobs, told.blob_bytes) == (4, 26 + 12)
    assert not told.features


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": ""}, "model"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"role": "tool"}]}, "input[0].role"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [5]}]}, "input[0].content[0]"),
        ({"input": user({"type": "input_text", "text": 5})}, "input[0].content[0].text"),
        ({"input": user({"type": "input_image", "image_url": 5})}, "input[0].content[0].image_url"),
        ({"input": user({"type": "input_audio", "input_audio": 5})}, "input[0].content[0].input_audio"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"Role": "user"}]}, "input[0].role"),
        ({"Model": "m"}, "model"),
        ({"instructions": 5}, "instructions"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"store": "yes"}, "store"),
        ({"temperature": "hot"}, "temperature"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"models": ["x"]}, "models"),
        ({"previous_response_id": 5}, "previous_response_id"),
        ({"stream_options": 5}, "stream_options"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "namespace", "tools": [{"type": "custom"}]}]}, "tools[0].tools[0].name"),
        ({"tools": 5}, "tools"),
    ],
)
def test_what_cannot_be_read_is_named(fields: Json, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(ask(**fields))
    assert caught.value.field == field


def test_a_request_that_goes_on_needs_no_input() -> None:
    assert read({"model": "m", "previous_response_id": "resp_1"}).features == {Feature.STORED_STATE}


def test_binding_makes_the_prompt_the_instructions() -> None:
    document = ask(instructions="own")
    edit = bind_system(document, "ours", SystemMode.APPEND)
    assert document["instructions"] == "ours"
    own, said = document["input"]
    assert own == {"type": "message", "role": "developer", "content": "own"}
    assert said == {"type": "message", "role": "user", "content": "Hi"}
    assert (edit.injected, edit.dropped, edit.appended) == (True, 0, 1)


def test_dropping_takes_every_system_text() -> None:
    items = [{"role": "Developer", "content": "a"}, {"type": "odd", "role": "system"}, *user()]
    document = ask(input=items, instructions="own", prompt={"id": "p"}, system="s", chat_template="t")
    edit = bind_system(document, None, SystemMode.DROP)
    assert document == {"model": "m", "input": user()}
    assert (edit.injected, edit.dropped) == (False, 6)


def test_with_neither_nothing_changes() -> None:
    document = ask(instructions="own", chat_template="t")
    before = copy.deepcopy(document)
    assert not bind_system(document, None, SystemMode.APPEND).changed
    assert document == before
