"""Sessions: found by digest, and ended by two clocks, a logout and a user who is gone."""

import pytest
from sqlalchemy import select

from sluicegate.identity.keys import digest, mint, mint_session
from sluicegate.identity.sessions import Sessions
from sluicegate.settings import Identity
from sluicegate.store import tables
from sluicegate.store.database import Database
from tests.support.administration import Clock, put

SETTINGS = Identity(session_hours=10, session_idle_minutes=60)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def token(database: Database, clock: Clock) -> str:
    with database.transaction() as connection:
        values = {"id": "u", "name": "u", "role": "owner", "organisation_id": None, "password_hash": "", "active": True}
        put(connection, tables.user, **values)
        return Sessions(SETTINGS, clock).begin(connection, "u")[0]


def found(database: Database, clock: Clock, token: str) -> bool:
    with database.connect() as connection:
        return Sessions(SETTINGS, clock).find(connection, token) is not None


def test_a_session_says_who(database: Database, clock: Clock, token: str) -> None:
    with database.connect() as connection:
        caller = Sessions(SETTINGS, clock).find(connection, token)
        assert caller is not None
        assert (caller.user_id, caller.role, caller.organisation, caller.actor) == ("u", "owner", None, "user:u")
        assert caller.expires_at == clock.now + 36_000
        assert caller.session == digest(token)
        stored = connection.execute(select(tables.session)).mappings().one()
    assert token not in repr(dict(stored))


def test_only_its_token_finds_it(database: Database, clock: Clock, token: str) -> None:
    for other in ("", mint_session(), mint(), token + " ", token[:-1], digest(token).hex()):
        assert not found(database, clock, other)


def test_idle(database: Database, clock: Clock, token: str) -> None:
    clock.now += 3_599
    assert found(database, clock, token)
    clock.now += 1
    assert not found(database, clock, token)


def test_use_keeps_it_alive_until_its_absolute_end(database: Database, clock: Clock, token: str) -> None:
    sessions = Sessions(SETTINGS, clock)
    for step in range(20):
        clock.now += 1_800
        with database.transaction() as connection:
            caller = sessions.find(connection, token)
            assert (caller is not None) == (step < 19)
            if caller is not None:
                assert caller.stale
                sessions.touch(connection, caller.session)
                again = sessions.find(connection, token)
                assert again is not None
                assert not again.stale


def test_logout(database: Database, clock: Clock, token: str) -> None:
    with database.transaction() as connection:
        Sessions(SETTINGS, clock).end(connection, digest(token))
    assert not found(database, clock, token)


def test_a_user_who_is_not_active(database: Database, clock: Clock, token: str) -> None:
    with database.transaction() as connection:
        connection.execute(tables.user.update().values(active=False))
    assert not found(database, clock, token)


def test_a_login_removes_what_has_expired(database: Database, clock: Clock, token: str) -> None:
    sessions = Sessions(SETTINGS, clock)
    with database.transaction() as connection:
        sessions.begin(connection, "u")
        assert len(connection.execute(select(tables.session)).all()) == 2
        clock.now += 36_000
        sessions.begin(connection, "u")
        assert len(connection.execute(select(tables.session)).all()) == 1
    assert not found(database, clock, token)
