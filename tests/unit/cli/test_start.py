"""Starts of the real command: those that succeed, and why others do not."""

import re
import socket
import sqlite3
from pathlib import Path

import httpx

from sluicegate.cli.start import welcome
from sluicegate.identity.first_start import FirstStart
from sluicegate.store import tables
from tests.support import gateway
from tests.support.installation import Installation


def test_the_welcome_holds_everything_once() -> None:
    text = welcome(FirstStart("admin", "the-password", "sk-sg-key"), "http://127.0.0.1:1")
    assert "admin password  the-password" in text
    assert text.count("sk-sg-key") == 2
    assert "curl -s http://127.0.0.1:1/v1/chat/completions -H 'Authorization: Bearer sk-sg-key'" in text


def test_without_the_demo_there_is_nothing_to_try() -> None:
    text = welcome(FirstStart("admin", "the-password", None), "http://127.0.0.1:1")
    assert "curl" not in text
    assert "the-password" in text


async def test_the_first_start_shows_what_the_second_does_not(tmp_path: Path) -> None:
    first = await gateway.start(tmp_path)
    assert "First start." in first.printed
    password = re.search(r"admin password  (\S+)", first.printed)
    assert password
    async with httpx.AsyncClient(base_url=first.url) as client:
        login = await client.post("/api/v1/session", json={"name": "admin", "password": password[1]})
        assert login.status_code in (200, 201), login.text
    assert await first.stop() == 0
    second = await gateway.start(tmp_path)
    assert second.printed == f"Sluicegate is ready at {second.url}\n"
    assert await second.stop() == 0
    assert password[1] not in first.log + second.log


def test_a_password_is_not_lost_where_the_port_is_taken(fresh: Installation) -> None:
    """The administrator is stored before the server listens: what is shown once must be shown then, too."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = fresh.process("serve", SLUICEGATE_SERVER__PORT=port)
    assert done.returncode == 1
    assert "admin password  " in done.stdout
    assert "Sluicegate does not start: " in done.stderr
    assert "address already in use" in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert len(fresh.rows(tables.user)) == 1


def refused(installation: Installation, **env: str) -> str:
    """What a start says that does not succeed."""
    done = installation.process("serve", **{"SLUICEGATE_SERVER__PORT": "0", **env})
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_broken_policy_file(installation: Installation) -> None:
    path = installation.folder / "policies.yaml"
    path.write_text("policies: [")
    assert "Sluicegate does not start: " in refused(installation, SLUICEGATE_DLP__POLICIES=str(path))


def test_what_cannot_be_declared(installation: Installation) -> None:
    installation.write({"deployments": [{"name": "d", "model": "m", "provider": "q"}]})
    assert "there is no provider q" in refused(installation)


def test_a_database_that_is_none(installation: Installation) -> None:
    for wal in installation.data.glob("sluicegate.db-*"):
        wal.unlink()
    (installation.data / "sluicegate.db").write_bytes(b"no database " * 400)
    assert "the database cannot be used: file is not a database" in refused(installation)


def test_a_database_of_a_newer_version(installation: Installation) -> None:
    database = sqlite3.connect(installation.data / "sluicegate.db")
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()
    database.close()
    assert "schema version 9999" in refused(installation)


def test_a_database_that_was_rolled_back(installation: Installation) -> None:
    old = (installation.data / "sluicegate.db").read_bytes()
    assert installation.run("keys", "revoke", installation.key_id).exit_code == 0
    for wal in installation.data.glob("sluicegate.db-*"):
        wal.unlink()
    (installation.data / "sluicegate.db").write_bytes(old)
    assert "the database is older than that" in refused(installation)
