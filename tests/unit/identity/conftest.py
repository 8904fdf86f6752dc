"""A database with every table, for the parts of identity that read and write it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sluicegate.settings import Settings
from sluicegate.store import tables
from sluicegate.store.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database in a temporary file."""
    database = Database(Settings(data_dir=tmp_path))
    tables.metadata.create_all(database.engine)
    yield database
    database.close()
