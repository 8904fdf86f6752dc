from importlib.metadata import EntryPoint

import pytest

from sluicegate.providers.demo import DemoProvider
from sluicegate.providers.http import HttpProvider
from sluicegate.providers.pool import Pool
from sluicegate.providers.registry import GROUP, providers
from sluicegate.settings import SettingsError, Upstream


def test_the_built_in_ones() -> None:
    bounds = Upstream()
    found = providers(bounds, Pool(bounds))
    assert isinstance(found["http"], HttpProvider)
    assert isinstance(found["demo"], DemoProvider)


def test_a_third_party_s() -> None:
    point = EntryPoint("other", "sluicegate.providers.registry:Pool", GROUP)
    bounds = Upstream()
    assert isinstance(providers(bounds, Pool(bounds), [point])["other"], Pool)


def test_a_third_party_s_cannot_take_a_built_in_name() -> None:
    bounds = Upstream()
    with pytest.raises(SettingsError, match="http"):
        providers(bounds, Pool(bounds), [EntryPoint("http", "nowhere:factory", GROUP)])
