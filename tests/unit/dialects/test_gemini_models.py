"""Lists of models as google-genai reads them."""

import json

import pytest
from google.genai import types

from sluicegate.core.decision import Reason
from sluicegate.core.errors import GatewayError, InvalidRequest
from sluicegate.dialects.gemini_models import GeminiModels
from sluicegate.routing.catalog import Listed

SHOWN = [Listed(f"m-{index}", "p", 1_700_000_000) for index in range(7)]


def test_googles_form() -> None:
    model = types.Model.model_validate(GeminiModels().one(SHOWN[1]) | {"supportedGenerationMethods": None}, extra="ignore")
    assert (model.name, model.display_name) == ("models/m-1", "m-1")


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_pages_hold_everything_once(size: int) -> None:
    names: list[str] = []
    token = ""
    while True:
        page = GeminiModels().page(SHOWN, {"pageSize": str(size), "pageToken": token})
        names += [model["displayName"] for model in page["models"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert names == [model.name for model in SHOWN]
    assert GeminiModels().page([], {}) == {"models": []}


@pytest.mark.parametrize("field", ["pageSize", "pageToken"])
@pytest.mark.parametrize("value", ["x", "-1", "1" * 9, ["1"]])
def test_what_is_no_number(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        GeminiModels().page(SHOWN, {field: value})
    assert caught.value.field == field


def test_errors_are_googles() -> None:
    body = json.loads(GeminiModels().failure(GatewayError(Reason.NO_CREDENTIAL, "m"), "x1", streaming=False))
    assert body["error"]["status"] == "UNAUTHENTICATED"
