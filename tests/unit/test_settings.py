from pathlib import Path

import pytest

from sluicegate.cli.environment import variables
from sluicegate.settings import CLIENT_VARIABLES, PREFIX, SettingsError, load


def test_defaults_need_nothing(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.database_url.startswith("sqlite:///")


def test_environment_beats_dotenv_beats_file(tmp_path: Path) -> None:
    (tmp_path / "sluicegate.yaml").write_text("server: {port: 1, host: a, max_url_bytes: 9}\n")
    (tmp_path / ".env").write_text("SLUICEGATE_SERVER__PORT=2\nSLUICEGATE_SERVER__HOST=b\n")
    server = load({"SLUICEGATE_SERVER__PORT": "3"}, tmp_path).server
    assert (server.port, server.host, server.max_url_bytes) == (3, "b", 9)


def test_lists_and_mappings_are_written_as_yaml(tmp_path: Path) -> None:
    settings = load({"SLUICEGATE_ORGANISATIONS": "[{name: acme}]"}, tmp_path)
    assert settings.organisations[0].name == "acme"


def test_a_use_case_may_allow_everything_by_name(tmp_path: Path) -> None:
    case = "{organisation: a, team: t, name: n, purpose: p, models: ['*'], tools: ['*', 'x-*']}"
    allowed = load({"SLUICEGATE_USE_CASES": f"[{case}]"}, tmp_path).use_cases[0]
    assert (allowed.models, allowed.tools) == (("*",), ("*", "x-*"))


@pytest.mark.parametrize(
    ("environ", "text", "named"),
    [
        ({"SLUICEGATE_SERVER__PROT": "1"}, "", "server.prot: unknown setting"),
        ({"SLUICEGATE_SERVERS__PORT": "1"}, "", "servers: unknown setting"),
        ({}, "audit: {colour: red}", "audit.colour: unknown setting"),
        ({}, "server: {port: many}", "server.port: "),
        ({}, "use_cases: [{name: x}]", "use_cases.0.organisation: "),
        ({}, "- a", "expected a mapping"),
        ({}, "a: [", "cannot be read"),
        ({"SLUICEGATE_CONFIG": "absent.yaml"}, "", "absent.yaml: cannot be read"),
        ({"SLUICEGATE_DATA_DIR__X": "1", "SLUICEGATE_DATA_DIR": "d"}, "", "is no group of settings"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, environ: dict[str, str], text: str, named: str) -> None:
    (tmp_path / "sluicegate.yaml").write_text(text)
    with pytest.raises(SettingsError) as error:
        load(dict(sorted(environ.items())), tmp_path)
    assert named in str(error.value)


def test_what_clients_read_is_no_setting(tmp_path: Path) -> None:
    """A gateway starts in a shell that `shell-init` has set up, and in one with `.env` for clients."""
    assert {name for name in variables("u", "k") if name.startswith(PREFIX)} == CLIENT_VARIABLES
    (tmp_path / ".env").write_text("SLUICEGATE_URL=http://127.0.0.1:1\n")
    assert load(dict.fromkeys(CLIENT_VARIABLES, "x"), tmp_path) == load({}, tmp_path / "nothing")


def test_secrets_are_references_only(tmp_path: Path) -> None:
    (tmp_path / "sluicegate.yaml").write_text("providers: [{name: p, credential: sk-live-123}]")
    with pytest.raises(SettingsError, match=r"providers\.0\.credential") as error:
        load({}, tmp_path)
    assert "sk-live" not in str(error.value)
