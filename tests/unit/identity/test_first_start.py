"""A fresh installation: everything secret is random, returned once, and stored as a hash."""

from sqlalchemy import func, select

from sluicegate.core.identity import Grant
from sluicegate.identity.first_start import begin
from sluicegate.identity.keyring import load_key
from sluicegate.identity.keys import digest, well_formed
from sluicegate.identity.passwords import Passwords
from sluicegate.store import tables
from sluicegate.store.database import Database

PASSWORDS = Passwords(memory_kib=64)


async def test_what_is_made(database: Database) -> None:
    with database.transaction() as connection:
        made = begin(connection, 1.0, PASSWORDS, demo=True)
        assert made is not None
        assert made.key is not None
        assert well_formed(made.key)
        user = connection.execute(select(tables.user)).mappings().one()
        held = load_key(connection, digest(made.key))
        assert connection.execute(select(tables.deployment.c.model)).scalar_one() == "demo"
        assert begin(connection, 2.0, PASSWORDS, demo=True) is None
    assert (user["name"], user["role"], user["organisation_id"]) == ("admin", "owner", None)
    assert await PASSWORDS.verify(user["password_hash"], made.password)
    assert held is not None
    assert isinstance(held.grant, Grant)
    assert (held.grant.principal, held.grant.use_case.name) == ("service_account:demo", "demo")
    assert held.grant.use_case.models.fullmatch("demo-fast")
    assert held.grant.use_case.models.fullmatch("ollama/llama3")
    assert held.grant.use_case.models.fullmatch("gpt-5") is None


def test_without_the_demo(database: Database) -> None:
    with database.transaction() as connection:
        made = begin(connection, 1.0, PASSWORDS, demo=False)
        assert made is not None
        assert made.key is None
        for table in (tables.organisation, tables.virtual_key, tables.deployment):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0


def test_it_does_not_show_in_a_representation(database: Database) -> None:
    with database.transaction() as connection:
        made = begin(connection, 1.0, PASSWORDS, demo=True)
    assert made is not None
    assert made.password not in repr(made)
    assert str(made.key) not in f"{made!r} {made}"


def test_two_installations_share_nothing(database: Database) -> None:
    found = []
    for _ in range(2):
        with database.transaction() as connection:
            found.append(begin(connection, 1.0, PASSWORDS, demo=True))
            for table in reversed(tables.metadata.sorted_tables):
                connection.execute(table.delete())
    first, second = found
    assert first is not None
    assert second is not None
    assert first.password != second.password
    assert first.key != second.key
