import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.exc import OperationalError

from sluicegate.settings import Settings
from sluicegate.store import migrate
from sluicegate.store.database import DatabaseError
from sluicegate.store.tables import deployment, metadata, provider, team, use_case, virtual_key
from tests.support.auditing import settings_in


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return settings_in(tmp_path, url)


def test_the_migrated_schema_is_the_one_in_tables(migrated: Settings) -> None:
    with create_engine(migrated.database_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert migrate.version(connection) == migrate.VERSIONS[-1]
    connection.engine.dispose()


def test_what_is_append_only_refuses_to_be_changed(migrated: Settings) -> None:
    engine = create_engine(migrated.database_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO audit_entry (log_index, body, at_ns, kind) VALUES (0, 'x', 1, 'act')"))
        connection.execute(
            text(
                "INSERT INTO audit_checkpoint (size, note, at_ns, frontier, leaves, open_intents)"
                " VALUES (1, 'n', 1, '', '', '')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO guardrail (id, version, name, document, note, active, created_by, created_at)"
                " VALUES ('g', 1, 'n', '{}', '', true, 'user:x', 1)"
            )
        )
    tables = ("audit_entry", "audit_checkpoint", "guardrail")
    statements = [f"{act} {table}" for table in tables for act in ("DELETE FROM", "TRUNCATE")]
    statements += ["UPDATE audit_entry SET at_ns = 2", "UPDATE audit_checkpoint SET note = 'm'"]
    statements += ["UPDATE guardrail SET active = false"]
    for statement in statements:
        if "TRUNCATE" in statement and engine.dialect.name == "sqlite":
            continue
        with pytest.raises(SqlError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()


def test_a_schema_that_is_current_starts_no_process(migrated: Settings) -> None:
    before = sys.modules.copy()
    migrate.ensure(migrated)
    assert set(sys.modules) == set(before)


def test_an_unknown_version_is_refused(migrated: Settings) -> None:
    engine = create_engine(migrated.database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(migrate.SchemaMismatch, match=r"9999.*newer version"):
        migrate.ensure(migrated)


def test_tables_of_somebody_else_are_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE stranger (x INTEGER)"))
    engine.dispose()
    with pytest.raises(migrate.SchemaMismatch, match="none that says which version"):
        migrate.ensure(settings)


def test_the_known_versions_are_those_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert tuple(revision.revision for revision in reversed(list(script.walk_revisions()))) == migrate.VERSIONS


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return Settings.model_validate({"data_dir": tmp_path, "database": {"url": url}})


ROWS = (
    "INSERT INTO organisation VALUES ('o', 'n', 'api', 1, 1)",
    "INSERT INTO team (id, organisation_id, name, budgets, origin, created_at, updated_at)"
    " VALUES ('t', 'o', 'n', '[]', 'api', 1, 1)",
    "INSERT INTO use_case (id, organisation_id, team_id, name, version, purpose, classification, system_mode, models,"
    " features, tools, networks, guardrail, rate, active, origin, created_at, updated_at) VALUES ('u', 'o', 't', 'n', 1,"
    " 'p', 'internal', 'append', '[]', '[]', '[]', '[]', 'default', '{}', true, 'api', 1, 1)",
    "INSERT INTO virtual_key (id, digest, hint, name, organisation_id, team_id, use_case_id, principal, rate, budgets,"
    " origin, created_at, updated_at) VALUES ('k', '', '', 'n', 'o', 't', 'u', 'user:x', '{}', '[]', 'api', 1, 1)",
    "INSERT INTO provider (name, kind, dialect, base_url, headers, place, region, origin, created_at, updated_at)"
    " VALUES ('p', 'http', 'anthropic_messages', 'https://h', '{}', 'cloud', '', 'api', 1, 1)",
    'INSERT INTO deployment (name, model, provider, upstream_model, place, region, "order", weight, max_output_tokens,'
    " origin, created_at, updated_at) VALUES ('d', 'm', 'p', 'm', 'cloud', '', 0, 1, 9, 'api', 1, 1)",
)
"""A row of every table that another refers to, or that refers to another."""


def test_a_database_of_the_first_version_is_brought_up_to_date(empty: Settings) -> None:
    """What is there stays; the one dialect of a provider becomes a list."""
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    engine = create_engine(empty.database_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row in ROWS:
            connection.execute(text(row))
    migrate.ensure(empty)
    with engine.connect() as connection:
        assert migrate.version(connection) == migrate.VERSIONS[-1]
        assert connection.execute(text("SELECT name FROM organisation")).scalars().all() == ["n"]
        assert connection.execute(select(provider.c.dialects)).scalars().all() == [["anthropic_messages"]]
        for table in (team, use_case, virtual_key, deployment):
            assert len(connection.execute(select(table)).all()) == 1
        listed = connection.execute(select(provider.c.client_headers)).scalars().all()
        assert listed == [["anthropic-beta", "anthropic-version"]]
    engine.dispose()


def test_many_processes_may_migrate_at_once(tmp_path: Path) -> None:
    program = "import sys, pathlib; from sluicegate.settings import Settings; from sluicegate.store import migrate; "
    program += "migrate.ensure(Settings(data_dir=pathlib.Path(sys.argv[1]))); print('alembic' in sys.modules)"
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, b"False\n"), err


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://user:hidden@/x?host={tmp_path}"
    settings = Settings.model_validate({"data_dir": tmp_path, "database": {"url": url}})
    with pytest.raises(DatabaseError) as caught:
        migrate.ensure(settings)
    assert "hidden" not in str(caught.value)


def test_the_cause_is_what_the_driver_said() -> None:
    error = OperationalError("SELECT secret", {}, sqlite3.OperationalError("disk I/O error"))
    assert migrate.cause(error) == "disk I/O error"
