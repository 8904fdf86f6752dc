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


def test_only_so_many_names_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_REMEMBERED", 2)
    monkeypatch.setattr(names, "_names", {})
    assert [named(name) for name in ("a", "b", "a", "no name", "c")][::4] == ["a", "c"]
    assert names._names == {"c": "c"}
