import json
from pathlib import Path

import pytest
from sqlalchemy import text, update

from sluicegate.audit.evidence import verify_proof
from sluicegate.audit.log import load_signer
from sluicegate.audit.stamped import encode, stamp
from sluicegate.store import tables
from sluicegate.store.journal import Journal
from tests.support.auditing import intent
from tests.support.installation import Installation


def public_key(installation: Installation) -> str:
    return str(load_signer(installation.settings()).verifier)


def exported(installation: Installation, *more: str) -> Path:
    """The file of a new export."""
    path = installation.folder / "log.jsonl"
    result = installation.run("audit", "export", "--output", str(path), *more)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture
def used(installation: Installation) -> Installation:
    """An installation with a few entries; those but the last are under a checkpoint."""
    for name in ("a", "b", "c"):
        new = ("keys", "create", "--use-case", "demo", "--name", name, "--principal", "user:ada")
        assert installation.run(*new).exit_code == 0
    return installation


def test_the_database_is_valid(used: Installation) -> None:
    result = used.run("audit", "verify")
    assert result.exit_code == 0, result.output
    assert "valid: 4 entries, " in result.output
    assert used.run("audit", "verify", "--key", public_key(used)).exit_code == 0


def test_a_changed_entry_is_named(used: Installation) -> None:
    entry = tables.audit_entry
    used.alter(update(entry).where(entry.c.log_index == 1).values(body=b"{}"))
    result = used.run("audit", "verify")
    assert result.exit_code == 1
    assert "changed" in result.output
    assert "INVALID: " in result.output


def test_many_findings_are_counted(installation: Installation) -> None:
    settings = {"SLUICEGATE_AUDIT__CHECKPOINT_ENTRIES": "1"}
    installation.run("keys", "revoke", installation.key_id, **settings)
    installation.alter(update(tables.audit_entry).values(organisation_id="another"))
    assert installation.run("audit", "verify").exit_code == 1


def test_an_export_is_verified_without_the_installation(used: Installation, tmp_path: Path) -> None:
    path = exported(used)
    elsewhere = Installation(tmp_path / "elsewhere")
    result = elsewhere.run("audit", "verify", str(path), "--key", public_key(used))
    assert result.exit_code == 0, result.output
    assert "valid: 4 entries" in result.output
    assert "compare it with the one you were given" in elsewhere.run("audit", "verify", str(path)).output


def test_a_kept_checkpoint_must_be_in_the_log(used: Installation, tmp_path: Path) -> None:
    kept = used.data / "audit.checkpoint"
    assert used.run("audit", "verify", str(exported(used)), "--checkpoint", str(kept)).exit_code == 0
    other = Installation(tmp_path / "other").start()
    (other.data / "audit.key").write_bytes((used.data / "audit.key").read_bytes())
    path = tmp_path / "other.jsonl"
    short = Installation(tmp_path / "third").start()
    short.run("audit", "export", "--output", str(path))
    result = short.run("audit", "verify", str(path), "--checkpoint", str(kept))
    assert result.exit_code != 0


def test_a_selection_proves_its_entries(used: Installation) -> None:
    path = exported(used, "--first", "1", "--last", "2")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["index"] for line in lines[1:]] == [1, 2]
    result = used.run("audit", "verify", str(path))
    assert result.exit_code == 0
    assert "this is a selection" in result.output


def test_an_organisations_entries(used: Installation) -> None:
    (organisation,) = [row["id"] for row in used.rows(tables.organisation)]
    path = exported(used, "--organisation", organisation)
    assert json.loads(path.read_text().splitlines()[0])["complete"] is False
    path.unlink()
    assert len(exported(used, "--organisation", "nobody").read_text().splitlines()) == 1


def test_an_existing_file_is_not_written_over(used: Installation) -> None:
    path = exported(used)
    before = path.read_bytes()
    result = used.run("audit", "export", "--output", str(path))
    assert (result.exit_code, result.stderr) == (1, f"{path}: File exists\n")
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", [("audit", "export"), ("audit", "proof", "0")])
def test_a_folder_that_is_not_there(used: Installation, command: tuple[str, ...]) -> None:
    path = used.folder / "nothing" / "x"
    result = used.run(*command, "--output", str(path))
    assert (result.exit_code, result.stderr) == (1, f"{path}: No such file or directory\n")


def test_a_proof_stands_alone(used: Installation) -> None:
    path = used.folder / "entry.json"
    result = used.run("audit", "proof", "1", "--output", str(path))
    beside = path.with_name("entry.json.tlog-proof")
    assert result.output == f"{path}\n{beside}\n"
    assert json.loads(path.read_bytes())["action"] == "key.create"
    assert verify_proof(beside.read_text(), path.read_bytes(), public_key(used))
    again = used.run("audit", "proof", "1", "--output", str(path))
    assert (again.exit_code, again.stderr) == (1, f"{path}: File exists\n")


def test_a_proof_of_what_is_not_there(used: Installation) -> None:
    result = used.run("audit", "proof", "99", "--output", str(used.folder / "x"))
    assert result.exit_code == 1
    assert "entry 99 is not in the log" in result.stderr
    assert not (used.folder / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--key", "nonsense"), "--key: not a verifier key"),
        (("nothing.jsonl",), "nothing.jsonl: No such file or directory"),
        (("--checkpoint", "nothing.txt"), "nothing.txt: No such file or directory"),
        (("--checkpoint", "BINARY"), "--checkpoint: not a checkpoint"),
        (("EXPORT", "--key", "nonsense"), "--key: not a verifier key"),
        (("BINARY",), "cannot decide: line 1: not JSON"),
        (("SETTINGS",), "cannot decide: line 1: not JSON"),
    ],
)
def test_what_cannot_be_decided_is_status_2(used: Installation, arguments: tuple[str, ...], said: str) -> None:
    binary = used.folder / "binary"
    binary.write_bytes(bytes(range(128, 256)))
    names = {"EXPORT": exported(used), "BINARY": binary, "SETTINGS": used.folder / "sluicegate.yaml"}
    result = used.run("audit", "verify", *(str(names.get(name, name)) for name in arguments))
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_another_logs_key_is_not_believed(used: Installation, tmp_path: Path) -> None:
    other = Installation(tmp_path / "other").start()
    assert used.run("audit", "verify", "--key", public_key(other)).exit_code == 1
    assert used.run("audit", "verify", str(exported(used)), "--key", public_key(other)).exit_code == 1


def test_verifying_makes_nothing(fresh: Installation, tmp_path: Path) -> None:
    result = fresh.run("audit", "verify")
    assert result.exit_code == 2
    assert "there is no database at" in result.stderr
    other = Installation(tmp_path / "other").start()
    (other.data / "audit.key").unlink()
    result = other.run("audit", "verify")
    assert result.exit_code == 2
    assert "give its public key as --key" in result.stderr
    assert not (other.data / "audit.key").exists()


def test_wrong_settings_are_no_verdict(used: Installation) -> None:
    assert used.run("audit", "verify", SLUICEGATE_NOTHING="1").exit_code == 2


def test_as_a_process(used: Installation) -> None:
    """The three exit statuses, and an export through a pipe that is closed early."""
    export = used.process("audit", "export")
    assert export.returncode == 0
    path = used.folder / "piped.jsonl"
    path.write_text(export.stdout)
    assert used.process("audit", "verify").returncode == 0
    assert used.process("audit", "verify", str(path)).returncode == 0
    lines = export.stdout.splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    cut = used.process("audit", "verify", str(path))
    assert (cut.returncode, cut.stderr) == (1, "")
    path.write_text("{")
    broken = used.process("audit", "verify", str(path))
    assert broken.returncode == 2
    assert "Traceback" not in broken.stderr


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("audit_entry", "body", "'{}'"),
        ("audit_entry", "body", "7"),
        ("audit_entry", "kind", "x'ff'"),
        ("audit_entry", "exchange_id", "CAST(x'ff' AS TEXT)"),
        ("audit_entry", "at_ns", "'soon'"),
    ],
)
def test_a_value_of_another_type_is_named(used: Installation, table: str, column: str, value: str) -> None:
    used.alter(text(f"UPDATE {table} SET {column} = {value} WHERE log_index = 1"))
    result = used.run("audit", "verify")
    assert result.exit_code == 1, result.output
    assert "entry 1: " in result.output


def test_the_lost_copy_of_the_checkpoint_must_be_put_back_or_written_anew(used: Installation) -> None:
    kept = used.data / "audit.checkpoint"
    kept.unlink()
    assert f"{kept} is not there" in used.run("audit", "verify").output
    refused = used.run("keys", "revoke", used.key_id)
    assert refused.exit_code == 1
    assert "sluicegate audit republish" in refused.stderr
    result = used.run("audit", "republish")
    assert result.exit_code == 0, result.output
    assert kept.exists()
    assert b"audit.republish" in used.rows(tables.audit_entry)[-1]["body"]
    assert used.run("keys", "revoke", used.key_id).exit_code == 0


def test_what_waits_in_the_journal_is_said_and_not_missing(used: Installation) -> None:
    path = used.data / "sluicegate.db.journal"
    journal = Journal.open(path, 64 * 1024)
    assert journal is not None
    for entries in ([intent(), intent()], [intent()]):
        assert journal.append(encode([stamp(entry, ()) for entry in entries]))
    result = used.run("audit", "verify")
    assert result.exit_code == 0, result.output
    assert "3 more entries are in the journal" in result.output
    assert "valid: 4 entries, " in result.output
    journal.close()


def test_a_journal_that_does_not_hold_leaves_it_undecided(used: Installation) -> None:
    path = used.data / "sluicegate.db.journal"
    journal = Journal.open(path, 64 * 1024)
    assert journal is not None
    for _ in range(2):
        assert journal.append(encode([stamp(intent(), ())]))
    journal.close()
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    result = used.run("audit", "verify")
    assert result.exit_code == 2
    assert f"cannot decide: {path}: " in result.stderr
