"""Alembic's environment and the versions of the schema; loaded only by the process that migrates."""
