"""Version 0007: which answers of a use case are kept to be given again.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column; use cases that are there keep none. A new row must say what it means."""
    with op.batch_alter_table("use_case") as table:
        table.add_column(sa.Column("cache", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("use_case") as table:
        table.alter_column("cache", server_default=None)
