from pathlib import Path

import pytest

from tests.support.installation import Installation


@pytest.fixture
def fresh(tmp_path: Path) -> Installation:
    """An installation that has never been started."""
    return Installation(tmp_path)


@pytest.fixture
def installation(fresh: Installation) -> Installation:
    """An installation that has been started once, with the demo objects."""
    return fresh.start()
