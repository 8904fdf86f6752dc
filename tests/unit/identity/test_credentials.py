"""Where a credential is looked for, and where it is not."""

import pytest

from sluicegate.core.decision import Reason
from sluicegate.identity.credentials import find, own

KEY, OTHER = "sk-sg-one", "sk-sg-two"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {KEY}"},
        {"authorization": f"BEARER {KEY}"},
        {"x-api-key": KEY},
        {"api-key": KEY},
        {"x-sluicegate-key": KEY},
        {"x-sluicegate-key": KEY, "authorization": f"Bearer {KEY}", "x-api-key": KEY, "api-key": KEY},
        {"x-api-key": KEY, "authorization": "Basic YTpi"},
        {"x-api-key": KEY, "authorization": "Bearer "},
        {"x-api-key": "", "api-key": KEY},
    ],
    ids=repr,
)
def test_found(headers: dict[str, str]) -> None:
    assert find(headers) == KEY


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {KEY}"},
        {"authorization": KEY},
        {"authorization": f"Bearer\t{KEY}"},
        {"x-api-key": ""},
        {"x-auth-token": KEY},
        {"cookie": f"key={KEY}"},
    ],
    ids=repr,
)
def test_none(headers: dict[str, str]) -> None:
    assert find(headers) is Reason.NO_CREDENTIAL


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY, "authorization": f"Bearer {OTHER}"},
        {"x-api-key": KEY, "api-key": OTHER},
    ],
    ids=repr,
)
def test_two_different_ones(headers: dict[str, str]) -> None:
    assert find(headers) is Reason.KEY_MALFORMED


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sg-admin-x"},
        {"x-api-key": "sg-admin-x"},
        {"x-api-key": KEY, "authorization": "Bearer sg-admin-x"},
        {"x-api-key": "sg-admin-x", "x-sluicegate-key": KEY},
    ],
    ids=repr,
)
def test_an_administrators_session(headers: dict[str, str]) -> None:
    assert find(headers) is Reason.ADMIN_CREDENTIAL


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"x-sluicegate-key": KEY}, ""),
        ({"x-sluicegate-key": KEY, "authorization": f"Bearer {KEY}", "x-api-key": KEY}, ""),
        ({"x-sluicegate-key": KEY, "authorization": f"Bearer {OTHER}"}, f"Bearer {OTHER}"),
        ({"x-sluicegate-key": KEY, "authorization": "Basic x", "x-api-key": OTHER}, f"Basic x\n{OTHER}"),
        ({"x-sluicegate-key": KEY, "x-goog-api-key": OTHER}, OTHER),
        ({"authorization": f"Bearer {OTHER}", "x-api-key": KEY}, ""),
    ],
    ids=repr,
)
def test_what_is_the_client_s_own(headers: dict[str, str], shown: str) -> None:
    assert own(headers) == shown
    if "x-sluicegate-key" in headers:
        assert find(headers) == KEY


def test_spaces_are_not_trimmed() -> None:
    assert find({"authorization": f"Bearer  {KEY}"}) == f" {KEY}"
