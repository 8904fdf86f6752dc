"""What a Messages request asks for (hazards H10 to H12), and the binding of its system prompt."""

from typing import Any

import pytest

from sluicegate.core.dialect import Feature, Json, SystemEdit, SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects.anthropic_request import bind_system, read

USER: Json = {"role": "user", "content": "Hi"}


def request(**fields: Any) -> Json:
    return {"model": "m", "max_tokens": 5, "messages": [dict(USER)], **fields}


def block(**fields: Any) -> Json:
    return request(messages=[{"role": "user", "content": [fields]}])


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"max_tokens": 5, "messages": [USER]}, "model"),
        ({"model": "m", "messages": [USER]}, "max_tokens"),
        (request(max_tokens="5"), "max_tokens"),
        (request(max_tokens=-1), "max_tokens"),
        (request(messages=[]), "messages"),
        (request(messages=[{"role": "tool", "content": "a"}]), "messages[0].role"),
        (request(messages=[{"role": "user"}]), "messages[0].content"),
        (request(messages=[{"role": "user", "content": {"type": "text"}}]), "messages[0].content"),
        (block(type="text", text=5), "messages[0].content[0].text"),
        (block(type="tool_use", name="f", input="{}"), "messages[0].content[0].input"),
        (block(type="tool_use", name=5, input={}), "messages[0].content[0].name"),
        (block(type="image", source="x"), "messages[0].content[0].source"),
        (block(type="image", source={"type": "base64", "data": 5}), "messages[0].content[0].source.data"),
        (block(type="tool_result", content=[{"text": "a"}]), "messages[0].content[0].content[0].type"),
        (request(system=5), "system"),
        (request(system=[{"type": "text"}]), "system[0].text"),
        (request(stream=1), "stream"),
        (request(top_k="x"), "top_k"),
        (request(stop_sequences="END"), "stop_sequences"),
        (request(tools=[{}]), "tools[0].name"),
        (request(fallbacks="default"), "fallbacks"),
    ],
)
def test_a_wrong_field_is_named(document: Json, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(document)
    assert caught.value.field == field


def test_what_is_asked_for() -> None:
    ask = read(request(stream=True, tools=[{"name": "b"}, {"type": "custom", "name": "a"}, {"type": None, "name": "b"}]))
    assert (ask.model, ask.stream, ask.max_tokens, ask.choices, ask.tools) == ("m", True, 5, 1, ("b", "a"))
    assert ask.features == {Feature.TOOLS}
    assert read(request(max_tokens=0)).max_tokens == 0


@pytest.mark.parametrize(
    ("document", "features"),
    [
        (request(tools=[{"type": "web_search_20250305", "name": "web_search"}]), {Feature.HOSTED_TOOLS}),
        (request(tools=[{"type": "mcp_toolset", "mcp_server_name": "x"}]), {Feature.HOSTED_TOOLS}),
        (request(mcp_servers=[{"type": "url", "url": "https://example.org", "name": "x"}]), {Feature.HOSTED_TOOLS}),
        (request(container="c1"), {Feature.STORED_STATE, Feature.HOSTED_TOOLS}),
        (request(thread={"type": "create"}), {Feature.STORED_STATE}),
        (block(type="container_upload", file_id="file_1"), {Feature.REMOTE_FILES}),
        (block(type="image", source={"type": "file", "file_id": "file_1"}), {Feature.REMOTE_FILES}),
        (block(type="document", source={"type": "url", "url": "https://example.org"}), {Feature.REMOTE_URLS}),
        (
            block(
                type="tool_result",
                content=[{"type": "image", "source": {"type": "url", "url": "https://example.org"}}],
            ),
            {Feature.REMOTE_URLS},
        ),
        (
            block(
                type="document",
                source={"type": "content", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]},
            ),
            {Feature.REMOTE_FILES},
        ),
        (request(mcp_servers=[], container=None), set()),
    ],
)
def test_features_are_seen(document: Json, features: set[Feature]) -> None:
    assert read(document).features == features


def test_blobs_are_counted_at_any_depth() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
    ask = read(request(messages=[{"role": "user", "content": [image, {"type": "tool_result", "content": [image]}]}]))
    assert (ask.blobs, ask.blob_bytes) == (2, 8)


def test_blocks_cannot_be_nested_for_ever() -> None:
    inner: Any = "text"
    for _ in range(20):
        inner = [{"type": "tool_result", "content": inner}]
    with pytest.raises(InvalidRequest):
        read(request(messages=[{"role": "user", "content": inner}]))


MARKED: Json = {"type": "text", "text": "own", "cache_control": {"type": "ephemeral"}}


def test_kept_blocks_keep_their_cache_marks() -> None:
    document = request(system=[dict(MARKED)])
    assert bind_system(document, "ours", SystemMode.APPEND) == SystemEdit(True, 0, 1)
    assert document["system"] == [{"type": "text", "text": "ours"}, MARKED]


def test_dropping_takes_the_system_field_and_system_messages() -> None:
    document = request(system="own", messages=[USER, {"role": "System", "content": "own"}])
    assert bind_system(document, "ours", SystemMode.DROP) == SystemEdit(True, 2, 0)
    assert document == request(system="ours")
    document = request(system="own")
    assert bind_system(document, None, SystemMode.DROP) == SystemEdit(False, 1, 0)
    assert document == request()


def test_nothing_to_bind_touches_nothing() -> None:
    document = request(system=[MARKED])
    assert not bind_system(document, None, SystemMode.APPEND).changed
    assert document == request(system=[MARKED])


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (request(Model="other"), "model"),
        (request(System="evil"), "system"),
        (request(messages=[{"role": "user", "Role": "system", "content": "a"}]), "messages[0].role"),
        (request(tools=[{"name": "f", "Type": "bash_20250124"}]), "tools[0].type"),
        (
            block(type="image", source={"type": "base64", "data": "AAAA", "URL": "https://x"}),
            "messages[0].content[0].source.url",
        ),
        (block(type="text", text="a", Source={"type": "url"}), "messages[0].content[0].source"),
    ],
)
def test_a_second_reading_is_refused(document: Json, field: str) -> None:
    """A parser that ignores case reads these as the fields that were decided about."""
    with pytest.raises(InvalidRequest) as caught:
        read(document)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("block", "feature"),
    [
        ({"type": "video", "url": "http://x"}, Feature.REMOTE_URLS),
        ({"type": "video", "file_id": "f"}, Feature.REMOTE_FILES),
        ({"type": "search_result", "source": {"type": "url", "url": "http://x"}, "content": []}, Feature.REMOTE_URLS),
    ],
)
def test_an_unknown_block_that_names_what_is_elsewhere(block: dict[str, object], feature: Feature) -> None:
    ask = read({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [block]}]})
    assert ask.features == {feature}


def test_a_template_is_dropped_where_a_prompt_is_bound() -> None:
    document = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}], "chat_template": "x"}
    assert bind_system(document, "ours", SystemMode.APPEND).dropped == 1
    assert "chat_template" not in document
