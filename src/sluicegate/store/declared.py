"""Objects declared in the settings become rows of origin `file`, in one transaction at start.

An object is found again by its name (a virtual key by its digest), keeps its id, and is updated where it differs; a use
case's version grows with every difference. What is declared no longer is taken out of use: keys are revoked, use cases made
inactive, the rest deleted; what other rows refer to stays, with origin `retired`, until the file declares it again. Objects
made through the API are never taken over: a name that both use is an error.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, Table, and_, select

from sluicegate.core.ids import new_id
from sluicegate.objects import DeploymentSpec, KeySpec, ProviderSpec, Section
from sluicegate.settings import Settings, SettingsError
from sluicegate.store import tables

FILE = "file"
RETIRED = "retired"
ADOPTED = (FILE, RETIRED, "demo")
"""Origins of rows that a declaration of the same name takes over."""
READ_ONLY = (FILE, RETIRED)
"""Origins of rows that only the settings file changes."""

Resolve = Callable[[ProviderSpec], ProviderSpec]
"""A provider's declaration with its preset's values filled in: dialect, base_url and place are set. Raises SettingsError."""

REFERENCES: Mapping[str, tuple[Column[Any], ...]] = {
    "provider": (tables.deployment.c.provider,),
    "use_case": (tables.virtual_key.c.use_case_id,),
    "team": (tables.use_case.c.team_id, tables.virtual_key.c.team_id),
    "organisation": (
        tables.team.c.organisation_id,
        tables.user.c.organisation_id,
        tables.use_case.c.organisation_id,
        tables.virtual_key.c.organisation_id,
        tables.guardrail.c.organisation_id,
    ),
}
"""The columns that keep a row of a table from being deleted."""


def apply(connection: Connection, settings: Settings, now: float, resolve: Resolve) -> tuple[str, ...]:
    """Make the rows say what the settings declare; `now` is seconds since the epoch.

    Returns one line for every object that was created, changed or taken out of use. Raises SettingsError naming every
    object that cannot be declared; the caller's transaction must then be rolled back.
    """
    work = _Declaration(connection, now)
    for organisation in settings.organisations:
        work.put(tables.organisation, {"name": organisation.name}, {})
    for team in settings.teams:
        within = work.id_of(tables.organisation, "organisation", name=team.organisation)
        values = {"budgets": [budget.model_dump(mode="json") for budget in team.budgets]}
        work.put(tables.team, {"organisation_id": within, "name": team.name}, values)
    for use_case in settings.use_cases:
        within = work.id_of(tables.organisation, "organisation", name=use_case.organisation)
        team_id = work.id_of(tables.team, "team", organisation_id=within, name=use_case.team)
        values = _plain(use_case, {"organisation", "team", "name"}) | {"team_id": team_id}
        work.put(tables.use_case, {"organisation_id": within, "name": use_case.name}, values)
    for key in settings.keys:
        work.put_key(key)
    for provider in settings.providers:
        values = _plain(resolve(provider), {"name"})
        work.put(tables.provider, {"name": provider.name}, values)
    for deployment in settings.deployments:
        work.put_deployment(deployment)
    if work.errors:
        raise SettingsError("\n".join(work.errors))
    for table in (tables.virtual_key, tables.deployment, tables.provider, tables.use_case, tables.team, tables.organisation):
        work.retire(table)
    return tuple(work.changes)


class _Declaration:
    """One run over everything that is declared."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._declared: dict[str, set[Any]] = {}
        self.errors: list[str] = []
        self.changes: list[str] = []

    def id_of(self, table: Table, kind: str, **identity: Any) -> str:
        """The id of a row that another declaration names; without it an error is noted."""
        row = self._find(table, identity)
        if row is None:
            self.errors.append(f"{kind} {identity['name']} is named, but does not exist")
            return ""
        return str(row["id"])

    def put(self, table: Table, identity: Mapping[str, Any], values: Mapping[str, Any], name: str = "") -> None:
        """Create or update the one row that `identity` finds."""
        name = name or identity["name"]
        if "" in identity.values() or values.get("team_id") == "":
            return  # what it belongs to does not exist, which was noted
        row = self._find(table, identity)
        if row is None:
            self._insert(table, {**identity, **values}, name)
            return
        primary = _primary(table)
        if row[primary.name] in self._declared.get(table.name, ()):
            self.errors.append(f"{table.name} {name} is declared twice")
        elif row["origin"] not in ADOPTED:
            self.errors.append(f"{table.name} {name} exists already: it was made through the API")
        else:
            self._note(table, row[primary.name])
            self._update(table, row, values, name)

    def put_key(self, spec: KeySpec) -> None:
        """Create or update a virtual key. Its binding never changes: that would repurpose it."""
        within = self.id_of(tables.organisation, "organisation", name=spec.organisation)
        use_case = self._find(tables.use_case, {"organisation_id": within, "name": spec.use_case})
        if use_case is None:
            self.errors.append(f"virtual_key {spec.name}: there is no use case {spec.use_case}")
            return
        digest = bytes.fromhex(spec.sha256)
        binding = {
            "organisation_id": within,
            "team_id": use_case["team_id"],
            "use_case_id": use_case["id"],
            "principal": spec.principal,
        }
        row = self._find(tables.virtual_key, {"digest": digest})
        if row is not None and any(row[column] != value for column, value in binding.items()):
            self.errors.append(f"virtual_key {spec.name} is bound otherwise already: declare a new key")
            return
        values = {
            "name": spec.name,
            "hint": "",
            "rate": spec.rate.model_dump(mode="json"),
            "budgets": [budget.model_dump(mode="json") for budget in spec.budgets],
            "expires_at": self._instant(spec),
            "revoked_at": None,
            "rotated_to": None,
        }
        self.put(tables.virtual_key, {"digest": digest}, binding | values, spec.name)

    def put_deployment(self, spec: DeploymentSpec) -> None:
        """Create or update a deployment; what it does not say, its provider says."""
        provider = self._find(tables.provider, {"name": spec.provider})
        if provider is None:
            self.errors.append(f"deployment {spec.name}: there is no provider {spec.provider}")
            return
        values = _plain(spec, {"name"})
        values["place"] = values["place"] or provider["place"]
        values["region"] = provider["region"] if values["region"] is None else values["region"]
        values["upstream_model"] = values["upstream_model"] or spec.model
        self.put(tables.deployment, {"name": spec.name}, values)

    def retire(self, table: Table) -> None:
        """Take out of use every row of the file that was not declared this time."""
        primary = _primary(table)
        declared = self._declared.get(table.name, set())
        for row in self._connection.execute(select(table).where(table.c.origin == FILE)).mappings().all():
            if row[primary.name] not in declared:
                self._take_out(table, row)

    def _take_out(self, table: Table, row: RowMapping) -> None:
        primary = _primary(table)
        here = primary == row[primary.name]
        references: Iterable[Column[Any]] = REFERENCES.get(table.name, ())
        kept = table is tables.virtual_key or any(
            self._connection.execute(select(column).where(column == row[primary.name]).limit(1)).first()
            for column in references
        )
        if not kept:
            self._connection.execute(table.delete().where(here))
            self.changes.append(f"{table.name} {row['name']}: deleted")
            return
        values: dict[str, Any] = {"origin": RETIRED, "updated_at": self._now}
        if table is tables.virtual_key:
            values["revoked_at"] = self._now
        if table is tables.use_case:
            values["active"] = False
        self._connection.execute(table.update().where(here).values(**values))
        self.changes.append(f"{table.name} {row['name']}: retired")

    def _insert(self, table: Table, values: Mapping[str, Any], name: str) -> None:
        row = {**values, "origin": FILE, "created_at": self._now, "updated_at": self._now}
        primary = _primary(table)
        if primary.name == "id":
            row["id"] = new_id()
        if table is tables.use_case:
            row["version"] = 1
        self._connection.execute(table.insert().values(**row))
        self._note(table, row[primary.name])
        self.changes.append(f"{table.name} {name}: created")

    def _update(self, table: Table, row: RowMapping, values: Mapping[str, Any], name: str) -> None:
        differs = any(row[column] != value for column, value in values.items())
        if not differs and row["origin"] == FILE:
            return
        new = {**values, "origin": FILE, "updated_at": self._now}
        if table is tables.use_case and differs:
            new["version"] = row["version"] + 1
        primary = _primary(table)
        self._connection.execute(table.update().where(primary == row[primary.name]).values(**new))
        self.changes.append(f"{table.name} {name}: changed")

    def _find(self, table: Table, identity: Mapping[str, Any]) -> RowMapping | None:
        condition = and_(*(table.c[column] == value for column, value in identity.items()))
        return self._connection.execute(select(table).where(condition)).mappings().one_or_none()

    def _note(self, table: Table, primary: Any) -> None:
        self._declared.setdefault(table.name, set()).add(primary)

    def _instant(self, spec: KeySpec) -> float | None:
        if spec.expires_at is None:
            return None
        try:
            instant = datetime.fromisoformat(spec.expires_at)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            self.errors.append(f"virtual_key {spec.name}: expires_at is no RFC 3339 time with its offset")
            return None
        return instant.timestamp()


def _primary(table: Table) -> Column[Any]:
    return next(iter(table.primary_key.columns))


def _plain(spec: Section, without: set[str]) -> dict[str, Any]:
    """A declaration's fields as they are stored; sets are sorted, so that equal ones compare equal."""
    values = spec.model_dump(mode="json", exclude=without)
    if "features" in values:
        values["features"] = sorted(values["features"])
    return values
