from pathlib import Path

import pytest
from sqlalchemy import text

from sluicegate.store.database import Database
from sluicegate.store.rows import Rows
from tests.support.auditing import settings_in

ADD = 'ON CONFLICT (scope, "window") DO UPDATE SET tokens = spending.tokens + excluded.tokens'


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_any_number_of_rows_arrives(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = "" if backend == "sqlite" else request.getfixturevalue("postgres_url")
    database = Database(settings_in(tmp_path, url))
    rows = Rows("spending", ("scope", "window", "tokens", "nano_usd"), ADD)
    expected: dict[str, int] = {}
    with database.transaction() as connection:
        for count in (0, 1, 2, 15, 16, 17, 64, 65, 100, 300):
            rows.insert(connection, [(f"key:{n}", "total", n + 1, 0) for n in range(count)])
            for n in range(count):
                expected[f"key:{n}"] = expected.get(f"key:{n}", 0) + n + 1
        found = {row.scope: row.tokens for row in connection.execute(text("SELECT scope, tokens FROM spending"))}
    assert found == expected
    database.close()
