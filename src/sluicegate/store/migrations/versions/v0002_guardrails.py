"""Version 0002: guardrail policies in versions, which nobody changes or removes.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table, and what refuses to change it."""
    op.create_table(
        "guardrail",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organisation_id", sa.String(length=32), nullable=True),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=256), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_guardrail_organisation_id")),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_guardrail")),
    )
    op.create_index(op.f("ix_guardrail_organisation_id"), "guardrail", ["organisation_id"], unique=False)
    _refuse_changes()


def _refuse_changes() -> None:
    """Refuse UPDATE and DELETE, and on PostgreSQL TRUNCATE; a statement that fails leaves the table as it was."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER guardrail_no_{act} BEFORE {act.upper()} ON guardrail "
                "BEGIN SELECT RAISE(ABORT, 'guardrail is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION guardrail_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'guardrail is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER guardrail_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guardrail "
        "FOR EACH STATEMENT EXECUTE FUNCTION guardrail_append_only()"
    )
