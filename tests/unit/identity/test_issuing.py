"""A key over its life: issued, rotated with an overlap, revoked."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from sluicegate.core.ids import new_id
from sluicegate.identity import issuing
from sluicegate.identity.issuing import Issued, NotValid
from sluicegate.identity.keyring import load_key
from sluicegate.identity.keys import digest, well_formed
from sluicegate.store import tables
from sluicegate.store.database import Database
from tests.support.administration import Tenant


def made(connection: Connection, **more: Any) -> Issued:
    Tenant("a").insert(connection)
    use_case = connection.execute(select(tables.use_case)).mappings().one()
    return issuing.issue(connection, use_case, 10.0, name="k", principal="user:x", origin="api", **more)


def standing(connection: Connection, key: str, now: float) -> str:
    row = connection.execute(select(tables.virtual_key).where(tables.virtual_key.c.digest == digest(key))).mappings().one()
    return issuing.state(row, now)


def test_an_issued_key_is_stored_as_its_digest(database: Database) -> None:
    with database.transaction() as connection:
        id = new_id()
        issued = made(connection, id=id, expires_at=20.0, budgets=({"period": "day", "usd": None, "tokens": 1},))
        assert well_formed(issued.key)
        assert issued.row["id"] == id
        assert issued.key not in repr(issued)
        assert issued.key not in repr(dict(issued.row))
        held = load_key(connection, digest(issued.key))
    assert held is not None
    assert (held.grant.key_id, held.grant.expires_at, held.grant.budgets[0].tokens) == (id, 20.0, 1)


def test_rotation_keeps_id_and_budgets(database: Database) -> None:
    with database.transaction() as connection:
        first = made(connection, budgets=({"period": "day", "usd": "1", "tokens": None},))
        id = first.row["id"]
        second = issuing.rotate(connection, id, 11.0, overlap=5.0)
        third = issuing.rotate(connection, id, 12.0, overlap=1.0)
        grants = [load_key(connection, digest(issued.key)) for issued in (first, second, third)]
        assert {held.grant.key_id for held in grants if held} == {id}
        assert len({held.grant.budgets for held in grants if held}) == 1
        assert [standing(connection, issued.key, 13.0) for issued in (first, second, third)] == ["valid", "revoked", "valid"]
        found = issuing.find(connection, id)
        assert found is not None
        assert found["digest"] == digest(third.key)
        rest = connection.execute(
            select(tables.virtual_key.c.id).where(tables.virtual_key.c.digest == digest(first.key))
        ).scalar_one()
        assert issuing.find(connection, rest) is None


def test_revoking_ends_every_text_once(database: Database) -> None:
    with database.transaction() as connection:
        first = made(connection)
        id = first.row["id"]
        second = issuing.rotate(connection, id, 11.0, overlap=5.0)
        issuing.revoke(connection, id, 12.0)
        issuing.revoke(connection, id, 13.0)
        assert {standing(connection, issued.key, 12.0) for issued in (first, second)} == {"revoked"}
        found = issuing.find(connection, id)
        assert found is not None
        assert found["revoked_at"] == 12.0
        with pytest.raises(NotValid):
            issuing.rotate(connection, id, 14.0, overlap=5.0)


def test_an_expired_key_is_not_rotated(database: Database) -> None:
    with database.transaction() as connection:
        issued = made(connection, expires_at=11.0)
        with pytest.raises(NotValid):
            issuing.rotate(connection, issued.row["id"], 11.0, overlap=5.0)
        with pytest.raises(NotValid):
            issuing.rotate(connection, new_id(), 11.0, overlap=5.0)
