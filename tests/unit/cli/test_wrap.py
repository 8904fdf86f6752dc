"""Commands that are really run, as an installation's user would."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sluicegate.cli.environment import variables
from sluicegate.store import tables
from tests.support.installation import Installation

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def wrap_keys(installation: Installation) -> list[dict[str, object]]:
    return [row for row in installation.rows(tables.virtual_key) if row["name"] == "wrap"]


def test_the_command_sees_a_key_of_its_own_that_is_revoked_after_it(installation: Installation) -> None:
    done = installation.process("wrap", "--url", "http://gateway:1", "--", sys.executable, "-c", SHOW)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    key = seen["SLUICEGATE_KEY"]
    assert key.startswith("sk-sg-")
    assert seen.items() >= variables("http://gateway:1", key).items()
    (made,) = wrap_keys(installation)
    assert made["principal"] == "service_account:wrap"
    assert made["hint"] == key[-4:]
    assert made["revoked_at"] is not None
    assert isinstance(made["expires_at"], float)
    assert [act[1] for act in installation.acts()[-2:]] == ["key.create", "key.revoke"]


def test_the_command_does_not_see_the_gateways_secrets(installation: Installation) -> None:
    provider = {"name": "p", "dialects": ["openai_chat"], "base_url": "http://127.0.0.1:1", "credential": "env:VENDOR_KEY"}
    installation.write({"providers": [provider]})
    installation.start()
    secret = "postgres-password"
    done = installation.process(
        *("wrap", "--", sys.executable, "-c", SHOW),
        VENDOR_KEY="vendor-secret",
        ANTHROPIC_AUTH_TOKEN="another-credential",
        SLUICEGATE_LOGGING__LEVEL="info",
        KEPT=secret,
    )
    seen = json.loads(done.stdout)
    assert {name for name in seen if name.startswith("SLUICEGATE_")} == {"SLUICEGATE_URL", "SLUICEGATE_KEY"}
    assert "VENDOR_KEY" not in seen
    assert "ANTHROPIC_AUTH_TOKEN" not in seen
    assert seen["KEPT"] == secret


def test_a_given_key_needs_no_database(fresh: Installation) -> None:
    done = fresh.process("wrap", "--", sys.executable, "-c", SHOW, SLUICEGATE_KEY="sk-sg-mine")
    assert json.loads(done.stdout)["OPENAI_API_KEY"] == "sk-sg-mine"
    assert not fresh.data.exists()


@pytest.mark.parametrize(("code", "status"), [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 15)", 143)])
def test_it_ends_as_the_command_did(installation: Installation, code: str, status: int) -> None:
    assert installation.process("wrap", "--", sys.executable, "-c", code).returncode == status
    assert wrap_keys(installation)[0]["revoked_at"] is not None


def test_options_after_the_dashes_belong_to_the_command(installation: Installation) -> None:
    code = "import sys; print(sys.argv[1:])"
    done = installation.process("wrap", "--", sys.executable, "-c", code, "--use-case", "x", "--help")
    assert done.stdout == "['--use-case', 'x', '--help']\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 3), (signal.SIGINT, 0)])
def test_a_signal_does_not_cost_the_revocation(installation: Installation, number: signal.Signals, status: int) -> None:
    """SIGTERM is passed on; a terminal sends SIGINT to the command itself, so this process only lives on."""
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(3)); print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-m", "sluicegate", "wrap", "--", sys.executable, "-c", code],
        env=installation.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    if number == signal.SIGTERM:
        assert process.wait(30) == status
    output, _ = process.communicate(timeout=30)
    assert (output, process.returncode) == ("", status)
    assert wrap_keys(installation)[0]["revoked_at"] is not None


def test_no_command_is_an_error(installation: Installation) -> None:
    result = installation.run("wrap")
    assert result.exit_code == 2
    assert "give a command after --" in result.stderr


def test_an_unknown_command_makes_no_key(installation: Installation) -> None:
    result = installation.run("wrap", "--", "no-such-command-anywhere")
    assert (result.exit_code, result.stderr) == (127, "no-such-command-anywhere: no such command\n")
    assert wrap_keys(installation) == []


def test_a_command_that_cannot_run_is_status_126(installation: Installation, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    result = installation.run("wrap", "--", str(broken))
    assert result.exit_code == 126
    assert "Exec format error" in result.stderr
    assert wrap_keys(installation)[0]["revoked_at"] is not None


def test_the_handlers_are_put_back(installation: Installation) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert installation.run("wrap", "--", "true", SLUICEGATE_KEY="k").exit_code == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_without_a_use_case_there_is_no_key(installation: Installation) -> None:
    result = installation.run("wrap", "--use-case", "nothing", "--", "true")
    assert result.exit_code == 1
    assert "there is no use case 'nothing'" in result.stderr


def test_shell_init_is_what_a_shell_reads() -> None:
    command = [sys.executable, "-m", "sluicegate", "shell-init", "--key", "sk-'$x", "--url", "http://g:1/"]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shown = subprocess.run(
        ["sh", "-c", script + '\nprintf %s "$SLUICEGATE_KEY $ANTHROPIC_BASE_URL"'],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == "sk-'$x http://g:1/anthropic"
