"""What the API takes of use cases; `test_models.py` holds that no unknown field is."""

import pytest
from pydantic import ValidationError

from sluicegate.core.identity import CacheMode, OverBudget
from sluicegate.web.admin import use_case_models


@pytest.mark.parametrize("network", ["10.0.0.1/8", "x", "10.0.0.0/33", ""])
def test_networks(network: str) -> None:
    with pytest.raises(ValidationError) as caught:
        use_case_models.UseCaseChange(networks=(network,))
    assert not network or network not in caught.value.errors()[0]["msg"]


def test_templates_are_text() -> None:
    for text in ("{{7*7}}", "${jndi:ldap://x}", "%n", "{0.__class__}"):
        assert use_case_models.UseCaseChange(purpose=text).purpose == text


@pytest.mark.parametrize(
    "wrong",
    [{"regions": ["a b"]}, {"aliases": {"a b": "c"}}, {"over_budget": "cloud"}, {"cache": {"mode": "exact", "ttl": 1}}],
    ids=repr,
)
def test_what_routing_is_not_told(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        use_case_models.UseCaseChange.model_validate(wrong)


def test_what_routing_is_told() -> None:
    told = {"regions": ["eu-*"], "aliases": {"fast": "gpt-5-mini"}, "over_budget": "on_prem", "cache": {"mode": "exact"}}
    change = use_case_models.UseCaseChange.model_validate(told)
    assert (change.cache.mode, change.cache.ttl_seconds) == (CacheMode.EXACT, 3_600)
    assert (change.regions, change.over_budget) == (("eu-*",), OverBudget.ON_PREM)
