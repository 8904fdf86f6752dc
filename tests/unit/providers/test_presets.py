from urllib.parse import urlencode

import pytest

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import AuthKind, ClientHeader, Path, Place, Quirk
from sluicegate.objects import AuthSpec, ProviderSpec
from sluicegate.providers.address import parse
from sluicegate.providers.presets import COMPATIBLE, presets, resolve
from sluicegate.providers.way import Compiled
from sluicegate.settings import SettingsError
from tests.support.calls import request, target


def declared(name: str) -> ProviderSpec:
    preset = presets()[name]
    return ProviderSpec(name="p", preset=name, region="eu-central-1", base_url=preset.base_url or "https://h.example/v1")


@pytest.mark.parametrize("name", presets())
def test_every_preset_can_be_called(name: str) -> None:
    preset, filled = presets()[name], resolve(declared(name))
    assert filled.base_url is not None
    assert "{" not in filled.base_url
    assert parse(filled.base_url).origin.secure or preset.place is Place.ON_PREM
    assert (filled.dialects, filled.place) == (preset.dialects, preset.place)
    assert (preset.base_url is None) is bool(preset.example)
    assert len(set(filled.quirks or ())) == len(filled.quirks or ())


ADDRESSES = {
    ("openai", "openai_chat"): "https://api.openai.com/v1/chat/completions",
    ("azure", "openai_responses"): "https://h.example/v1/responses",
    ("azure-deployments", "openai_chat"): "https://h.example/v1/deployments/m/chat/completions?api-version=2024-10-21",
    ("anthropic", "anthropic_messages"): "https://api.anthropic.com/v1/messages",
    ("aws", "bedrock_converse"): "https://bedrock-runtime.eu-central-1.amazonaws.com/model/m/converse-stream",
    (
        "aws-anthropic",
        "anthropic_messages",
    ): "https://bedrock-runtime.eu-central-1.amazonaws.com/model/m/invoke-with-response-stream",
    ("google", "gemini"): "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
    ("google", "openai_chat"): "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    ("vertex", "gemini"): "https://h.example/v1/publishers/google/models/m:streamGenerateContent?alt=sse",
    ("vertex-anthropic", "anthropic_messages"): "https://h.example/v1/publishers/anthropic/models/m:streamRawPredict",
    ("ollama", "anthropic_messages"): "http://127.0.0.1:11434/v1/messages",
    ("cohere", "openai_chat"): "https://api.cohere.ai/compatibility/v1/chat/completions",
    ("perplexity", "openai_chat"): "https://api.perplexity.ai/chat/completions",
}


@pytest.mark.parametrize(("preset", "dialect"), ADDRESSES)
def test_where_a_stream_is_asked_for(preset: str, dialect: str) -> None:
    spec = resolve(declared(preset))
    to = target(
        spec.base_url or "",
        dialects=spec.dialects,
        paths={name: Path(path.whole, path.stream) for name, path in (spec.paths or {}).items()},
        query=urlencode(spec.query or {}),
    )
    way = Compiled(to).ways[DialectName(dialect)]
    address = parse(to.base_url)
    path = way.path(request(to, stream=True))
    assert f"http{'s' * address.origin.secure}://{address.authority}{path}" == ADDRESSES[preset, dialect]


def test_local_servers_are_on_the_premises_and_vendors_are_not() -> None:
    local = {name for name, preset in presets().items() if preset.place is Place.ON_PREM}
    assert local == {"ollama", "vllm", "llama.cpp", "lmstudio"}


def test_what_a_preset_fills_in() -> None:
    bedrock = resolve(ProviderSpec(name="p", preset="aws-anthropic", region="eu-central-1"))
    assert bedrock.quirks == (Quirk.ANTHROPIC_BEDROCK,)
    assert bedrock.auth == AuthSpec(kind=AuthKind.AWS, service="bedrock")
    assert bedrock.client_headers == (ClientHeader.ANTHROPIC_BETA,)
    own = resolve(ProviderSpec(name="p", preset="mistral", quirks=(), client_headers=(), query={"a": "b"}, paths={}))
    assert (own.quirks, own.client_headers, own.query) == ((), (), {"a": "b"})
    assert resolve(ProviderSpec(name="p", preset="lmstudio")).client_headers == ("anthropic-beta", "anthropic-version")


def test_what_is_given_comes_before_the_preset() -> None:
    spec = ProviderSpec(name="p", preset="openai", base_url="http://h/v1", place=Place.PRIVATE_CLOUD, region="eu")
    filled = resolve(spec)
    assert (filled.base_url, filled.place, filled.dialects) == (
        "http://h/v1",
        Place.PRIVATE_CLOUD,
        presets()["openai"].dialects,
    )
    assert (filled.region, filled.preset) == ("eu", "openai")


def test_without_a_preset() -> None:
    filled = resolve(ProviderSpec(name="p", base_url="https://h/v1"))
    assert (filled.place, filled.dialects) == (Place.CLOUD, COMPATIBLE)
    demo = resolve(ProviderSpec(name="p", kind="demo"))
    assert (demo.place, demo.base_url, demo.dialects) == (Place.ON_PREM, "", (DialectName.OPENAI_CHAT,))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"preset": "nobody"}, "no preset nobody"),
        ({}, "base_url is missing"),
        ({"base_url": "ftp://h"}, "http"),
        ({"base_url": "https://u:p@h"}, "user name"),
        ({"preset": "aws"}, "region is missing"),
        ({"preset": "azure"}, "openai.azure.com"),
        ({"base_url": "https://h", "auth": {"header": "host"}}, "host"),
        ({"base_url": "https://h", "headers": {"Host": "x"}}, "host"),
    ],
)
def test_what_cannot_be_used_is_named(fields: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        resolve(ProviderSpec.model_validate({"name": "mine"} | fields))
    assert "mine" in str(caught.value)
