"""Lists of models in each vendor's form, read by the vendors' own types."""

import json
from typing import Any

import anthropic.types
import openai.types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.decision import Reason
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import whole
from sluicegate.dialects.models import AnthropicModels, OpenAIModels
from sluicegate.routing.catalog import Listed

SHOWN = [Listed(f"m-{index}", "p", 1_700_000_000 + index) for index in range(7)]
NAMES = [model.name for model in SHOWN]


def test_openais_form() -> None:
    page = OpenAIModels().page(SHOWN, {})
    assert page["object"] == "list"
    models = [openai.types.Model.model_validate(each, strict=True) for each in page["data"]]
    assert [model.id for model in models] == NAMES
    assert (models[0].owned_by, models[0].created) == ("p", 1_700_000_000)


def test_anthropics_form() -> None:
    model = anthropic.types.ModelInfo.model_validate(AnthropicModels().one(SHOWN[1]))
    assert (model.id, model.display_name, model.type) == ("m-1", "m-1", "model")
    assert model.created_at.timestamp() == 1_700_000_001


@given(st.integers(min_value=1, max_value=9), st.booleans())
def test_pages_hold_everything_once(limit: int, backwards: bool) -> None:
    dialect, asked = AnthropicModels(), {"limit": str(limit)}
    seen: list[str] = []
    while True:
        page = dialect.page(SHOWN, asked)
        ids = [each["id"] for each in page["data"]]
        assert (page["first_id"], page["last_id"]) == (ids[0], ids[-1])
        assert len(ids) <= limit
        seen = ids + seen if backwards and "before_id" in asked else seen + ids
        if backwards and "before_id" not in asked:
            # from behind: begin before the last, which is then known
            asked, seen = {"limit": str(limit), "before_id": NAMES[-1]}, [NAMES[-1]]
        elif page["has_more"]:
            asked = {"limit": str(limit), ("before_id" if backwards else "after_id"): ids[0] if backwards else ids[-1]}
        else:
            break
    assert seen == NAMES


def test_no_models() -> None:
    assert AnthropicModels().page([], {}) == {"data": [], "has_more": False, "first_id": None, "last_id": None}


@pytest.mark.parametrize(
    "asked",
    [
        *({"limit": value} for value in ("0", "1001", "x", "-1", "1" * 30, "٣", ["1", "2"])),
        *({"after_id": value} for value in ("unknown", ["m-1"])),
        {"after_id": "m-1", "before_id": "m-2"},
    ],
)
def test_a_page_that_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        AnthropicModels().page(SHOWN, asked)
    assert caught.value.field in asked


def test_what_is_asked_is_governed_and_asks_no_model() -> None:
    document = {"model": "some text", "after_id": "other text", "x": ["more"]}
    dialect = OpenAIModels()
    assert dialect.read(document).model == ""
    assert {span.text for span in dialect.spans(document).spans} >= {"some text", "other text", "more"}
    assert dialect.pieces(whole({"data": []})) == []


def test_errors_are_in_the_vendors_form() -> None:
    error = InvalidRequest(Reason.MODEL_UNKNOWN, "No.", field="model")
    assert error.status == 404
    told = json.loads(AnthropicModels().failure(error, "e", streaming=False))
    assert told["error"]["type"] == "not_found_error"
    assert json.loads(OpenAIModels().failure(error, "e", streaming=False))["error"]["type"] == "not_found_error"
