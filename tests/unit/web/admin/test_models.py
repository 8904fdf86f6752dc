"""What the API takes: every model refuses what it does not know."""

import pytest
from pydantic import ValidationError

from sluicegate.objects import Section
from sluicegate.web.admin import models, use_case_models

TAKEN = [
    model
    for module in (models, use_case_models)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, Section) and model.__module__ == module.__name__
]
FORBIDDEN = [
    "id",
    "role",
    "is_admin",
    "tenant_id",
    "organisation",
    "origin",
    "created_at",
    "budget_spent",
    "allowed_routes",
    "version",
]


@pytest.mark.parametrize("model", TAKEN, ids=lambda model: model.__name__)
@pytest.mark.parametrize("field", FORBIDDEN)
def test_mass_assignment(model: type[Section], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({field: "x"})
    assert (field,) in [error["loc"] for error in caught.value.errors() if error["type"] == "extra_forbidden"]


@pytest.mark.parametrize("name", ["", " a", "a b", "../a", "a\x00", "{{7*7}} ", "${jndi:x}", "a" * 129, "é", "-a"])
def test_names(name: str) -> None:
    with pytest.raises(ValidationError):
        models.TeamNew(organisation_id="0" * 32, name=name)


@pytest.mark.parametrize("principal", ["x", "user:", "admin:x", "user:a b", "user:a\n", "service_account:" + "a" * 129])
def test_principals(principal: str) -> None:
    with pytest.raises(ValidationError):
        models.KeyNew(use_case_id="0" * 32, name="k", principal=principal)
