"""The command line as a whole."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from sluicegate.cli.app import app


@pytest.mark.parametrize("name", ["serve", "doctor", "shell-init", "wrap", "keys", "use-cases", "models", "audit"])
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert f" {name} " in result.output


def test_every_option_and_argument_has_a_help_text() -> None:
    from typer.main import get_command

    silent: list[str] = []

    def visit(name: str, command: object) -> None:
        parameters = (found for found in getattr(command, "params", []) if found.name != "help" and not found.help)
        silent.extend(f"{name} {found.name}" for found in parameters)
        for part, inner in getattr(command, "commands", {}).items():
            visit(f"{name} {part}", inner)

    visit("sluicegate", get_command(app))
    assert silent == []


def test_without_a_command_the_list_of_them() -> None:
    assert "use-cases" in CliRunner().invoke(app, []).output


def test_an_unknown_command_is_status_2() -> None:
    assert CliRunner().invoke(app, ["audits"]).exit_code == 2


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "sluicegate", "--help"], capture_output=True, text=True, check=True)
    assert "governance-first" in done.stdout
