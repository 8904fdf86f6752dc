"""The permission table: complete, deny by default, and the same in the documentation."""

import re
from pathlib import Path

import pytest

from sluicegate.identity.roles import PERMITTED, Permission, Role, permits

DOCUMENT = Path(__file__).parents[3] / "docs" / "roles.md"


def test_every_permission_is_in_the_table() -> None:
    assert set(PERMITTED) == set(Permission)


def test_the_owner_may_everything_and_the_viewer_changes_nothing() -> None:
    for permission in Permission:
        assert permits(Role.OWNER, permission)
        if permission.endswith((".write", ".revoke")):
            assert not permits(Role.VIEWER, permission)
            assert not permits(Role.AUDITOR, permission)


@pytest.mark.parametrize("role", ["", "Owner", "owner ", "superuser", "*"])
def test_an_unknown_role_may_nothing(role: str) -> None:
    assert not any(permits(role, permission) for permission in Permission)


def test_the_document_says_the_same() -> None:
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    header = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert header == ["permission", *Role]
    written = {}
    for line in lines[2:]:
        name, *marks = (cell.strip() for cell in line.strip("|").split("|"))
        written[re.sub("`", "", name)] = {role for role, mark in zip(Role, marks, strict=True) if mark == "yes"}
    assert written == {permission.value: set(PERMITTED[permission]) for permission in Permission}
