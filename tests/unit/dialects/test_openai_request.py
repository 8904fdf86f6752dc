"""What a Chat Completions request asks for (hazards H10 to H12), and the binding of its system prompt."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.dialect import Feature, Json, SystemEdit, SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects.openai_request import _read, bind_system, read

USER: Json = {"role": "user", "content": "Hi"}


def request(**fields: Any) -> Json:
    return {"model": "m", "messages": [dict(USER)], **fields}


def refused(document: Json) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        read(document)
    return caught.value.field


def part(**fields: Any) -> Json:
    return request(messages=[{"role": "user", "content": [fields]}])


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"messages": [USER]}, "model"),
        (request(model=5), "model"),
        (request(messages=[{"role": [], "content": "x"}]), "messages[0].role"),
        ({"model": "m"}, "messages"),
        (request(messages={}), "messages"),
        (request(messages=[]), "messages"),
        (request(messages=["a"]), "messages[0]"),
        (request(messages=[{"content": "a"}]), "messages[0].role"),
        (request(messages=[USER, {"role": "root", "content": "a"}]), "messages[1].role"),
        (request(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
        (part(type="text", text=5), "messages[0].content[0].text"),
        (part(text="a"), "messages[0].content[0].type"),
        (part(type="image_url", image_url={"url": 5}), "messages[0].content[0].image_url"),
        (part(type="file", file="a"), "messages[0].content[0].file"),
        (request(messages=[{"role": "assistant", "tool_calls": {}}]), "messages[0].tool_calls"),
        (
            request(messages=[{"role": "assistant", "tool_calls": [{"function": {"name": 5}}]}]),
            "messages[0].tool_calls[0].function",
        ),
        (request(stream="true"), "stream"),
        (request(store="yes"), "store"),
        (request(temperature="x"), "temperature"),
        (request(n=0), "n"),
        (request(max_tokens=2**63), "max_tokens"),
        (request(max_tokens=5, max_completion_tokens=6), "max_tokens"),
        (request(stop=[1]), "stop"),
        (request(tools=[{"type": "function", "function": {}}]), "tools[0].function"),
        (request(tools=5), "tools"),
        (request(stream_options=5), "stream_options"),
        (request(models=["other"]), "models"),
        (request(fallbacks=[{"model": "other"}]), "fallbacks"),
    ],
)
def test_a_wrong_field_is_named(document: Json, field: str) -> None:
    assert refused(document) == field


def test_what_is_asked_for() -> None:
    ask = read(request(stream=True, max_completion_tokens=7, max_tokens=7, n=3))
    assert (ask.model, ask.stream, ask.max_tokens, ask.choices) == ("m", True, 7, 3)
    assert ask.features == frozenset()
    assert read(request(messages=[{"role": "User", "content": None}])).max_tokens is None


def function(name: str) -> Json:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("document", "feature"),
    [
        (request(tools=[function("f")]), Feature.TOOLS),
        (request(functions=[{"name": "f"}]), Feature.TOOLS),
        (request(tools=[{"type": "custom", "custom": {"name": "f"}}]), Feature.TOOLS),
        (request(tools=[{"type": "web_search"}]), Feature.HOSTED_TOOLS),
        (request(tools=[{}]), Feature.HOSTED_TOOLS),
        (request(web_search_options={}), Feature.HOSTED_TOOLS),
        (request(plugins=[{"id": "web"}]), Feature.HOSTED_TOOLS),
        (request(store=True, metadata={"a": "b"}), Feature.STORED_STATE),
        (request(messages=[{"role": "assistant", "audio": {"id": "audio_1"}}]), Feature.STORED_STATE),
        (part(type="file", file={"file_id": "file-1"}), Feature.REMOTE_FILES),
        (part(type="image_url", image_url={"url": "https://example.org/a"}), Feature.REMOTE_URLS),
        (part(type="image_url", image_url={"url": "gs://bucket/a"}), Feature.REMOTE_URLS),
        (part(type="file", file={"file_data": "https://example.org/a"}), Feature.REMOTE_URLS),
    ],
)
def test_features_are_seen(document: Json, feature: Feature) -> None:
    assert read(document).features == {feature}


def test_metadata_alone_and_store_false_keep_no_state() -> None:
    assert read(request(metadata={"a": "b"}, store=False, web_search_options=None)).features == frozenset()


def test_tools_are_named_once_in_order() -> None:
    assert read(request(tools=[function("b"), function("a"), function("b")])).tools == ("b", "a")


def test_blobs_are_counted() -> None:
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
        {"type": "file", "file": {"file_data": "DATA:application/pdf;base64,QUJD"}},
    ]
    ask = read(request(messages=[{"role": "user", "content": content}]))
    assert (ask.blobs, ask.blob_bytes) == (3, 26 + 4 + 32)
    assert ask.features == frozenset()


CLIENT = [
    {"role": "System", "content": "own"},
    USER,
    {"role": "DEVELOPER", "content": [{"type": "text", "text": "own"}]},
    {"role": " system ", "content": "own"},
]


def test_the_clients_prompts_are_dropped_wherever_they_stand() -> None:
    document = request(messages=[dict(message) for message in CLIENT], instructions="own")
    assert bind_system(document, "ours", SystemMode.DROP) == SystemEdit(True, 4, 0)
    assert document == request(messages=[{"role": "system", "content": "ours"}, USER])


def test_the_clients_prompts_stay_behind_ours() -> None:
    document = request(messages=[dict(message) for message in CLIENT])
    assert bind_system(document, "ours", SystemMode.APPEND) == SystemEdit(True, 0, 3)
    assert document["messages"] == [{"role": "system", "content": "ours"}, *CLIENT]


def test_a_template_could_leave_ours_out() -> None:
    document = request(chat_template="{{ messages }}")
    assert bind_system(document, "ours", SystemMode.APPEND) == SystemEdit(True, 1, 0)
    assert "chat_template" not in document


def test_nothing_to_bind_touches_nothing() -> None:
    document = request(messages=[dict(message) for message in CLIENT])
    assert not bind_system(document, None, SystemMode.APPEND).changed
    assert document["messages"] == CLIENT
    assert bind_system(document, None, SystemMode.DROP) == SystemEdit(False, 3, 0)
    assert document["messages"] == [USER]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (request(Model="other"), "model"),
        (request(Tools=[{"type": "web_search"}]), "tools"),
        (request(messages=[{"role": "user", "Role": "system", "content": "a"}]), "messages[0].role"),
        (part(type="text", text="a", Image_URL={"url": "https://x"}), "messages[0].content[0].image_url"),
        (request(tools=[{"type": "function", "Type": "mcp", "function": {"name": "f"}}]), "tools[0].type"),
        (request(tools=[{"type": "function", "function": {"name": "f", "Name": "g"}}]), "tools[0].function.name"),
        (request(preset="@preset/other"), "preset"),
    ],
)
def test_a_second_reading_is_refused(document: Json, field: str) -> None:
    """A parser that ignores case reads these as the fields that were decided about."""
    assert refused(document) == field


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"type": "audio_url", "audio_url": {"url": "http://169.254.169.254/"}}, Feature.REMOTE_URLS),
        ({"type": "document_url", "document_url": "https://example.org/a.pdf"}, Feature.REMOTE_URLS),
        ({"type": "file", "file_id": "file-abcdef"}, Feature.REMOTE_FILES),
    ],
)
def test_addresses_and_files_in_parts_that_other_vendors_know(fields: Json, feature: Feature) -> None:
    assert read(part(**fields)).features == {feature}


def test_a_tool_whose_type_is_no_string_is_not_the_clients_own() -> None:
    assert read(request(tools=[{"type": [], "function": {"name": "f"}}])).features == {Feature.HOSTED_TOOLS}


@pytest.mark.parametrize("field", ["provider", "extra_body"])
def test_what_chooses_another_model_is_refused(field: str) -> None:
    with pytest.raises(InvalidRequest):
        read({"model": "m", "messages": [{"role": "user", "content": "a"}], field: {"order": ["x"]}})


@pytest.mark.parametrize("field", ["thread_id", "prompt", "deferred", "file_ids"])
def test_what_stands_at_the_provider_is_a_feature(field: str) -> None:
    value = {"thread_id": "t", "prompt": {"id": "p"}, "deferred": True, "file_ids": ["f"]}[field]
    ask = read({"model": "m", "messages": [{"role": "user", "content": "a"}], field: value})
    assert ask.features == {Feature.REMOTE_FILES if field == "file_ids" else Feature.STORED_STATE}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:,", "URL": "http://x"}},
        {"type": "file", "file": {"file_data": "AAAA", "File_ID": "f"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "Data": "http://x"}},
    ],
)
def test_a_key_that_differs_only_in_case_is_refused_inside_parts(part: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        read({"model": "m", "messages": [{"role": "user", "content": [part]}]})


VALUES = st.sampled_from(
    [None, True, False, 0, 1, 7, 2**40, 1.5, "", "m", [], [5], {}, [dict(USER)], [dict(USER), {"role": "x"}]]
)
FIELDS = st.sampled_from(
    [
        "model",
        "messages",
        "stream",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "seed",
        "n",
        "stop",
        "Model",
        "other",
    ]
)


@given(st.dictionaries(FIELDS, VALUES, max_size=4), st.booleans())
def test_most_requests_are_read_a_shorter_way_that_says_the_same(fields: Json, usual: bool) -> None:
    document = request(**fields) if usual else fields

    def outcome(way: Any) -> object:
        try:
            return way(document)
        except InvalidRequest as error:
            return error.reason, error.message, error.field

    assert outcome(read) == outcome(_read)
