"""Guardrail policies of the API, beside the policy file's. Every change is a new version; the old ones stay readable."""

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Connection, RowMapping, func, select

from sluicegate.core.ids import new_id
from sluicegate.dlp.policy import SHIPPED, Edition, PolicyError, RowError
from sluicegate.dlp.policy_rows import PolicyRow, latest
from sluicegate.identity.sessions import Caller
from sluicegate.store import tables
from sluicegate.web.admin import guardrail_models as models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.problems import Problem, not_found
from sluicegate.web.admin.reach import ID, MAX_PAGE, Cursor, Limit, Record, find, shown, within

PATH = "/api/v1/guardrails"
TABLE = tables.guardrail


class GuardrailRoutes:
    """The stored policies, and what is in force."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        add, one = app.add_api_route, f"{PATH}/{{id}}"
        add(PATH, self.list, methods=["GET"], response_model=models.Guardrails)
        add(PATH, self.create, methods=["POST"], status_code=201, response_model=models.Guardrail)
        add(f"{PATH}/state", self.state, methods=["GET"], response_model=models.GuardrailState)
        add(f"{PATH}/names", self.names, methods=["GET"], response_model=models.GuardrailNames)
        add(one, self.get, methods=["GET"], response_model=models.GuardrailHistory)
        add(one, self.change, methods=["PATCH"], response_model=models.Guardrail)
        add(f"{one}/revert", self.revert, methods=["POST"], response_model=models.Guardrail)
        add(f"{one}/deactivate", self.deactivate, methods=["POST"], response_model=models.Guardrail)
        add(f"{one}/versions/{{version}}", self.version, methods=["GET"], response_model=models.Guardrail)

    async def list(self, caller: Current, cursor: Cursor = None, limit: Limit = 100) -> Record:
        """The policies within the caller's reach, at their last versions."""

        def read(connection: Connection) -> Record:
            query = within(latest(), TABLE, caller).order_by(TABLE.c.id).limit(limit + 1)
            if cursor is not None:
                query = query.where(TABLE.c.id > cursor)
            rows = list(connection.execute(query).mappings())
            return {
                "items": [shown(row) for row in rows[:limit]],
                "next": rows[limit - 1]["id"] if len(rows) > limit else None,
            }

        return await self._context.database.read(read)

    async def create(self, caller: Current, body: models.GuardrailNew) -> Record:
        """Make a policy, at version 1, which adds to the policy file or takes the place of what has its name there."""
        organisation = body.organisation_id
        if organisation is None and caller.organisation is not None:
            raise Problem(403, "Only administrators of the installation make policies for everybody.")
        row = {"id": new_id(), "version": 1, "organisation_id": organisation, "name": body.name, "active": True}

        def create(connection: Connection) -> None:
            if organisation is not None:
                find(connection, tables.organisation, organisation, caller)
            whose = TABLE.c.organisation_id
            same = latest().where(TABLE.c.name == body.name)
            same = same.where(whose.is_(None) if organisation is None else whose == organisation)
            if connection.execute(same).first() is not None:
                raise Problem(409, "There is an object of this name already.", field="body.name")

        await self._context.database.read(create)
        return await self._write(caller, "create", row | {"document": body.document, "note": body.note}, create)

    async def state(self, caller: Current) -> Record:
        """The version in force, and whether it is behind what stands in the file and the stored policies."""
        policies = self._context.policies
        state, whole = policies.state, caller.organisation is None
        return {
            "version": policies.version,
            "stale": state.failure is not None,
            "failure": state.failure if whole else None,
            "failed_loads": state.failed,
            "loaded_at": datetime.fromtimestamp(state.loaded_at, UTC),
            "file": str(policies.path) if whole and policies.path != SHIPPED else None,
            "policies": _named(policies.edition, caller),
        }

    async def names(self, caller: Current) -> Record:
        """What a policy can name, and the policies that a use case can name."""
        policies = self._context.policies
        subjects = policies.edition.subjects
        return {
            "rules": [
                {name: getattr(subject, name) for name in models.GuardrailRule.model_fields}
                for subject in sorted(subjects, key=lambda subject: subject.id)
            ],
            "kinds": sorted({subject.kind for subject in subjects}),
            "jurisdictions": sorted({subject.jurisdiction for subject in subjects}),
            "policies": _named(policies.edition, caller),
        }

    async def get(self, caller: Current, id: str) -> Record:
        """One policy at its last version, and its versions."""

        def read(connection: Connection) -> Record:
            found = _find(connection, id, caller)
            query = select(TABLE).where(TABLE.c.id == id).order_by(TABLE.c.version.desc()).limit(MAX_PAGE)
            return {**shown(found), "versions": [shown(row) for row in connection.execute(query).mappings()]}

        return await self._context.database.read(read)

    async def version(self, caller: Current, id: str, version: str) -> Record:
        """One policy as it was at one version."""
        return await self._context.database.read(lambda connection: shown(_version(connection, id, version, caller)))

    async def change(self, caller: Current, id: str, body: models.GuardrailChange) -> Record:
        """Put another document in force, as a new version; also for a policy that is not active."""
        before = await self._context.database.read(lambda connection: _find(connection, id, caller))
        return await self._next(caller, "change", before, document=body.document, note=body.note, active=True)

    async def revert(self, caller: Current, id: str, body: models.GuardrailRevert) -> Record:
        """Put the document of an earlier version in force, as a new version."""

        def read(connection: Connection) -> tuple[RowMapping, RowMapping]:
            return _find(connection, id, caller), _version(connection, id, str(body.version), caller)

        before, wanted = await self._context.database.read(read)
        return await self._next(caller, "revert", before, document=wanted["document"], note=body.note, active=True)

    async def deactivate(self, caller: Current, id: str, body: models.GuardrailEnd) -> Record:
        """Take a policy out of force, as a new version; what has its name in the file, if anything, counts again."""
        before = await self._context.database.read(lambda connection: _find(connection, id, caller))
        return await self._next(caller, "deactivate", before, note=body.note, active=False)

    async def _next(self, caller: Caller, act: str, before: RowMapping, **new: Any) -> Record:
        """The version after `before`, provided that this is still the last one."""

        def check(connection: Connection) -> None:
            if _find(connection, before["id"], caller)["version"] != before["version"]:
                raise Problem(409, "The policy was changed meanwhile.")
            if not new["active"] and before["active"]:
                self._refuse_if_used(connection, before)

        return await self._write(caller, act, {**before, **new, "version": before["version"] + 1}, check)

    async def _write(self, caller: Caller, act: str, row: Record, check: Any) -> Record:
        """Write a version that `check` lets pass in the same transaction. Raises Problem where it does not compile."""
        context = self._context
        row = {**row, "created_by": caller.actor, "created_at": context.clock()}
        if row["active"]:
            await self._compile(PolicyRow(row["organisation_id"], row["name"], row["document"]))

        def write(connection: Connection) -> Record:
            check(connection)
            if row["active"]:
                self._bound(connection, row["id"])
            connection.execute(TABLE.insert().values(**row))
            return shown(row)

        subject = f"guardrail:{row['id']}:{row['version']}"
        return await context.change(caller, f"guardrail.{act}", subject, row["organisation_id"], write)

    async def _compile(self, row: PolicyRow) -> None:
        try:
            await self._context.policies.check(row)
        except RowError as error:
            raise Problem(422, error.place, field="body.document") from None
        except UnicodeEncodeError:
            raise Problem(422, "A text holds half of a surrogate pair.", field="body.document") from None
        except PolicyError:
            raise Problem(409, "The policy file is broken, so that nothing can be compiled beside it.") from None

    def _bound(self, connection: Connection, id: str) -> None:
        most = self._context.settings.dlp.max_stored_policies
        others = latest().where(TABLE.c.active, TABLE.c.id != id).subquery()
        if connection.execute(select(func.count()).select_from(others)).scalar_one() >= most:
            raise Problem(409, f"At most {most} stored policies may be active (dlp.max_stored_policies).")

    def _refuse_if_used(self, connection: Connection, row: RowMapping) -> None:
        """Raises Problem 409 where an active use case would be left without a policy."""
        if row["name"] in self._context.policies.edition.file:
            return
        case, organisation = tables.use_case, row["organisation_id"]
        query = select(case.c.organisation_id).where(case.c.guardrail == row["name"], case.c.active).distinct()
        if organisation is not None:
            query = query.where(case.c.organisation_id == organisation)
        rows = connection.execute(latest().where(TABLE.c.active, TABLE.c.name == row["name"], TABLE.c.id != row["id"]))
        others = {other["organisation_id"] for other in rows.mappings()}
        if None not in others and not others.issuperset(connection.execute(query).scalars()):
            raise Problem(409, "A use case names this policy, and there would be none of its name.")


def _named(edition: Edition, caller: Caller) -> list[str]:
    """The policies that use cases within the caller's reach can name."""
    own = [name for organisation, name in edition.own if caller.organisation in (None, organisation)]
    return sorted({*edition.policies, *own})


def _find(connection: Connection, id: str, caller: Caller) -> RowMapping:
    """A policy within the caller's reach, at its last version. Raises Problem 404."""
    if not ID.fullmatch(id):
        raise not_found()
    row = connection.execute(within(latest(), TABLE, caller).where(TABLE.c.id == id)).mappings().one_or_none()
    if row is None:
        raise not_found()
    return row


def _version(connection: Connection, id: str, version: str, caller: Caller) -> RowMapping:
    """A policy at one version. Raises Problem 404."""
    if not ID.fullmatch(id) or not (version.isascii() and version.isdigit() and len(version) < 10):
        raise not_found()
    query = within(select(TABLE), TABLE, caller).where(TABLE.c.id == id, TABLE.c.version == int(version))
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise not_found()
    return row
