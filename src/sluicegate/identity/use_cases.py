"""From a use case's row to the binding the request path works with.

Names of models and tools are compared exactly, upper and lower case told apart, over their whole length. In an allowlist
`*` stands for any run of characters, the empty one and `/` included; no other character is special.
"""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from sqlalchemy import RowMapping

from sluicegate.core.dialect import Feature, SystemMode
from sluicegate.core.identity import CacheMode, Caching, Classification, OverBudget, RateLimit, UseCase

NOTHING = re.compile(r"(?!)")
UNITS = ("requests_per_minute", "tokens_per_minute", "concurrent")


def use_case(row: Mapping[str, Any] | RowMapping) -> UseCase:
    """Compile a row of `store.tables.use_case`."""
    tools = row["tools"]
    return UseCase(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        purpose=row["purpose"],
        classification=Classification(row["classification"]),
        system_prompt=row["system_prompt"],
        system_mode=SystemMode(row["system_mode"]),
        models=wildcards(row["models"]),
        names=tuple(name for name in row["models"] if "*" not in name),
        wildcards=tuple(name for name in row["models"] if "*" in name),
        features=frozenset(Feature(feature) for feature in row["features"]),
        tools=None if "*" in tools else wildcards(tools),
        networks=tuple(ip_network(network) for network in row["networks"]),
        guardrail=row["guardrail"],
        regions=tuple(row["regions"]),
        aliases=row["aliases"],
        over_budget=OverBudget(row["over_budget"]),
        cache=caching(row),
        active=row["active"],
        own_credentials=row["own_credentials"],
    )


def caching(row: Mapping[str, Any] | RowMapping) -> Caching | None:
    """How the answers of a use case are kept, from its row; None where none is: sensitive data never is."""
    given = row["cache"]
    mode = CacheMode(given.get("mode", CacheMode.OFF))
    if mode is CacheMode.OFF or row["classification"] == Classification.SENSITIVE:
        return None
    return Caching(mode, given["ttl_seconds"], given.get("threshold", 1.0))


def wildcards(names: Iterable[str]) -> re.Pattern[str]:
    """One pattern whose full match says that a name is on the list; an empty list matches nothing.

    Each literal after a `*` is found at its first place and never tried again (an atomic group), so that no list of
    names makes a match take more than (length of the name) × (length of the list).
    """
    alternatives = [_wildcard(name) for name in names]
    return re.compile("|".join(alternatives), re.DOTALL) if alternatives else NOTHING


def lower(first: Mapping[str, int | None], second: Mapping[str, int | None]) -> RateLimit:
    """For each unit the lower of two bounds: a key may be narrower than its use case, never wider."""
    bounds = {}
    for unit in UNITS:
        given = [bound for bound in (first.get(unit), second.get(unit)) if bound is not None]
        bounds[unit] = min(given) if given else None
    return RateLimit(**bounds)


def _wildcard(name: str) -> str:
    first, *rest = name.split("*")
    if not rest:
        return re.escape(first)
    *middle, last = rest
    runs = "".join(f"(?>.*?{re.escape(literal)})" for literal in middle if literal)
    return f"{re.escape(first)}{runs}.*{re.escape(last)}"
