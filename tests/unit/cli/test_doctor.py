import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluicegate.store import tables
from tests.support.installation import Installation

PROVIDER = {"name": "p", "dialects": ["openai_chat"], "base_url": "http://127.0.0.1:1/v1"}


def doctor(installation: Installation, **env: str) -> tuple[int, str]:
    result = installation.run("doctor", **{"SLUICEGATE_SERVER__PORT": "0", **env})
    return result.exit_code, result.output


def test_all_is_well_after_a_start(installation: Installation) -> None:
    status, output = doctor(installation)
    assert status == 0, output
    assert all(line.startswith("ok    ") for line in output.splitlines())


def test_all_is_well_before_the_first_start_and_nothing_is_made(fresh: Installation) -> None:
    status, output = doctor(fresh)
    assert status == 0, output
    assert not fresh.data.exists()


def test_wrong_settings(installation: Installation) -> None:
    status, output = doctor(installation, SLUICEGATE_COLOUR="red")
    assert (status, output) == (1, "colour: unknown setting\n")


def test_the_port_is_in_use(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, output = doctor(installation, SLUICEGATE_SERVER__PORT=port)
    assert status == 1
    assert f"wrong port\n      127.0.0.1:{port}: Address already in use" in output


def test_a_policy_file_that_is_broken(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text("policies: {default: {prompt: {card: explode}}}")
    status, output = doctor(installation, SLUICEGATE_DLP__POLICIES=str(path))
    assert status == 1
    assert "wrong guardrails\n" in output
    path.unlink()
    assert doctor(installation, SLUICEGATE_DLP__POLICIES=str(path))[0] == 1


@pytest.mark.parametrize("reference", ["env:NOT_SET_ANYWHERE", "file:/nothing/here"])
def test_a_credential_that_cannot_be_read(installation: Installation, reference: str) -> None:
    installation.write({"providers": [{**PROVIDER, "credential": reference}]})
    status, output = doctor(installation, SLUICEGATE_METRICS__CREDENTIAL=reference)
    assert status == 1
    assert f"wrong providers\n      provider p: {reference} " in output
    assert f"wrong metrics\n      metrics.credential: {reference} " in output


def test_a_credential_is_not_shown(installation: Installation, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top secret\nsecond line")
    secret.chmod(0o600)
    installation.write({"providers": [{**PROVIDER, "credential": f"file:{secret}"}]})
    status, output = doctor(installation)
    assert status == 1
    assert "characters that no header can carry" in output
    assert "top" not in output


CASE = {"organisation": "acme", "team": "t", "name": "c", "purpose": "Tests."}
WITHIN = {"organisations": [{"name": "acme"}], "teams": [{"organisation": "acme", "name": "t"}]}


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"deployments": [{"name": "d", "model": "m", "provider": "q"}]}, "deployment d: there is no provider q"),
        ({"providers": [{"name": "p", "preset": "nonsense"}]}, "nonsense"),
        ({**WITHIN, "use_cases": [{**CASE, "guardrail": "gone"}]}, "use case c: no guardrail policy is called 'gone'"),
        ({"upstream": {"ca_file": "/nothing.pem"}}, "upstream.ca_file: there is no file /nothing.pem"),
        ({"server": {"host": "no.such.host.invalid"}}, "no.such.host.invalid:0: "),
    ],
)
def test_what_is_declared_wrongly(fresh: Installation, started: bool, settings: dict[str, Any], said: str) -> None:
    if started:
        fresh.start()
    fresh.write(settings)
    status, output = doctor(fresh)
    assert status == 1
    assert said in output


def test_what_the_start_would_declare_is_tried_and_undone(installation: Installation) -> None:
    installation.write({"deployments": [{"name": "d", "model": "m", "provider": "demo"}]})
    assert doctor(installation)[0] == 0
    assert [row["name"] for row in installation.rows(tables.deployment)] == ["demo"]
    installation.write({"teams": [{"organisation": "nobody", "name": "t"}]})
    status, output = doctor(installation)
    assert status == 1
    assert "wrong declared objects\n      organisation nobody is named, but does not exist" in output


def test_files_that_everybody_can_read(installation: Installation) -> None:
    (installation.data / "sluicegate.db").chmod(0o644)
    status, output = doctor(installation)
    assert status == 1
    assert "sluicegate.db: can be read by everybody (mode 0644)" in output


def test_a_signing_key_that_is_none(installation: Installation) -> None:
    (installation.data / "audit.key").write_text("nonsense")
    status, output = doctor(installation)
    assert status == 1
    assert "wrong audit key\n" in output


def test_a_database_that_cannot_be_used(installation: Installation) -> None:
    status, output = doctor(installation, SLUICEGATE_DATABASE__URL="mysql://x/y")
    assert status == 1
    assert "wrong database\n      database.url: " in output
    (installation.data / "sluicegate.db").write_bytes(b"no database " * 400)
    assert doctor(installation)[0] == 1


def test_a_data_folder_that_is_a_file(fresh: Installation) -> None:
    fresh.data.write_text("")
    status, output = doctor(fresh)
    assert status == 1
    assert "cannot be written" in output


def test_as_a_process_there_is_no_traceback(installation: Installation) -> None:
    (installation.folder / "policies.yaml").write_text("policies: [")
    installation.write(yaml.safe_load("{dlp: {policies: policies.yaml}, server: {port: 0}}"))
    done = installation.process("doctor", SLUICEGATE_DLP__POLICIES=str(installation.folder / "policies.yaml"))
    assert done.returncode == 1
    assert done.stderr == ""


def test_a_use_case_may_name_a_stored_policy(installation: Installation) -> None:
    path = installation.folder / "policies.yaml"
    path.write_text("policies: {default: {prompt: {}, answer: {}}}")
    named = {"dlp": {"policies": str(path)}, "use_cases": [{**CASE, "guardrail": "stored"}]}
    installation.write({**WITHIN, **named, "demo": {"ollama_url": ""}})
    assert "no guardrail policy is called 'stored'" in installation.run("doctor").output
    row = {"id": "1", "version": 1, "name": "stored", "note": "", "active": True, "created_by": "user:x", "created_at": 1.0}
    installation.alter(tables.guardrail.insert().values(**row, document={"prompt": {}, "answer": {}}))
    assert "ok    guardrails" in installation.run("doctor").output
