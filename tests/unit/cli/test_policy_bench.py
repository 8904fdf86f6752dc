"""A bench: policies as a command finds them, and rows tried on them."""

from pathlib import Path

import pytest
import typer

from sluicegate.cli.policy_bench import Untried, bench, compiled, stored
from sluicegate.cli.policy_texts import Row
from sluicegate.core.dialect import DialectName
from sluicegate.dlp.external.doors import Doors
from sluicegate.settings import Dlp, Settings
from sluicegate.store import migrate, tables
from sluicegate.store.database import Database

POLICIES = """
policies:
  default: {prompt: {ticket: redact}, answer: {}}
rules:
  - {id: ticket, kind: ticket, severity: low, label: TICKET, pattern: 'T-[0-9]{4}'}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "p.yaml"
    path.write_text(POLICIES)
    return Settings(data_dir=tmp_path / "data", dlp=Dlp(policies=str(path)))


def test_rows_are_tried_one_after_another(settings: Settings) -> None:
    edition = compiled(settings, None)
    with bench(settings, Doors()) as opened:
        assert opened.judge(edition, Row(text="T-1234")).text == "[TICKET]"
        assert opened.judge(edition, Row(text="T-1234", direction="answer")).text == "T-1234"


@pytest.mark.parametrize(
    "row",
    [
        Row(text="x", policy="nobody", where="here"),
        Row(document={}, where="here"),
        Row(document={}, dialect=DialectName.BEDROCK_CONVERSE, where="here"),
    ],
)
def test_a_row_that_cannot_be_tried_ends_the_command(
    settings: Settings, row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    edition = compiled(settings, None)
    with pytest.raises(typer.Exit), bench(settings, Doors()) as opened:
        with pytest.raises(Untried):
            opened.judge(edition, row)
        opened.judge(edition, row)
    assert capsys.readouterr().err.startswith("here: ")


def test_what_is_stored_counts(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored(settings) == ()
    migrate.ensure(settings)
    database = Database(settings)
    row = {"id": "1", "version": 1, "name": "more", "note": "", "active": True, "created_by": "user:x", "created_at": 1.0}
    with database.transaction() as connection:
        document = {"prompt": {"ticket": "block"}, "answer": {}}
        connection.execute(tables.guardrail.insert().values(**row, document=document))
    database.close()
    edition = compiled(settings, None, stored(settings))
    assert sorted(edition.policies) == ["default", "more"]
    Path(settings.dlp.policies).write_text("policies: {default: {prompt: {}, answer: {}}}")
    with pytest.raises(typer.Exit):
        compiled(settings, None, stored(settings))
    assert "guardrail more of the installation: prompt.ticket" in capsys.readouterr().err
