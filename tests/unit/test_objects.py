"""What the settings may declare, and what values look like; tests/unit/store declares them."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sluicegate.objects import BudgetSpec, KeySpec, Name, ProviderSpec, UseCaseSpec, Wildcard

USE_CASE = {"organisation": "o", "team": "t", "name": "u", "purpose": "to test"}
KEY = {"use_case": "u", "organisation": "o", "name": "k", "principal": "user:anna", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (UseCaseSpec, {**USE_CASE, "networks": ["10.0.0.0/8"]}),
        (KeySpec, KEY),
        (ProviderSpec, {"name": "p", "credential": "file:/run/secrets/p"}),
        (BudgetSpec, {"period": "day", "usd": "1.5"}),
    ],
)
def test_what_may_be_declared(kind: Any, given: dict[str, Any]) -> None:
    assert kind.model_validate(given)
    with pytest.raises(ValidationError):
        kind.model_validate({**given, "unknown": 1})


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (UseCaseSpec, {**USE_CASE, "networks": ["everywhere"]}),
        (UseCaseSpec, {**USE_CASE, "purpose": ""}),
        (KeySpec, {**KEY, "sha256": "the key itself"}),
        (ProviderSpec, {"name": "p", "credential": "the secret itself"}),
        (BudgetSpec, {"period": "day", "usd": "0"}),
    ],
)
def test_what_may_not(kind: Any, given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(given)


def test_names_and_wildcards() -> None:
    name, wildcard = TypeAdapter(Name), TypeAdapter(Wildcard)
    assert name.validate_python("gpt-4o/mini") == "gpt-4o/mini"
    assert wildcard.validate_python("*") == "*"
    for each in ("", "*", " a", "a" * 129):
        with pytest.raises(ValidationError):
            name.validate_python(each)
