"""Log in, log out, who am I. A failed login says the same, after the same work, whoever it was for."""

import math
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from sqlalchemy import Connection, select

from sluicegate.identity.sessions import Caller
from sluicegate.store import tables
from sluicegate.web.admin import models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.problems import Problem

PATH = "/api/v1/session"


class SessionRoutes:
    """The caller's own session."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_api_route(PATH, self.login, methods=["POST"], status_code=201, response_model=models.SessionNew)
        app.add_api_route(PATH, self.whoami, methods=["GET"], response_model=models.Session)
        app.add_api_route(PATH, self.logout, methods=["DELETE"], status_code=204)

    async def login(self, body: models.Login, request: Request) -> models.SessionNew:
        """Log in with name and password: a new session, whose token is shown once."""
        context = self._context
        address = context.peer(request.scope)
        wait = context.throttle.begin(body.name, address)
        if wait is not None:
            seconds = str(max(1, math.ceil(wait)))
            raise Problem(429, "Too many logins failed; try again later.", headers={"retry-after": seconds})
        user = await context.database.read(lambda connection: _user(connection, body.name))
        right = await context.passwords.verify(None if user is None else user[1], body.password)
        subject = "user:unknown" if user is None else f"user:{user[0].id}"
        organisation = None if user is None else user[0].organisation_id
        if user is None or not right:
            await context.log.act(subject, "session.refuse", subject, organisation, lambda _connection: None)
            raise Problem(401, "Name or password is wrong.", headers={"www-authenticate": "Bearer"})
        context.throttle.succeeded(body.name, address)
        token, expires_at = await context.log.act(
            subject,
            "session.begin",
            subject,
            organisation,
            lambda connection: context.sessions.begin(connection, user[0].id),
        )
        return models.SessionNew(token=token, user=user[0], expires_at=datetime.fromtimestamp(expires_at, UTC))

    async def whoami(self, caller: Current) -> models.Session:
        """Who the session belongs to."""
        return models.Session(user=_shown(caller), expires_at=datetime.fromtimestamp(caller.expires_at, UTC))

    async def logout(self, caller: Current) -> None:
        """End the session: its token is refused from now on."""
        context = self._context
        await context.log.act(
            caller.actor,
            "session.end",
            caller.actor,
            caller.organisation,
            lambda connection: context.sessions.end(connection, caller.session),
        )


def _user(connection: Connection, name: str) -> tuple[models.User, str] | None:
    """The active user of this name, and the stored hash."""
    if "\x00" in name:
        return None
    user = tables.user
    row = connection.execute(select(user).where(user.c.name == name, user.c.active)).mappings().one_or_none()
    if row is None:
        return None
    shown = models.User(id=row["id"], name=row["name"], role=row["role"], organisation_id=row["organisation_id"])
    return shown, row["password_hash"]


def _shown(caller: Caller) -> models.User:
    return models.User(id=caller.user_id, name=caller.name, role=caller.role, organisation_id=caller.organisation)
