"""What the commands share, seen through `keys list` and by itself."""

import os
import pwd
import sqlite3

import pytest
import typer
from typer.testing import CliRunner

from sluicegate.cli.office import Office, fail, table
from sluicegate.identity.changes import FILE, ControlChanges
from tests.support.installation import Installation


def test_fail_names_the_status() -> None:
    ended = fail("wrong", 3)
    assert isinstance(ended, typer.Exit)
    assert ended.exit_code == 3


def test_a_table_is_aligned() -> None:
    app = typer.Typer()
    app.command()(lambda: table(("A", "B"), [("long", "x"), ("s", "")]))
    assert CliRunner().invoke(app).output == "A     B\nlong  x\ns\n"


def test_an_act_is_recorded_and_told_to_a_running_server(installation: Installation) -> None:
    settings = installation.settings()
    server = ControlChanges(settings.data_dir / FILE)
    opened = Office(settings)
    assert opened.act("thing.do", "thing:1", None, lambda connection: connection.exec_driver_sql("SELECT 7").scalar()) == 7
    opened.database.close()
    assert server.moved()
    server.close()
    assert installation.acts()[-1] == (f"command:{pwd.getpwuid(os.getuid()).pw_name}", "thing.do", "thing:1")


def test_the_environment_does_not_say_who_acts(installation: Installation) -> None:
    installation.run("keys", "revoke", installation.key_id, LOGNAME="somebody-else", USER="somebody-else")
    assert installation.acts()[-1][0] == f"command:{pwd.getpwuid(os.getuid()).pw_name}"


def test_settings_that_are_wrong_are_named(installation: Installation) -> None:
    result = installation.run("keys", "list", SLUICEGATE_SERVER__PROT="1")
    assert result.exit_code == 1
    assert result.stderr == "server.prot: unknown setting\n"


def test_a_command_makes_no_installation(fresh: Installation) -> None:
    result = fresh.run("keys", "list")
    assert result.exit_code == 1
    assert "there is no database at" in result.stderr
    assert not fresh.data.exists()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "nonsense"])
def test_a_database_that_cannot_be(installation: Installation, url: str) -> None:
    result = installation.run("keys", "list", SLUICEGATE_DATABASE__URL=url)
    assert result.exit_code == 1
    assert result.stderr.startswith("database.url: ")


def test_a_file_that_is_no_database(installation: Installation) -> None:
    (installation.data / "sluicegate.db").write_bytes(b"no database " * 400)
    for wal in installation.data.glob("sluicegate.db-*"):
        wal.unlink()
    result = installation.run("keys", "list")
    assert result.exit_code == 1
    assert "the database cannot be used: file is not a database" in result.stderr


def test_a_database_whose_tables_went_missing(installation: Installation) -> None:
    database = sqlite3.connect(installation.data / "sluicegate.db")
    database.execute("DROP TABLE deployment")
    database.close()
    result = installation.run("models", "list")
    assert result.exit_code == 1
    assert result.stderr == "the database cannot be used: no such table: deployment\n"


def test_a_database_that_was_rolled_back_takes_no_change(installation: Installation) -> None:
    key = installation.key_id
    old = (installation.data / "sluicegate.db").read_bytes()
    assert installation.run("keys", "revoke", key).exit_code == 0
    for wal in installation.data.glob("sluicegate.db-*"):
        wal.unlink()
    (installation.data / "sluicegate.db").write_bytes(old)
    result = installation.run("keys", "revoke", key)
    assert result.exit_code == 1
    assert "the audit log cannot be used: the database's audit log has" in result.stderr


def test_a_signing_key_that_others_can_read(installation: Installation) -> None:
    (installation.data / "audit.key").chmod(0o644)
    result = installation.run("keys", "revoke", installation.key_id)
    assert result.exit_code == 1
    assert "can be read by others" in result.stderr
