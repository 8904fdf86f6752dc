import logging
import os
from pathlib import Path

import pytest

from sluicegate.core.provider import SecretUnavailable
from sluicegate.secrets.reference import CHECK_SECONDS, MAX_SECRET_BYTES, FileCredential, credential


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path, clock = written(tmp_path / "key", " first\n"), Clock()
    found = FileCredential(str(path), clock)
    assert found.reveal() == "first"
    written(path, "second")
    os.utime(path, ns=(1, 1))
    assert found.reveal() == "first"
    clock.now += CHECK_SECONDS
    assert found.reveal() == "second"
    path.unlink()
    clock.now += CHECK_SECONDS
    with pytest.raises(SecretUnavailable, match="file:"):
        found.reveal()


def test_an_open_file_is_warned_of_without_its_content(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path / "key", "hush", 0o644)
    with caplog.at_level(logging.WARNING):
        assert credential(f"file:{path}").reveal() == "hush"
    assert caplog.records[0].__dict__["reference"] == f"file:{path}"
    assert "hush" not in str(caplog.records[0].__dict__)


def test_a_variable() -> None:
    assert credential("env:KEY", {"KEY": "value\n"}).reveal() == "value"
    with pytest.raises(SecretUnavailable, match="env:KEY is not set"):
        credential("env:KEY", {}).reveal()


@pytest.mark.parametrize("value", ["", "  ", "a\r\nX: y", "a\x00", "clé"])
def test_what_no_header_can_carry(value: str) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        credential("env:KEY", {"KEY": value}).reveal()
    assert "env:KEY" in str(caught.value)
    assert not value.strip() or value not in str(caught.value)


def test_a_file_that_is_no_secret(tmp_path: Path) -> None:
    for content in (b"x" * (MAX_SECRET_BYTES + 1), b"\xff\xfe"):
        path = tmp_path / "key"
        path.write_bytes(content)
        with pytest.raises(SecretUnavailable):
            credential(f"file:{path}").reveal()


def test_showing_one_shows_the_reference_only(tmp_path: Path) -> None:
    path = written(tmp_path / "key", "hush")
    for found in (credential(f"file:{path}"), credential("env:KEY", {"KEY": "hush"})):
        found.reveal()
        assert found.reference in repr(found)
        assert "hush" not in repr(found) + str(found)


@pytest.mark.parametrize("reference", ["", "file:", "env:", "plain", "vault:x"])
def test_what_is_no_reference(reference: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        credential(reference)
