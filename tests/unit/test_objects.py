"""What the settings may declare, and what values look like; tests/unit/store declares them."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sluicegate.objects import AuthSpec, BudgetSpec, KeySpec, Name, ProviderSpec, UseCaseSpec, Wildcard

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
        (ProviderSpec, {"name": "p", "credential": "env:A", "credentials": ["env:B"]}),
        (ProviderSpec, {"name": "p", "dialects": ["openai_chat", "openai_models"]}),
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


def test_own_credentials_and_a_prompt_exclude_each_other() -> None:
    given = {"organisation": "o", "team": "t", "name": "n", "purpose": "p", "own_credentials": True}
    assert UseCaseSpec.model_validate(given).own_credentials
    with pytest.raises(ValidationError, match="exclude each other"):
        UseCaseSpec.model_validate(given | {"system_prompt": "Be kind."})


@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "entra", "tenant": "t", "client": "c"},
        {"kind": "aws"},
        {"kind": "google"},
        {"kind": "kerberos"},
        {"header": "a b"},
        {"authority": "https://h?x=1"},
        {"more": 1},
    ],
)
def test_auth_that_is_not_complete(auth: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AuthSpec.model_validate(auth)


@pytest.mark.parametrize(
    "fields",
    [
        {"quirks": ["odd"]},
        {"client_headers": ["cookie"]},
        {"paths": {"openai_chat": {"whole": "no-slash"}}},
        {"paths": {"openai_chat": {"whole": "/a b"}}},
        {"paths": {"morse": {"whole": "/a"}}},
        {"query": {"a b": "c"}},
        {"query": {"a": "b&c"}},
        {"dialects": []},
    ],
)
def test_what_no_provider_may_say(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ProviderSpec.model_validate({"name": "p", "base_url": "https://h"} | fields)
