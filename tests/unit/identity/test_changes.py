"""One process tells another that control data changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sluicegate.identity import changes
from sluicegate.identity.changes import ControlChanges


def test_a_touch_is_seen_once_by_everybody(tmp_path: Path) -> None:
    path = tmp_path / "control.changed"
    server, command = ControlChanges(path), ControlChanges(path)
    assert not server.moved()
    command.touch()
    assert server.moved()
    assert not server.moved()
    assert command.moved()
    server.close()
    command.close()


def test_two_changes_at_the_same_time_are_two(tmp_path: Path) -> None:
    path = tmp_path / "control.changed"
    server, command = ControlChanges(path), ControlChanges(path)
    for _ in range(3):
        command.touch()
        os.utime(path, ns=(1, 1))
        assert server.moved()


def test_a_command_starts_after_the_server_and_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "control.changed"
    ControlChanges(path).touch()
    server = ControlChanges(path)
    assert not server.moved()
    ControlChanges(path).touch()
    assert server.moved()


def test_a_removed_file_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "control.changed"
    server = ControlChanges(path)
    path.unlink()
    server._checked -= 2 * changes.CHECK_SECONDS  # as if that long had passed
    assert server.moved()
    assert not server.moved()
    ControlChanges(path).touch()
    assert server.moved()


def test_while_the_file_cannot_be_made_again_nothing_is_taken_for_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "control.changed"
    server = ControlChanges(path)
    path.unlink()
    path.mkdir()
    server._checked -= 2 * changes.CHECK_SECONDS  # as if that long had passed
    for _ in range(2):
        with pytest.raises(OSError, match="changed"):
            server.moved()
    path.rmdir()
    assert server.moved()
    ControlChanges(path).touch()
    assert server.moved()


def test_another_process_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "control.changed"
    server = ControlChanges(path)
    program = "import sys, pathlib, sluicegate.identity.changes as c; c.ControlChanges(pathlib.Path(sys.argv[1])).touch()"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program, str(path)], check=True)
        assert server.moved()
        assert not server.moved()


def test_a_file_of_any_length_serves(tmp_path: Path) -> None:
    for size in (0, 3, 8, 20):
        path = tmp_path / str(size)
        path.write_bytes(b"." * size)
        server = ControlChanges(path)
        assert not server.moved()
        ControlChanges(path).touch()
        assert server.moved()
        assert not server.moved()


def test_a_touch_goes_to_the_file_that_is_there_now(tmp_path: Path) -> None:
    path = tmp_path / "control.changed"
    command = ControlChanges(path)
    path.unlink()
    server = ControlChanges(path)
    command.touch()
    assert server.moved()


def test_closing_twice_closes_nobody_elses_file(tmp_path: Path) -> None:
    changes = ControlChanges(tmp_path / "control.changed")
    changes.close()
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)
    changes.close()
    with pytest.raises(ValueError, match="closed"):
        changes.moved()
    with pytest.raises(OSError, match="Bad file descriptor"):
        changes.touch()
    os.write(other, b".")
    os.close(other)


def test_only_the_owner_may_write_it(tmp_path: Path) -> None:
    path = tmp_path / "control.changed"
    ControlChanges(path).touch()
    assert path.stat().st_mode & 0o077 == 0


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "control.changed").mkdir()
    with pytest.raises(OSError, match="changed"):
        ControlChanges(tmp_path / "control.changed")
