"""Fixtures that more than one folder of tests uses."""

import faulthandler
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.postgres import BINARIES, Server, postgres

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):  # the same examples in every run there; elsewhere new ones are looked for
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL server for the whole run."""
    if not BINARIES:
        pytest.fail("PostgreSQL's server is not installed (tests/system-packages.sh installs it)")
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> str:
    """The address of an empty PostgreSQL database."""
    return postgres_server.new_database()


@pytest.fixture
def takes_minutes() -> Iterator[None]:
    """For a test that may take longer than `faulthandler_timeout` (pyproject.toml), which ends the run: 15 minutes."""
    faulthandler.dump_traceback_later(900, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
