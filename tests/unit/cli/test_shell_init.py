from typer.testing import CliRunner

from sluicegate.cli.app import app


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["shell-init", "--key", "sk-'x", "--url", "http://g", *arguments])
    return result.exit_code, result.output


def test_sh_quotes_what_a_shell_would_read() -> None:
    status, output = run()
    assert status == 0
    assert """export SLUICEGATE_KEY='sk-'"'"'x'""" in output


def test_fish_sets_its_own_way() -> None:
    assert "set -gx ANTHROPIC_BASE_URL http://g/anthropic" in run("--shell", "fish")[1]


def test_another_shell_is_named_as_wrong() -> None:
    status, output = run("--shell", "tcsh")
    assert status == 2
    assert "expected sh or fish" in output
