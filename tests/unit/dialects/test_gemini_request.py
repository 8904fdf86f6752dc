"""What a Gemini request asks for."""

from typing import Any

import pytest

from sluicegate.core.dialect import Ask, Feature, Json, SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.dialects.gemini_request import bind_system, read

SAID: dict[str, Any] = {"role": "user", "parts": [{"text": "Hello"}]}


def ask(**fields: Any) -> Ask:
    return read({"contents": [SAID], **fields}, "gemini-x", stream=False)


def of(part: dict[str, Any]) -> Ask:
    return ask(contents=[{"parts": [part]}])


def test_a_plain_request() -> None:
    assert ask() == Ask("gemini-x", stream=False, max_tokens=None)
    assert read({"contents": {"parts": {"text": "a"}}}, "m", stream=True) == Ask("m", stream=True, max_tokens=None)


def test_settings_under_either_name() -> None:
    found = ask(generation_config={"max_output_tokens": 9, "candidateCount": 2, "temperature": 0.5, "stopSequences": ["a"]})
    assert (found.max_tokens, found.choices) == (9, 2)


@pytest.mark.parametrize(
    ("tool", "features"),
    [
        ({"functionDeclarations": [{"name": "look"}]}, {Feature.TOOLS}),
        ({"function_declarations": {"name": "look"}}, {Feature.TOOLS}),
        ({"googleSearch": {}}, {Feature.HOSTED_TOOLS}),
        ({"code_execution": {}}, {Feature.HOSTED_TOOLS}),
        ({"urlContext": {}}, {Feature.HOSTED_TOOLS, Feature.REMOTE_URLS}),
        ({"file_search": {}}, {Feature.HOSTED_TOOLS, Feature.REMOTE_FILES}),
        ({"retrieval": {}}, {Feature.HOSTED_TOOLS, Feature.REMOTE_FILES}),
        ({"somethingNew": {}}, {Feature.HOSTED_TOOLS}),
        ({"googleSearch": None}, set()),
    ],
)
def test_tools(tool: dict[str, Any], features: set[Feature]) -> None:
    found = ask(tools=[tool])
    assert found.features == features
    assert ask(tools=tool).features == features
    assert found.tools == (("look",) if Feature.TOOLS in features else ())


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"cachedContent": "cachedContents/a"}, True),
        ({"cached_content": "cachedContents/a"}, True),
        ({"store": True}, True),
        ({"continuationToken": "QUJD"}, True),
        ({"store": False, "cachedContent": None}, False),
    ],
)
def test_state_kept_at_the_provider(fields: dict[str, Any], asked: bool) -> None:
    assert (Feature.STORED_STATE in ask(**fields).features) is asked


@pytest.mark.parametrize(
    ("uri", "feature"),
    [
        ("https://generativelanguage.googleapis.com/v1beta/files/abc", Feature.REMOTE_FILES),
        ("gs://bucket/a.png", Feature.REMOTE_FILES),
        ("files/abc", Feature.REMOTE_FILES),
        ("https://www.youtube.com/watch?v=1", Feature.REMOTE_URLS),
        ("HTTP://example.org/a.png", Feature.REMOTE_URLS),
    ],
)
def test_files_by_address(uri: str, feature: Feature) -> None:
    assert of({"fileData": {"fileUri": uri}}).features == {feature}
    assert of({"file_data": {"file_uri": uri}}).features == {feature}
    response = {"name": "f", "response": {}, "parts": [{"fileData": {"fileUri": uri}}]}
    assert of({"functionResponse": response}).features == {feature}


def test_data_is_counted_wherever_it_stands() -> None:
    data = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    found = ask(contents=[{"parts": [data, {"functionResponse": {"name": "f", "parts": [data]}}]}])
    assert (found.blobs, found.blob_bytes) == (2, 8)


def test_what_costs_more_than_text() -> None:
    assert not ask(generationConfig={"responseModalities": ["TEXT"]}, serviceTier="standard").media
    found = ask(generationConfig={"response_modalities": ["TEXT", "AUDIO"]}, serviceTier="priority")
    assert (found.media, found.premium) == (True, True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"contents": []}, "contents"),
        ({"contents": "Hello"}, "contents"),
        ({"contents": ["Hello"]}, "contents[0]"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"role": 5, "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": ["a"]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"inlineData": {"data": 5}}]}]}, "contents[0].parts[0].inlineData"),
        ({"contents": [{"parts": [{"fileData": {}}]}]}, "contents[0].parts[0].fileData"),
        ({"contents": [{"parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall"),
        ({"contents": [{"Parts": []}]}, "contents[0].parts"),
        ({"Tools": []}, "tools"),
        ({"tools": [[]]}, "tools[0]"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"model": "another"}, "model"),
        ({"systemInstruction": 5}, "systemInstruction"),
        ({"systemInstruction": {"parts": [{"TEXT": "a"}]}}, "systemInstruction.parts[0].text"),
        ({"generationConfig": {"routingConfig": {}}}, "generationConfig.routingConfig"),
        ({"generationConfig": {"model_config": {}}}, "generationConfig.modelConfig"),
        ({"generationConfig": {"maxOutputTokens": "9"}}, "maxOutputTokens"),
        ({"generationConfig": {"temperature": "hot"}}, "temperature"),
        ({"generationConfig": {"stopSequences": "a"}}, "stopSequences"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(**fields)
    assert caught.value.field == field


def test_the_model_may_be_said_again() -> None:
    assert ask(model="models/gemini-x").model == ask(model="gemini-x").model == "gemini-x"


def test_the_prompt_comes_first_and_the_clients_own_stays_behind_or_goes() -> None:
    document: Json = {"system_instruction": {"role": "user", "parts": {"text": "own"}}}
    edit = bind_system(document, "ours", SystemMode.APPEND)
    assert document == {"system_instruction": {"role": "user", "parts": [{"text": "ours"}, {"text": "own"}]}}
    assert (edit.injected, edit.appended) == (True, 1)
    edit = bind_system(document, "ours", SystemMode.DROP)
    assert document == {"system_instruction": {"parts": [{"text": "ours"}]}}
    assert (edit.injected, edit.dropped) == (False, 1)
    assert bind_system(document, None, SystemMode.DROP).dropped == 1
    assert document == {}
    assert not bind_system(document, None, SystemMode.APPEND).changed
