"""`sluicegate use-cases`: what virtual keys are bound to."""

from typing import Any

import typer
from sqlalchemy import Connection, select

from sluicegate.cli.office import office, table
from sluicegate.identity.use_cases import caching
from sluicegate.store import tables

app = typer.Typer(help="Use cases.", no_args_is_help=True)


@app.callback()
def use_cases() -> None:
    """Use cases: what virtual keys are bound to."""


@app.command("list")
def list_use_cases() -> None:
    """List the use cases."""
    with office() as opened:
        rows = opened.read(_rows)
    lines = [
        (
            row["organisation"],
            row["team"],
            row["name"],
            str(row["version"]),
            row["classification"],
            ",".join(row["models"]),
            row["guardrail"],
            "own" if row["own_credentials"] else "gateway",
            "off" if (kept := caching(row)) is None else kept.mode.value,
            "active" if row["active"] else "inactive",
            row["origin"],
        )
        for row in rows
    ]
    header = (
        "ORGANISATION",
        "TEAM",
        "NAME",
        "VERSION",
        "CLASSIFICATION",
        "MODELS",
        "GUARDRAIL",
        "CREDENTIALS",
        "CACHE",
        "STATE",
        "ORIGIN",
    )
    table(header, lines)


def _rows(connection: Connection) -> Any:
    case, owner, team = tables.use_case, tables.organisation, tables.team
    joined = case.join(owner, owner.c.id == case.c.organisation_id).join(team, team.c.id == case.c.team_id)
    found = select(case, owner.c.name.label("organisation"), team.c.name.label("team")).select_from(joined)
    return connection.execute(found.order_by(owner.c.name, case.c.name)).mappings().all()
