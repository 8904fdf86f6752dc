"""Version 0003: a provider speaks several dialects.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make a list of the one that each provider has; it can be told of the others when it is declared again."""
    with op.batch_alter_table("provider") as table:
        table.add_column(sa.Column("dialects", sa.JSON(), nullable=True))
    provider = sa.table("provider", sa.column("name"), sa.column("dialect"), sa.column("dialects", sa.JSON()))
    connection = op.get_bind()
    for name, dialect in connection.execute(sa.select(provider.c.name, provider.c.dialect)).all():
        connection.execute(provider.update().where(provider.c.name == name).values(dialects=[dialect]))
    with op.batch_alter_table("provider") as table:
        table.alter_column("dialects", nullable=False)
        table.drop_column("dialect")
