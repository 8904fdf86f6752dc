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
from sluicegate.audit.sequencer import Append, Item, Order, Replay, Sequencer
from sluicegate.audit.stamped import Stamped, decode
from sluicegate.core.errors import AuditUnavailable
from sluicegate.core.exchange import Spend
from sluicegate.settings import Settings
from sluicegate.store.committer import WriteFailed
from sluicegate.store.database import Database
from sluicegate.store.journal import Journal, JournalDamaged
from sluicegate.store.presence import Presence, claim
from sluicegate.store.writer import QueueFull, Writer

log = logging.getLogger(__name__)
T = TypeVar("T")


def load_signer(settings: Settings) -> Signer:
    """The log's signing key, made at the first use. Raises checkpoint.NoteInvalid, OSError."""
    return Signer.load(settings.audit.origin, key_path(settings))


def key_path(settings: Settings) -> Path:
    """Where the log's signing key is."""
    return Path(settings.audit.signing_key) if settings.audit.signing_key else settings.data_dir / "audit.key"


def journal_path(database: Database) -> Path | None:
    """Where the entries are that may not be in `database` yet; None for PostgreSQL, which is always committed to."""
    return None if database.path is None else database.path.with_name(f"{database.path.name}.journal")


def journaled(path: Path, payloads: Sequence[bytes]) -> list[Stamped]:
    """The entries of a journal. Raises AuditDamaged."""
    try:
        return [stamped for payload in payloads for stamped in decode(payload)]
    except ValueError as error:
        raise AuditDamaged(f"{path}: what it holds are no entries: {error}") from None


class AuditLog:
    """Appends entries through the one writer. Nothing is acknowledged before it is on disk."""

    def __init__(self, database: Database, writer: Writer, settings: Settings) -> None:
        self._database = database
        self._writer = writer
        self._signer = load_signer(settings)
        self._sequencer = Sequencer(settings, self._signer, postgres=database.postgres)
        self._journal_bytes = settings.audit.journal_bytes
        self._journal: Journal | None = None
        self._presence: Presence | None = None

    @property
    def verifier_key(self) -> str:
        """The public key, as `audit verify` takes it."""
        return str(self._signer.verifier)

    async def start(self) -> None:
        """Check the log, bring in what a crash left in the journal, close what it left open, and sign a checkpoint.

        Only a server that is alone on the database closes open intents: beside another they may be that one's. The writer
        must be running. Raises AuditRollback, AuditDamaged, AuditUnavailable, OSError.
        """
        presence = claim(self._database)
        opened = False
        try:
            closed = await self._open(presence)
            opened = True
        except AuditUnavailable as error:
            cause = error.__cause__.__cause__ if error.__cause__ else None
            if isinstance(cause, AuditRollback | AuditDamaged):
                raise cause from None
            raise
        finally:
            if not opened:
                self._let_go(presence)
        presence.share()
        self._presence = presence
        if self._journal is not None:
            self._writer.adopt(self._journal, self._sequencer)
        if closed:
            log.warning("exchanges that a crash left open were closed", extra={"exchanges": closed})

    async def _open(self, presence: Presence) -> int:
        """How many intents were closed."""
        alone = presence.alone()
        path = journal_path(self._database)
        if path is not None:
            if not alone:
                presence.share()  # waits for one that is starting: the journal is its
            self._journal = journal = _open_journal(path, self._journal_bytes)
            if journal is None:
                log.warning("another process holds the journal, so each group is committed by itself")
                alone = False  # which intents are open is not known before what is in its journal
            elif stamped := journaled(path, journal.payloads):
                await self._submit(Order.OPEN)  # a database that was rolled back is refused before anything is added to it
                if brought := await self._submit(Replay(stamped)):
                    log.warning("entries that a crash left in the journal were brought in", extra={"entries": brought})
        closed: int = await self._submit(Order.RECOVER if alone else Order.OPEN)
        if self._journal is not None:
            self._journal.reset()
        return closed

    async def stop(self) -> None:
        """Empty the journal, sign a last checkpoint and give up the claim on the database; the writer must still run."""
        try:
            await self._submit(Order.CLOSE)
        except AuditUnavailable:
            self._journal = None  # the writer still has what is in it, and closes it when it has tried again
            raise
        finally:
            if self._presence is not None:
                self._let_go(self._presence)
                self._presence = None

    def _let_go(self, presence: Presence) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        presence.release()

    async def append(self, entry: Entry, spend: Sequence[Spend] = ()) -> None:
        """Make one entry durable; `spend` is added to spending in the transaction that gives it its place in the log.

        Raises AuditUnavailable; the entry may then still become durable where only the wait was too long.
        """
        item = Append(entry, spend)
        try:
            if not self._writer.at_once(self._sequencer, item):
                await self._writer.submit(self._sequencer, item)
        except (QueueFull, WriteFailed) as error:
            raise AuditUnavailable from error

    async def settle(self) -> None:
        """Wait until everything appended so far is in the database, for whoever reads it next. Raises AuditUnavailable."""
        try:
            await self._writer.settle()
        except (QueueFull, WriteFailed) as error:
            raise AuditUnavailable from error

    async def act(
        self, actor: str, action: str, subject: str, organisation: str | None, change: Callable[[Connection], T]
    ) -> T:
        """Make a change and its entry durable together; what `change` returned.

        A `change` that raises is undone alone, its exception comes to the caller, and no entry is written. It runs in
        the writer's thread. Raises AuditUnavailable.
        """
        result: T = await self._submit(Append(entries.act(actor, action, subject, organisation), (), change))
        return result

    async def _submit(self, item: Item) -> Any:
        try:
            return await self._writer.submit(self._sequencer, item)
        except (QueueFull, WriteFailed) as error:
            raise AuditUnavailable from error


def _open_journal(path: Path, size: int) -> Journal | None:
    try:
        return Journal.open(path, size)
    except JournalDamaged as error:
        raise AuditDamaged(str(error)) from None


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
