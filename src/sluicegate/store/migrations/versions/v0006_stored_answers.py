"""Version 0006: whose a stored answer is, and where it is kept.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "stored_answer",
        sa.Column("use_case_id", sa.String(length=32), nullable=False),
        sa.Column("answer_id", sa.String(length=128), nullable=False),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=512), nullable=False),
        sa.Column("provider", sa.String(length=128), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("use_case_id", "answer_id", name=op.f("pk_stored_answer")),
    )
    op.create_index(op.f("ix_stored_answer_at"), "stored_answer", ["at"], unique=False)
