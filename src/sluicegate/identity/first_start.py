"""What a fresh installation is given: an administrator with a generated password, and something to try at once.

Everything secret is random, returned to be printed once, and stored as a hash. A second call does nothing.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, Table, and_, select

from sluicegate.core.ids import new_id
from sluicegate.identity.issuing import issue
from sluicegate.identity.passwords import Passwords, generate
from sluicegate.identity.roles import Role
from sluicegate.store import tables

ORIGIN = "demo"
ADMIN = "admin"


class FirstStart(msgspec.Struct, frozen=True):
    """What is printed once and known nowhere else."""

    admin: str
    password: str
    key: str | None
    """A virtual key for the use case `demo`; None where `demo.enabled` is off."""

    def __repr__(self) -> str:
        return "FirstStart(…)"


def begin(connection: Connection, now: float, passwords: Passwords, *, demo: bool) -> FirstStart | None:
    """Make the administrator and, with `demo`, the demo objects; None when the installation has an administrator already.

    Runs away from the event loop (it hashes a password) and in the caller's transaction. Objects of the same names that
    the settings declare are used as they are.
    """
    if connection.execute(select(tables.user.c.id).limit(1)).first() is not None:
        return None
    password = generate()
    _insert(
        connection,
        tables.user,
        now,
        origin="api",
        organisation_id=None,
        name=ADMIN,
        role=Role.OWNER.value,
        password_hash=passwords.hash(password),
        active=True,
    )
    return FirstStart(ADMIN, password, _demo(connection, now) if demo else None)


def _demo(connection: Connection, now: float) -> str:
    """Organisation, team, use case, key, provider and deployment; returns the key."""
    organisation = _ensure(connection, tables.organisation, now, {"name": "default"})
    team = _ensure(connection, tables.team, now, {"organisation_id": organisation, "name": "demo"}, budgets=[])
    use_case = _ensure(
        connection,
        tables.use_case,
        now,
        {"organisation_id": organisation, "name": "demo"},
        team_id=team,
        version=1,
        purpose="Try the gateway with the built-in demo model, and with local models.",
        classification="internal",
        system_prompt=None,
        system_mode="append",
        models=["demo*", "ollama/*"],
        features=["tools"],
        tools=["*"],
        networks=[],
        guardrail="default",
        rate={},
        active=True,
    )
    binding = connection.execute(select(tables.use_case).where(tables.use_case.c.id == use_case)).mappings().one()
    issued = issue(connection, binding, now, name="demo", principal="service_account:demo", origin=ORIGIN)
    _demo_model(connection, now)
    return issued.key


def _demo_model(connection: Connection, now: float) -> None:
    """The built-in model: it runs in this process and costs nothing."""
    _ensure(
        connection,
        tables.provider,
        now,
        {"name": "demo"},
        kind="demo",
        dialects=["openai_chat"],
        base_url="",
        credential=None,
        headers={},
        place="on_prem",
        region="",
        preset=None,
    )
    _ensure(
        connection,
        tables.deployment,
        now,
        {"name": "demo"},
        model="demo",
        provider="demo",
        upstream_model="demo",
        place="on_prem",
        region="",
        order=0,
        weight=1,
        max_output_tokens=4_096,
        price={"input": "0", "output": "0", "cached": None, "cache_write": None},
    )


def _ensure(connection: Connection, table: Table, now: float, identity: dict[str, Any], **values: Any) -> str:
    """The id (or name) of the row that `identity` finds, made where there is none."""
    primary = next(iter(table.primary_key.columns))
    condition = and_(*(table.c[column] == value for column, value in identity.items()))
    found = connection.execute(select(primary).where(condition)).scalar_one_or_none()
    return str(found) if found is not None else _insert(connection, table, now, **identity, **values)


def _insert(connection: Connection, table: Table, now: float, *, origin: str = ORIGIN, **values: Any) -> str:
    row = {**values, "origin": origin, "created_at": now, "updated_at": now}
    if "id" in table.c:
        row["id"] = new_id()
    connection.execute(table.insert().values(**row))
    return str(row.get("id") or row["name"])
