from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sluicegate.audit.checkpoint import Checkpoint, NoteInvalid, Signer, Verifier

ROOT = bytes(range(32))


def signer(name: str = "example.com/log") -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def test_a_note_has_the_form_of_the_specification() -> None:
    note = signer().sign(42, ROOT)
    lines = note.split("\n")
    assert lines[:4] == ["example.com/log", "42", b64encode(ROOT).decode(), ""]
    assert lines[4].startswith("\u2014 example.com/log ")
    assert lines[5:] == [""]
    assert signer().verifier.open(note) == Checkpoint("example.com/log", 42, ROOT)


def test_a_key_known_from_the_specification_has_its_id() -> None:
    # the example key of golang.org/x/mod/sumdb/note
    key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert str(Verifier.parse(key)) == key
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    with pytest.raises(NoteInvalid, match=r"not a checkpoint|no number"):  # the signature holds; it is no checkpoint
        Verifier.parse(key).open(text)
    with pytest.raises(NoteInvalid, match="no valid signature"):
        Verifier.parse(key).open(text.replace("answer", "Answer"))


def test_signatures_of_witnesses_are_passed_over() -> None:
    note = signer().sign(1, ROOT)
    other = signer("witness.example").sign(1, ROOT).split("\n")[4]
    assert signer().verifier.open(note + other + "\n").size == 1
    assert signer().verifier.open(note.replace("\n\n", f"\n\n{other}\n")).size == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n42\n", "\n43\n"),
        lambda note: note.replace("AAEC", "AAED"),
        lambda note: note[:-1],
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("\u2014 ", "- "),
        lambda _note: "",
        lambda _note: signer("example.com/other").sign(42, ROOT),
        lambda _note: Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(b"1" * 32)).sign(42, ROOT),
    ],
)
def test_a_note_that_was_changed_or_signed_by_another_does_not_hold(change: object) -> None:
    assert callable(change)
    with pytest.raises(NoteInvalid):
        signer().verifier.open(change(signer().sign(42, ROOT)))


@pytest.mark.parametrize(
    "key", ["", "a+b", "log+00000000+AQ==", "x+zz+!!", "log+00000000+" + b64encode(b"\x01" + ROOT).decode()]
)
def test_what_is_no_verifier_key_is_refused(key: str) -> None:
    with pytest.raises(NoteInvalid):
        Verifier.parse(key)


def test_the_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "made" / "audit.key"
    first = Signer.load("log", path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["audit.key"]
    assert str(Signer.load("log", path).verifier) == str(first.verifier)
    path.chmod(0o640)
    with pytest.raises(NoteInvalid, match="read by others"):
        Signer.load("log", path)


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    path.write_bytes(b"nothing of the kind")
    path.chmod(0o600)
    with pytest.raises(NoteInvalid, match="PEM"):
        Signer.load("log", path)
