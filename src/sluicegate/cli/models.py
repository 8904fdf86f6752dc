"""`sluicegate models`: what clients may ask for, and where it runs."""

from typing import Any

import typer
from sqlalchemy import Connection, select

from sluicegate.cli.office import office, table
from sluicegate.store import tables

app = typer.Typer(help="Models and their deployments.", no_args_is_help=True)


@app.callback()
def models() -> None:
    """Models: what clients may ask for, and where it runs."""


@app.command("list")
def list_models() -> None:
    """List the deployments of every model, in the order in which they are tried."""
    with office() as opened:
        rows = opened.read(_rows)
    lines = [
        (
            row["model"],
            row["name"],
            row["provider"],
            row["upstream_model"],
            row["place"],
            row["region"] or "-",
            str(row["order"]),
            row["origin"],
        )
        for row in rows
    ]
    table(("MODEL", "DEPLOYMENT", "PROVIDER", "UPSTREAM MODEL", "PLACE", "REGION", "ORDER", "ORIGIN"), lines)


def _rows(connection: Connection) -> Any:
    deployment = tables.deployment
    found = select(deployment).order_by(deployment.c.model, deployment.c.order, deployment.c.name)
    return connection.execute(found).mappings().all()
