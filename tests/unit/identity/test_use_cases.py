"""From a row to a compiled use case."""

from ipaddress import ip_network
from typing import Any

import pytest

from sluicegate.core.dialect import Feature, SystemMode
from sluicegate.core.identity import CacheMode, Caching, Classification, RateLimit
from sluicegate.identity.use_cases import lower, use_case, wildcards

ROW: dict[str, Any] = {
    "id": "1",
    "name": "case",
    "version": 3,
    "purpose": "test",
    "classification": "sensitive",
    "system_prompt": "Be kind.",
    "system_mode": "drop",
    "models": ["claude-*", "gpt-5"],
    "features": ["tools"],
    "tools": ["read_*"],
    "networks": ["10.0.0.0/8", "fd00::/8"],
    "guardrail": "default",
    "regions": ["eu-*"],
    "aliases": {"fast": "gpt-5"},
    "over_budget": "on_prem",
    "cache": {},
    "active": False,
    "own_credentials": True,
}


def test_a_row_compiles() -> None:
    found = use_case(ROW)
    assert (found.classification, found.system_mode, found.active) == (Classification.SENSITIVE, SystemMode.DROP, False)
    assert found.features == frozenset({Feature.TOOLS})
    assert found.networks == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert found.tools is not None
    assert found.tools.fullmatch("read_file")
    assert use_case({**ROW, "tools": ["x", "*"]}).tools is None


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("claude-", True),
        ("claude-x/y", True),
        ("claude-x\ny", True),
        ("Claude-x", False),
        ("gpt-5", True),
        ("gpt-5x", False),
        ("xgpt-5", False),
        ("gpt-5\n", False),
        ("", False),
    ],
)
def test_models(name: str, allowed: bool) -> None:
    assert (use_case(ROW).models.fullmatch(name) is not None) == allowed


def test_an_empty_list_allows_nothing() -> None:
    assert wildcards([]).fullmatch("") is None


def test_special_characters_are_characters() -> None:
    assert wildcards(["a.c"]).fullmatch("abc") is None
    assert wildcards(["a|b"]).fullmatch("a") is None
    assert wildcards(["a|b"]).fullmatch("a|b")


def test_answers_are_kept_where_that_is_asked_for_and_never_of_sensitive_data() -> None:
    exact = {"mode": "exact", "ttl_seconds": 60, "threshold": 0.9}
    for classification in Classification:
        row = {**ROW, "classification": classification.value}
        assert use_case(row).cache is None
        assert use_case({**row, "cache": {**exact, "mode": "off"}}).cache is None
        kept = use_case({**row, "cache": exact}).cache
        assert kept == (None if classification is Classification.SENSITIVE else Caching(CacheMode.EXACT, 60, 0.9))


def test_the_lower_bound_counts() -> None:
    assert lower({}, {}) == RateLimit()
    assert lower({"concurrent": 5, "tokens_per_minute": None}, {"concurrent": 9, "requests_per_minute": 3}) == RateLimit(
        3, None, 5
    )
