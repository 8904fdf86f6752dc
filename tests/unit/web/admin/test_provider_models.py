"""What the API takes of providers: every model refuses what it does not know, and secrets in the wrong place."""

from typing import Any

import pytest
from pydantic import ValidationError

from sluicegate.web.admin.provider_models import SECRET_HEADERS, ProviderChange, ProviderNew


@pytest.mark.parametrize("model", [ProviderNew, ProviderChange])
@pytest.mark.parametrize("field", ["id", "origin", "created_at", "organisation_id", "version"])
def test_mass_assignment(model: Any, field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"name": "p", field: "x"})
    assert (field,) in [error["loc"] for error in caught.value.errors() if error["type"] == "extra_forbidden"]


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_a_secret_is_no_header(name: str) -> None:
    with pytest.raises(ValidationError, match="credential"):
        ProviderNew.model_validate({"name": "p", "headers": {name.title(): "x"}})


@pytest.mark.parametrize("reference", ["file:/etc/passwd", "env:SLUICEGATE_DATABASE__URL", "env:a", "sk-x"])
def test_a_credential_is_a_variable_of_the_environment(reference: str) -> None:
    with pytest.raises(ValidationError):
        ProviderNew.model_validate({"name": "p", "credential": reference})


def test_how_it_is_called() -> None:
    sent = {"auth": {"kind": "aws", "service": "bedrock"}, "quirks": ["no_system"], "query": {"a": "b"}}
    assert ProviderChange.model_validate(sent).model_fields_set == set(sent)
