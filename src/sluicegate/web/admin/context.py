"""Everything the admin API works with, handed over once by the composition root."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from sluicegate.core.dialect import Dialect, DialectName
from sluicegate.core.identity import UseCase
from sluicegate.dlp.policies import Policies
from sluicegate.identity.keyring import KeyRing, Reads
from sluicegate.identity.passwords import Passwords
from sluicegate.identity.sessions import Caller, Sessions
from sluicegate.identity.throttle import LoginThrottle
from sluicegate.routing.explain import Explanation
from sluicegate.settings import Settings
from sluicegate.store.declared import Resolve
from sluicegate.web.trial import Trial

T = TypeVar("T")

Explain = Callable[[str, UseCase, bool], Explanation | None]
"""Explains the route of a model for a use case, `True` for what is confined to the premises; None: no such model."""


class Acts(Protocol):
    """What the API needs of the audit log: an administrative change and its entry in one transaction, and to read it."""

    async def act(
        self, actor: str, action: str, subject: str, organisation: str | None, change: Callable[[Connection], T]
    ) -> T:
        """Make `change` and record it; what `change` raises is raised again, and nothing is changed or recorded."""

    async def settle(self) -> None:
        """Wait until everything recorded so far can be read in the database. Raises AuditUnavailable."""


class Writes(Protocol):
    """What the API needs to write what is no change of control data: when a session was last used."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a writing transaction; its result once durable."""


@dataclass(frozen=True)
class AdminContext:
    """The admin API's dependencies."""

    database: Reads
    writer: Writes
    log: Acts
    keyring: KeyRing
    policies: Policies
    trial: Trial
    dialects: Mapping[DialectName, Dialect]
    explain: Explain
    on_change: Callable[[], Awaitable[None]]
    """Called after every committed change of control data: compile anew what was compiled from it."""
    settings: Settings
    resolve: Resolve
    """Fills a provider's declaration from its preset."""
    peer: Callable[[Mapping[str, Any]], str]
    """The client's address for an ASGI scope, trusted proxies worked in."""
    audit_public_key: str
    """What verifies the audit log's checkpoints, as a C2SP verifier key."""
    clock: Callable[[], float]
    """Seconds since the epoch."""
    ready: Callable[[], Awaitable[str | None]]
    """Why the gateway takes no requests now; None: it does."""
    sessions: Sessions
    passwords: Passwords
    throttle: LoginThrottle

    async def change(
        self, caller: Caller, action: str, subject: str, organisation: str | None, work: Callable[[Connection], T]
    ) -> T:
        """Change control data on behalf of `caller`, with its audit entry, and make it count from the next request on."""
        result = await self.log.act(caller.actor, action, subject, organisation, work)
        self.keyring.forget()
        await self.on_change()
        return result
