import pytest

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import Place
from sluicegate.objects import ProviderSpec
from sluicegate.providers.address import parse
from sluicegate.providers.presets import COMPATIBLE, presets, resolve
from sluicegate.settings import SettingsError


def test_every_preset_can_be_called() -> None:
    for name, preset in presets().items():
        assert resolve(ProviderSpec(name="p", preset=name)).base_url == preset.base_url
        origin = parse(preset.base_url).origin
        assert origin.secure or preset.place is Place.ON_PREM


def test_local_servers_are_on_the_premises_and_vendors_are_not() -> None:
    assert {name for name, p in presets().items() if p.place is Place.ON_PREM} == {"ollama", "vllm", "llama.cpp"}
    assert presets()["anthropic"].dialects[0] is DialectName.ANTHROPIC_MESSAGES


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
        ({"base_url": "https://h", "headers": {"Host": "x"}}, "host"),
    ],
)
def test_what_cannot_be_used_is_named(fields: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        resolve(ProviderSpec.model_validate({"name": "mine"} | fields))
    assert "mine" in str(caught.value)
