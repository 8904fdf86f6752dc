import pytest

from sluicegate.core import names
from sluicegate.core.names import named


@pytest.mark.parametrize("name", ["gpt-5.2", "openai/gpt-5.2:latest", "claude-opus-4@2026", "m"])
def test_a_name_stays(name: str) -> None:
    assert named(name) == name


@pytest.mark.parametrize("text", ["", "my card is 4111", "a\nb", "x" * 129, "ü", "\ud800"])
def test_text_becomes_a_digest(text: str) -> None:
    assert named(text).startswith("sha256:")
    assert len(named(text)) == 71


def test_only_so_many_names_are_remembered() -> None:
    for number in range(2 * names.REMEMBERED):
        assert named(f"name-{number}") == named(f"name-{number}") == f"name-{number}"
        assert named("no name").startswith("sha256:")
        assert len(names._names) <= names.REMEMBERED
