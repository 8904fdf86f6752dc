"""A gateway's data folder without a running gateway, and the commands run on it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Table, select
from typer.testing import CliRunner, Result

from sluicegate import app as gateway
from sluicegate.cli.app import app
from sluicegate.identity.first_start import FirstStart
from sluicegate.settings import Settings, load
from sluicegate.store import migrate, tables
from sluicegate.store.database import Database
from tests.support.automata import ENVIRON


class Installation:
    """One folder with a settings file and data; `first` is what its first start showed."""

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.first: FirstStart | None = None
        self.write({"demo": {"ollama_url": ""}, **(settings or {})})

    def write(self, settings: Mapping[str, Any]) -> None:
        """Write the settings file."""
        (self.folder / "sluicegate.yaml").write_text(yaml.safe_dump(dict(settings)))

    def start(self) -> "Installation":
        """Do what a start does before it serves."""
        settings = self.settings()
        migrate.ensure(settings)
        self.first = gateway.prepare(settings) or self.first
        return self

    def env(self, **more: str) -> dict[str, str]:
        """The variables that name this installation."""
        here = {"SLUICEGATE_CONFIG": str(self.folder / "sluicegate.yaml"), "SLUICEGATE_DATA_DIR": str(self.data)}
        return {**here, **ENVIRON, **more}

    def settings(self) -> Settings:
        """The settings in force."""
        return load(self.env(), self.folder)

    def run(self, *arguments: str, **env: str) -> Result:
        """Run a command in this process."""
        found: dict[str, str | None] = {name: None for name in os.environ if name.startswith("SLUICEGATE_")}
        return CliRunner().invoke(app, arguments, env={**found, **self.env(**env)})

    def process(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in a process of its own."""
        command = [sys.executable, "-m", "sluicegate", *arguments]
        return subprocess.run(command, env=self.environ(**env), capture_output=True, text=True, timeout=60, check=False)

    def environ(self, **env: str) -> dict[str, str]:
        """The whole environment of a command on this installation."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
        return kept | self.env(**env)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """Everything in a table."""
        database = Database(self.settings())
        try:
            with database.connect() as connection:
                return [dict(row) for row in connection.execute(select(table)).mappings()]
        finally:
            database.close()

    @property
    def key_id(self) -> str:
        """The id of the demo use case's key."""
        (found,) = [row["id"] for row in self.rows(tables.virtual_key) if row["name"] == "demo"]
        return str(found)

    def alter(self, statement: Any) -> None:
        """Change the database past every rule."""
        database = Database(self.settings())

        try:
            with database.transaction() as connection:
                for act in ("update", "delete"):
                    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS audit_entry_no_{act}")
                connection.execute(statement)
        finally:
            database.close()

    def acts(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject of every act in the audit log, oldest first."""
        entries = [json.loads(row["body"]) for row in self.rows(tables.audit_entry)]
        return [(entry["actor"], entry["action"], entry["subject"]) for entry in entries if entry["kind"] == "act"]
