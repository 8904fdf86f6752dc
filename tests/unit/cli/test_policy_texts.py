"""Rows and cases: what is wrong with one is told by its place, and quotes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.cli.policy_texts import MAX_LINE, TextsError, cases, rows
from sluicegate.core.dialect import DialectName


def lines(path: Path, *each: Any) -> Path:
    path.write_text("\n".join(json.dumps(line) for line in each))
    return path


def test_rows(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "x", "more": 1}, {"document": {}, "dialect": "anthropic_messages"})
    path.write_text(path.read_text() + "\n\n")
    first, second = rows(path)
    assert (first.text, first.where, first.direction) == ("x", f"{path}:1", "prompt")
    assert (second.document, second.dialect) == ({}, DialectName.ANTHROPIC_MESSAGES)


@pytest.mark.parametrize("line", [{}, {"text": "x", "document": {}}, [], {"text": 1}, {"text": "x", "dialect": "x"}])
def test_a_row_that_cannot_be(tmp_path: Path, line: Any) -> None:
    with pytest.raises(TextsError, match=r"a\.jsonl:1: "):
        list(rows(lines(tmp_path / "a.jsonl", line)))


def test_a_line_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b" " * (MAX_LINE + 1))
    with pytest.raises(TextsError, match="longer than"):
        list(rows(path))


@given(said=st.text(alphabet='{}[]",:1\\\nx', max_size=40))
def test_nothing_of_a_line_is_told(said: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_text('{"text": "' + said + "hunter2")
    with pytest.raises(TextsError) as caught:
        list(rows(path))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("- {text: x, expect: {action: blok}}", "a value is wrong"),
        ("- {text: x, expectt: {}}", "unknown field"),
        ("- {}", "case 1: expected either"),
        ("- {name: n, text: x, document: {}}", "case n: expected either"),
        ("[", r"no YAML \(line 2\)"),
        ("text: x", "Expected `array`"),
    ],
)
def test_cases_that_cannot_be(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(content)
    with pytest.raises(TextsError, match=why):
        cases(path)


def test_cases(tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text("- {text: x, team: blue, role: developer, direction: answer, expect: {rules: []}}")
    (case,) = cases(path)
    assert (case.row.text, case.row.team, case.row.role, case.row.direction) == ("x", "blue", "developer", "answer")
    assert (case.expect.rules, case.expect.action) == ((), None)


def test_a_line_too_deep_to_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"document": ' + '{"a": ' * 100_000 + "1" + "}" * 100_001)
    with pytest.raises(TextsError, match="no JSON"):
        list(rows(path))
