"""Version 0005: how providers are called, and which use cases take a client's own credential.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; null means that nothing of the kind was said. No use case that is there takes such a credential."""
    for name in ("paths", "query", "auth", "client_headers", "quirks"):
        op.add_column("provider", sa.Column(name, sa.JSON(), nullable=True))
    _list_headers()
    op.add_column("deployment", sa.Column("quirks", sa.JSON(), nullable=True))
    with op.batch_alter_table("use_case") as table:
        table.add_column(sa.Column("own_credentials", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("use_case") as table:
        table.alter_column("own_credentials", server_default=None)


def _list_headers() -> None:
    """What providers that speak Anthropic's dialect were sent of the client's headers, now that each lists its own."""
    lists = [sa.column(name, sa.JSON()) for name in ("dialects", "client_headers")]
    provider = sa.table("provider", sa.column("name"), *lists)
    connection = op.get_bind()
    for name, dialects in connection.execute(sa.select(provider.c.name, provider.c.dialects)).all():
        if "anthropic_messages" in dialects:
            listed = ["anthropic-beta", "anthropic-version"]
            connection.execute(provider.update().where(provider.c.name == name).values(client_headers=listed))
