"""Version 0004: what a use case's data may reach by region and beyond its budget, its names for models; limits of
deployments, and several credentials of one provider.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; rows that are there get what says nothing."""
    _add("use_case", sa.Column("regions", sa.JSON(), nullable=False, server_default="[]"))
    _add("use_case", sa.Column("aliases", sa.JSON(), nullable=False, server_default="{}"))
    _add("use_case", sa.Column("over_budget", sa.String(length=8), nullable=False, server_default="refuse"))
    _add("deployment", sa.Column("rate", sa.JSON(), nullable=False, server_default="{}"))
    _add("provider", sa.Column("credentials", sa.JSON(), nullable=False, server_default="[]"))


def _add(table: str, column: sa.Column[object]) -> None:
    """Add a column with a default for the rows that are there, and for no other: a new row must say what it means."""
    with op.batch_alter_table(table) as batch:
        batch.add_column(column)
    with op.batch_alter_table(table) as batch:
        batch.alter_column(column.name, server_default=None)
