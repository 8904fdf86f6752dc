"""Objects of the settings file become rows, and go out of use with it."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import Place
from sluicegate.objects import ProviderSpec
from sluicegate.settings import Settings, SettingsError
from sluicegate.store import tables
from sluicegate.store.database import Database
from sluicegate.store.declared import apply

DIGEST = sha256(b"one").hexdigest()
FULL: dict[str, Any] = {
    "organisations": [{"name": "acme"}],
    "teams": [{"organisation": "acme", "name": "support", "budgets": [{"period": "day", "usd": "5"}]}],
    "use_cases": [
        {
            "organisation": "acme",
            "team": "support",
            "name": "tickets",
            "purpose": "answer",
            "features": ["tools", "remote_urls"],
        }
    ],
    "keys": [
        {"organisation": "acme", "use_case": "tickets", "name": "bot", "principal": "service_account:bot", "sha256": DIGEST}
    ],
    "providers": [{"name": "local", "preset": "here", "region": "eu"}],
    "deployments": [{"name": "small", "model": "demo", "provider": "local", "price": {"input": "1", "output": "2"}}],
}


def resolve(spec: ProviderSpec) -> ProviderSpec:
    given = {"base_url": "http://127.0.0.1:1", "dialects": (DialectName.OPENAI_CHAT,), "place": Place.ON_PREM}
    return spec.model_copy(update={name: value for name, value in given.items() if getattr(spec, name) is None})


class Declared:
    """A database to which settings are applied."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = Database(Settings(data_dir=directory))
        tables.metadata.create_all(self.database.engine)
        self.now = 0.0

    def apply(self, **tree: Any) -> tuple[str, ...]:
        self.now += 1
        with self.database.transaction() as connection:
            return apply(connection, Settings(data_dir=self.directory, **tree), self.now, resolve)

    def row(self, name: str) -> dict[str, Any]:
        with self.database.connect() as connection:
            return dict(connection.execute(select(tables.metadata.tables[name])).mappings().one())

    def count(self, name: str) -> int:
        with self.database.connect() as connection:
            return len(connection.execute(select(tables.metadata.tables[name])).all())

    def write(self, work: Any) -> None:
        with self.database.transaction() as connection:
            work(connection)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Declared]:
    made = Declared(tmp_path)
    yield made
    made.database.close()


def test_everything_is_made(made: Declared) -> None:
    lines = made.apply(**FULL)
    assert lines == (
        "organisation acme: created",
        "team support: created",
        "use_case tickets: created",
        "virtual_key bot: created",
        "provider local: created",
        "deployment small: created",
    )
    assert made.row("use_case")["features"] == ["remote_urls", "tools"]
    assert made.row("virtual_key")["digest"].hex() == DIGEST
    assert made.row("team")["budgets"] == [{"period": "day", "usd": "5", "tokens": None}]
    deployment = made.row("deployment")
    assert (deployment["place"], deployment["region"], deployment["upstream_model"]) == ("on_prem", "eu", "demo")
    assert {made.row(name)["origin"] for name in ("organisation", "team", "use_case", "provider", "deployment")} == {"file"}


def test_a_second_start_changes_nothing(made: Declared) -> None:
    made.apply(**FULL)
    before = {name: made.row(name) for name in ("organisation", "team", "use_case", "virtual_key", "provider", "deployment")}
    assert made.apply(**FULL) == ()
    assert {name: made.row(name) for name in before} == before


def test_a_change_keeps_the_id_and_is_a_new_version(made: Declared) -> None:
    made.apply(**FULL)
    before = made.row("use_case")
    changed = [{**FULL["use_cases"][0], "models": ["demo*"]}]
    assert made.apply(**{**FULL, "use_cases": changed}) == ("use_case tickets: changed",)
    after = made.row("use_case")
    assert (after["id"], after["version"], after["models"]) == (before["id"], 2, ["demo*"])


def test_what_is_declared_no_longer_goes_out_of_use(made: Declared) -> None:
    made.apply(**FULL)
    lines = made.apply()
    assert set(lines) == {
        "virtual_key bot: retired",
        "deployment small: deleted",
        "provider local: deleted",
        "use_case tickets: retired",
        "team support: retired",
        "organisation acme: retired",
    }
    assert made.row("virtual_key")["revoked_at"] == made.now
    assert made.row("use_case")["active"] is False
    assert made.apply() == ()


def test_what_nothing_refers_to_is_deleted(made: Declared) -> None:
    made.apply(organisations=FULL["organisations"], teams=FULL["teams"])
    made.apply()
    assert made.count("team") == made.count("organisation") == 0


def test_what_comes_back_is_the_same_again(made: Declared) -> None:
    made.apply(**FULL)
    before = made.row("virtual_key")["id"]
    made.apply()
    made.apply(**FULL)
    key = made.row("virtual_key")
    assert (key["id"], key["revoked_at"], key["origin"]) == (before, None, "file")
    assert made.row("use_case")["active"] is True


def test_what_the_api_made_is_never_taken_over(made: Declared) -> None:
    made.apply(**FULL)

    def own(connection: Connection) -> None:
        for table in (
            tables.organisation,
            tables.team,
            tables.use_case,
            tables.virtual_key,
            tables.provider,
            tables.deployment,
        ):
            connection.execute(table.update().values(origin="api"))

    made.write(own)
    with pytest.raises(SettingsError) as caught:
        made.apply(**FULL)
    for name in (
        "organisation acme",
        "team support",
        "use_case tickets",
        "virtual_key bot",
        "provider local",
        "deployment small",
    ):
        assert f"{name} exists already" in str(caught.value)
    assert made.apply() == ()
    assert made.row("virtual_key")["revoked_at"] is None


def test_demo_objects_are_taken_over(made: Declared) -> None:
    made.apply(organisations=FULL["organisations"])
    made.write(lambda connection: connection.execute(tables.organisation.update().values(origin="demo")))
    assert made.apply(organisations=FULL["organisations"]) == ("organisation acme: changed",)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"teams": FULL["teams"]}, "organisation acme is named"),
        ({**FULL, "teams": []}, "team support is named"),
        ({**FULL, "use_cases": []}, "there is no use case tickets"),
        ({**FULL, "providers": []}, "there is no provider local"),
        ({**FULL, "organisations": FULL["organisations"] * 2}, "organisation acme is declared twice"),
        ({**FULL, "keys": [FULL["keys"][0], {**FULL["keys"][0], "name": "bot2"}]}, "virtual_key bot2 is declared twice"),
        ({**FULL, "keys": [{**FULL["keys"][0], "expires_at": "tomorrow"}]}, "expires_at is no RFC 3339 time"),
        ({**FULL, "keys": [{**FULL["keys"][0], "expires_at": "2030-01-01T00:00:00"}]}, "expires_at is no RFC 3339 time"),
    ],
)
def test_what_cannot_be_declared_is_named_and_nothing_is_changed(made: Declared, tree: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        made.apply(**tree)
    assert made.count("organisation") == made.count("virtual_key") == 0


def test_a_key_is_not_repurposed(made: Declared) -> None:
    made.apply(**FULL)
    other = [*FULL["use_cases"], {**FULL["use_cases"][0], "name": "other"}]
    with pytest.raises(SettingsError, match="bound otherwise"):
        made.apply(**{**FULL, "use_cases": other, "keys": [{**FULL["keys"][0], "use_case": "other"}]})
    assert made.count("use_case") == 1


def test_expiry(made: Declared) -> None:
    made.apply(**{**FULL, "keys": [{**FULL["keys"][0], "expires_at": "2030-01-01T00:00:00Z"}]})
    assert made.row("virtual_key")["expires_at"] == 1_893_456_000
