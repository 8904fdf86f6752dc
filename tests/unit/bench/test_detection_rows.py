"""Reading sets."""

import gzip
import json
from pathlib import Path

import pytest

from bench.detection_kinds import CREDENTIALS, PERSONAL
from bench.detection_rows import read, row, structured, subject


@pytest.mark.parametrize(
    ("stem", "raw", "about"),
    [
        ("pii", {"label": "positive", "kind": "anything"}, "personal"),
        ("held-out-secrets", {"label": "positive", "kind": "anything"}, "credential"),
        ("injection", {"label": "negative", "type": "x"}, "injection"),
        ("benign", {"kind": "prompt"}, "ordinary"),
        ("set", {"kind": "prompt"}, "ordinary"),
        ("set", {"label": "positive", "type": "jailbreak"}, "injection"),
        ("set", {"label": "positive", "kind": "UK_NINO"}, "personal"),
        ("set", {"label": "positive", "kind": "NEW_KIND", "form": "bare"}, "personal"),
        ("set", {"label": "positive", "kind": "github-pat"}, "credential"),
    ],
)
def test_what_rows_are_about(stem: str, raw: dict[str, object], about: str) -> None:
    assert subject(raw, stem) == about


def test_a_row_of_personal_data() -> None:
    raw = {"text": "t", "label": "positive", "kind": "UK_NINO", "form": "bare", "weak": True, "spans": [[1, 4]], "id": "p1"}
    got = row(raw, "pii", 1)
    assert (got.id, got.kind, got.country, got.weak, got.spans) == ("p1", "national_id", "GB", True, ((1, 4),))
    assert got.accepts == {"national_id", "tax_id", "ssn"}
    assert structured(got)


def test_a_row_of_a_kind_that_the_table_does_not_know_says_so() -> None:
    got = row({"text": "t", "label": "positive", "kind": "SHOE_SIZE"}, "pii", 1)
    assert got.kind == "shoe_size (unknown)"
    assert got.accepts == PERSONAL
    assert not structured(got)


def test_a_row_of_credentials() -> None:
    raw = {"text": "t", "label": "negative", "kind": "Key", "real_world": True, "neg": "placeholder", "family": "aws"}
    got = row(raw, "secrets", 3)
    assert (got.id, got.real, got.group) == ("secrets:3", True, "placeholder")
    assert got.accepts == CREDENTIALS


def test_an_error_names_the_line_and_no_text() -> None:
    with pytest.raises(ValueError, match=r"^pii:7: ") as error:
        row({"text": "private words", "label": "perhaps", "kind": "UK_NINO"}, "pii", 7)
    assert "private" not in str(error.value)


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    line = json.dumps({"text": "t", "label": "positive", "kind": "k"}).encode()
    (tmp_path / "b.jsonl").write_bytes(line + b"\n\n" + line)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line))
    (tmp_path / "README.md").write_text("not a set")
    assert [each.id for each in read(tmp_path)] == ["a:1", "b:1", "b:3"]
    assert [each.id for each in read(tmp_path / "a.jsonl.gz")] == ["a:1"]


def test_a_folder_without_sets_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \*\.jsonl"):
        read(tmp_path)
