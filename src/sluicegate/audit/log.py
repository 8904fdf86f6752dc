"""The audit log as the gateway uses it: append and wait until it is durable, or be refused."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from sluicegate.audit import entry as entries
from sluicegate.audit.checkpoint import Signer
from sluicegate.audit.entry import Entry
from sluicegate.audit.head import AuditDamaged, AuditRollback
from sluicegate.audit.sequencer import Append, Order, Sequencer
from sluicegate.core.errors import AuditUnavailable
from sluicegate.core.exchange import Spend
from sluicegate.settings import Settings
from sluicegate.store.database import Database
from sluicegate.store.presence import Presence, claim
from sluicegate.store.writer import QueueFull, WriteFailed, Writer

log = logging.getLogger(__name__)
T = TypeVar("T")


def load_signer(settings: Settings) -> Signer:
    """The log's signing key, made at the first use. Raises checkpoint.NoteInvalid, OSError."""
    return Signer.load(settings.audit.origin, key_path(settings))


def key_path(settings: Settings) -> Path:
    """Where the log's signing key is."""
    return Path(settings.audit.signing_key) if settings.audit.signing_key else settings.data_dir / "audit.key"


class AuditLog:
    """Appends entries through the one writer. Nothing is acknowledged before it is on disk."""

    def __init__(self, database: Database, writer: Writer, settings: Settings) -> None:
        self._database = database
        self._writer = writer
        self._signer = load_signer(settings)
        self._sequencer = Sequencer(settings, self._signer, postgres=database.postgres)
        self._presence: Presence | None = None

    @property
    def verifier_key(self) -> str:
        """The public key, as `audit verify` takes it."""
        return str(self._signer.verifier)

    async def start(self) -> None:
        """Check the log, close what a crash left open, and sign a checkpoint; the writer must be running.

        Only a server that is alone on the database closes open intents: beside another they may be that one's.
        Raises AuditRollback, AuditDamaged, AuditUnavailable.
        """
        presence = claim(self._database)
        try:
            closed = await self._submit(Order.RECOVER if presence.alone() else Order.OPEN)
        except AuditUnavailable as error:
            presence.release()
            cause = error.__cause__.__cause__ if error.__cause__ else None
            if isinstance(cause, AuditRollback | AuditDamaged):
                raise cause from None
            raise
        presence.share()
        self._presence = presence
        if closed:
            log.warning("exchanges that a crash left open were closed", extra={"exchanges": closed})

    async def stop(self) -> None:
        """Sign a last checkpoint and give the claim on the database back; the writer must still be running."""
        try:
            await self._submit(Order.CHECKPOINT)
        finally:
            if self._presence is not None:
                self._presence.release()
                self._presence = None

    async def append(self, entry: Entry, spend: Sequence[Spend] = ()) -> int:
        """Make one entry durable; its index in the log. `spend` is added to spending in the same transaction.

        Raises AuditUnavailable; the entry may then still become durable where only the wait was too long.
        """
        try:
            index: int = await self._writer.submit(self._sequencer, Append(entry, spend))
        except (QueueFull, WriteFailed) as error:
            raise AuditUnavailable from error
        return index

    async def act(
        self, actor: str, action: str, subject: str, organisation: str | None, change: Callable[[Connection], T]
    ) -> T:
        """Make a change and its entry durable together; what `change` returned.

        A `change` that raises is undone alone, its exception comes to the caller, and no entry is written. It runs in
        the writer's thread. Raises AuditUnavailable.
        """
        result: T = await self._submit(Append(entries.act(actor, action, subject, organisation), (), change))
        return result

    async def _submit(self, item: Append | Order) -> Any:
        try:
            return await self._writer.submit(self._sequencer, item)
        except (QueueFull, WriteFailed) as error:
            raise AuditUnavailable from error


def act_now(
    database: Database,
    settings: Settings,
    actor: str,
    action: str,
    subject: str,
    organisation: str | None,
    change: Callable[[Connection], T],
    order: Order = Order.OPEN,
) -> T:
    """As `AuditLog.act`, for a command: at once, without a writer, while a server may be running in another process.

    Raises what `change` raises, AuditRollback, AuditDamaged, and the database's errors.
    """
    sequencer = Sequencer(settings, load_signer(settings), postgres=database.postgres)
    item = Append(entries.act(actor, action, subject, organisation), (), change)
    with database.transaction() as connection:
        _, result = sequencer.apply(connection, [order, item])
    sequencer.committed()
    if isinstance(result, Exception):
        raise result
    outcome: T = result
    return outcome
