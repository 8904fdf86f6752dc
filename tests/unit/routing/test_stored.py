"""Whose a stored answer is."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sluicegate.core.exchange import Kept
from sluicegate.routing.stored import DAY, StoredAnswers
from sluicegate.settings import Settings
from sluicegate.store import migrate
from sluicegate.store.database import Database

KEPT = Kept("gpt-test", "openai", "file:/run/key", 1_200)


class Now:
    """Writes at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, work: Callable[[Any], Any]) -> Any:
        with self._database.transaction() as connection:
            return work(connection)


async def test_an_answer_is_known_to_its_tenant_alone_and_for_a_time(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    migrate.ensure(settings)
    database = Database(settings)
    at = [time.time()]
    stored = StoredAnswers(database, Now(database), 30, lambda: at[0])
    await stored.keep("acme", "triage", "resp_1", KEPT)
    await stored.keep("acme", "triage", "resp_1", KEPT)
    assert await stored.find("acme", "triage", "resp_1") == KEPT
    for organisation, use_case, answer in (
        ("other", "triage", "resp_1"),
        ("acme", "other", "resp_1"),
        ("acme", "triage", "x"),
    ):
        assert await stored.find(organisation, use_case, answer) is None
    at[0] += 30 * DAY + 1
    assert await stored.find("acme", "triage", "resp_1") is None
    await stored.keep("acme", "triage", "resp_2", KEPT)
    at[0] -= 30 * DAY
    assert await stored.find("acme", "triage", "resp_1") is None  # forgotten, not only hidden
    assert await stored.find("acme", "triage", "resp_2") == KEPT
    database.close()
