"""The keyring: loaded once, forgotten on change, never later than a change."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from sluicegate.core.decision import Reason
from sluicegate.core.identity import Grant, Period
from sluicegate.identity.changes import ControlChanges
from sluicegate.identity.keyring import KeyRing
from sluicegate.identity.keys import digest, mint
from sluicegate.settings import Identity
from sluicegate.store import tables
from sluicegate.store.database import Database
from tests.support.administration import NOW, Tenant, put

T = TypeVar("T")


class Counting:
    """Reads that are counted, and that wait while `gate` is closed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, work: Callable[[Connection], T]) -> T:
        self.reads += 1
        result = await self.database.read(work)
        await self.gate.wait()
        return result


class Ring:
    """A ring over one tenant's key."""

    def __init__(self, database: Database, path: Path, **settings: Any) -> None:
        self.reads = Counting(database)
        self.changes = ControlChanges(path)
        self.tenant = Tenant("a")
        self.name = digest(self.tenant.key)
        with database.transaction() as connection:
            self.tenant.insert(connection)
        self.ring = KeyRing(self.reads, Identity(**settings), ControlChanges(path))

    def change(self, **values: Any) -> None:
        with self.reads.database.transaction() as connection:
            connection.execute(tables.virtual_key.update().values(**values))

    async def find(self, name: bytes | None = None, now: float = NOW) -> Grant | Reason:
        name = name or self.name
        return self.ring.known(name, now) or await self.ring.load(name, now)


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Ring:
    return Ring(database, tmp_path / "changes")


async def test_a_key_is_loaded_once(made: Ring) -> None:
    for _ in range(3):
        found = await made.find()
        assert isinstance(found, Grant)
        assert found.key_id == made.tenant.key_id
    assert made.reads.reads == 1


async def test_an_unknown_key_is_looked_for_once(made: Ring) -> None:
    for _ in range(3):
        assert await made.find(digest("x")) is Reason.KEY_UNKNOWN
    assert made.reads.reads == 1


async def test_a_new_key_is_known_after_a_change(made: Ring) -> None:
    key = mint()
    assert await made.find(digest(key)) is Reason.KEY_UNKNOWN
    made.change(digest=digest(key))
    made.ring.forget()
    assert isinstance(await made.find(digest(key)), Grant)


async def test_requests_at_once_share_one_load(made: Ring) -> None:
    found = await asyncio.gather(*(made.find() for _ in range(20)))
    assert len({id(grant) for grant in found}) == 1
    assert made.reads.reads == 1


async def test_a_waiting_request_that_leaves_takes_nobody_along(made: Ring) -> None:
    made.reads.gate.clear()
    first = asyncio.ensure_future(made.find())
    second = asyncio.ensure_future(made.find())
    await asyncio.sleep(0)
    first.cancel()
    made.reads.gate.set()
    assert isinstance(await second, Grant)


async def test_what_was_read_before_a_change_is_not_kept(made: Ring) -> None:
    """A load that read the old row and ends after the change answers its own request, and no later one."""
    made.reads.gate.clear()
    slow = asyncio.ensure_future(made.find())
    while made.reads.reads == 0:
        await asyncio.sleep(0)
    made.change(revoked_at=NOW)
    made.ring.forget()
    made.reads.gate.set()
    assert await made.find() is Reason.KEY_REVOKED
    await slow
    assert await made.find() is Reason.KEY_REVOKED


async def test_another_process_revokes(made: Ring) -> None:
    assert isinstance(await made.find(), Grant)
    made.change(revoked_at=NOW)
    made.changes.touch()
    assert await made.find() is Reason.KEY_REVOKED


async def test_expiry_is_asked_of_the_clock_at_every_request(made: Ring) -> None:
    made.change(expires_at=NOW + 10)
    assert isinstance(await made.find(now=NOW + 9.9), Grant)
    assert await made.find(now=NOW + 10) is Reason.KEY_EXPIRED
    assert made.reads.reads == 1


async def test_a_rotated_key_works_until_its_overlap_ends(made: Ring) -> None:
    made.change(revoked_at=NOW + 10, rotated_to="f" * 32)
    found = await made.find(now=NOW)
    assert isinstance(found, Grant)
    assert found.key_id == "f" * 32
    assert await made.find(now=NOW + 10) is Reason.KEY_REVOKED


async def test_a_failed_load_is_not_remembered(made: Ring) -> None:
    made.change(rate=[])
    with pytest.raises(AttributeError):
        await made.find()
    made.change(rate={})
    assert isinstance(await made.find(), Grant)


async def test_memory_is_bounded_and_wrong_keys_displace_no_right_one(database: Database, tmp_path: Path) -> None:
    made = Ring(database, tmp_path / "changes", key_cache=2, unknown_key_cache=3)
    await made.find()
    for number in range(10):
        assert await made.find(digest(str(number))) is Reason.KEY_UNKNOWN
    before = made.reads.reads
    assert isinstance(await made.find(), Grant)
    assert made.reads.reads == before
    assert (len(made.ring._held), len(made.ring._unknown), made.ring._loading) == (1, 3, {})


async def test_budgets_and_limits_of_key_use_case_and_team(made: Ring) -> None:
    made.change(budgets=[{"period": "day", "usd": "1.5", "tokens": None}], rate={"concurrent": 9, "requests_per_minute": 1})
    with made.reads.database.transaction() as connection:
        connection.execute(tables.team.update().values(budgets=[{"period": "total", "usd": None, "tokens": 7}]))
        connection.execute(tables.use_case.update().values(rate={"concurrent": 3}))
    found = await made.find()
    assert isinstance(found, Grant)
    key, team = found.budgets
    assert (key.scope, key.period, key.usd, key.tokens) == (f"key:{made.tenant.key_id}", Period.DAY, Decimal("1.5"), None)
    assert (team.scope, team.period, team.usd, team.tokens) == (f"team:{made.tenant.team}", Period.TOTAL, None, 7)
    assert (found.rate.concurrent, found.rate.requests_per_minute) == (3, 1)


async def test_the_role_is_that_of_the_user_and_follows_it(made: Ring) -> None:
    def change(statement: Any) -> None:
        with made.reads.database.transaction() as connection:
            connection.execute(statement)
        made.changes.touch()

    async def role() -> str:
        found = await made.find()
        assert isinstance(found, Grant)
        assert found.team_name == "team"
        return found.role

    key, user = tables.virtual_key, tables.user
    change(key.update().values(principal="service_account:bot"))
    assert await role() == "service_account"
    change(key.update().values(principal="user:ann"))
    assert await role() == ""
    with made.reads.database.transaction() as connection:
        put(
            connection,
            user,
            id="1",
            organisation_id=made.tenant.organisation,
            name="ann",
            role="developer",
            password_hash="",
            active=True,
        )
    change(user.update().values(role="auditor"))
    assert await role() == "auditor"
    change(key.update().values(principal="user:1"))
    assert await role() == "auditor"
    change(user.update().values(active=False))
    assert await role() == ""
