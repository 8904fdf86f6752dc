import os
from pathlib import Path

import pytest

from sluicegate.dlp import kept


def test_a_piece_is_read_as_it_was_kept(tmp_path: Path) -> None:
    folder, name = tmp_path / "made" / "here", kept.name_of("plan", 1, "two")
    assert (kept.size(folder, name), kept.read(folder, name)) == (0, None)
    assert kept.keep(folder, name, b"bytes")
    assert (kept.size(folder, name), kept.read(folder, name)) == (5, b"bytes")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in folder.iterdir()] == [name]
    assert (folder / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 100])
def test_what_does_not_hold_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    kept.keep(tmp_path, "a.plan", b"bytes")
    (tmp_path / "a.plan").write_bytes(content)
    assert kept.read(tmp_path, "a.plan") is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not kept.keep(tmp_path / "file", "a.plan", b"bytes")
    kept.prune(tmp_path / "file")


def test_names_say_what_a_piece_was_made_from() -> None:
    assert kept.name_of("plan", 1, 2) == kept.name_of("plan", 1, 2)
    assert len({kept.name_of("plan", 1, 2), kept.name_of("plan", 12), kept.name_of("rules", 1, 2)}) == 3
    assert kept.name_of("plan", 1).endswith(".plan")


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    for number in range(kept.MAX_KEPT + 2):
        (tmp_path / f"{number}.plan").write_bytes(b"x" * 40)
    for number, used in ((0, True), (1, False), (2, False)):
        os.utime(tmp_path / f"{number}.plan", (1, 1))
        assert not used or kept.size(tmp_path, f"{number}.plan") == 8
    (tmp_path / "of somebody else").touch()
    os.utime(tmp_path / "of somebody else", (1, 1))
    kept.prune(tmp_path)
    assert len(list(tmp_path.glob("*.plan"))) == kept.MAX_KEPT
    assert (tmp_path / "of somebody else").exists()
    assert (tmp_path / "0.plan").exists()
    assert not (tmp_path / "1.plan").exists()
