"""Alembic's environment: runs the versions on the connection that `store/migrate.py` hands over, in its transaction."""

from alembic import context

from sluicegate.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
