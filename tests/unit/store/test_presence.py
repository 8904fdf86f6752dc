from pathlib import Path

import pytest

from sluicegate.store.database import Database
from sluicegate.store.presence import claim
from tests.support.auditing import settings_in


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return Database(settings_in(tmp_path, url))


def test_only_the_first_is_alone_and_the_claim_ends_with_the_last(database: Database) -> None:
    first, second = claim(database), claim(database)
    assert first.alone()
    assert not second.alone()
    first.share()
    second.share()
    first.release()
    third = claim(database)
    assert not third.alone()
    second.release()
    assert third.alone()
    third.release()
    database.close()
