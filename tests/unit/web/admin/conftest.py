"""The admin API over a temporary database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.administration import World, running


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Two tenants, a user of every role, and the API."""
    async with running(tmp_path) as world:
        yield world
