import subprocess
import sys

from tests.support.installation import Installation


def test_a_start_that_fails_is_one_line_and_status_1(fresh: Installation) -> None:
    done = fresh.process("serve", SLUICEGATE_SERVER__PROT="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Sluicegate does not start: server.prot: unknown setting\n"


def test_a_gateway_needs_neither_the_other_commands_nor_what_only_some_installations_use() -> None:
    """What a start imports it pays for in time and in memory (docs/performance.md)."""
    spared = ("typer", "sluicegate.cli.app", "fastapi", "alembic", "prometheus_client", "phonenumbers", "genai_prices")
    code = f"import sys, sluicegate.cli.start; print([each for each in {spared} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
