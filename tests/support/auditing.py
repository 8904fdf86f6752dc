"""An audit log for tests, on a real database in a folder of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from sluicegate.audit.checkpoint import Verifier
from sluicegate.audit.entry import INTENT, OUTCOME, VERSION, Entry
from sluicegate.audit.export import parts
from sluicegate.audit.log import AuditLog
from sluicegate.audit.sequencer import PUBLISHED
from sluicegate.audit.verify import Report, verify
from sluicegate.core.exchange import Spend
from sluicegate.core.ids import new_id
from sluicegate.settings import Settings
from sluicegate.store import migrate
from sluicegate.store.database import Database
from sluicegate.store.tables import audit_entry
from sluicegate.store.writer import Writer

DAY, MONTH = "2026-11-21", "2026-11"


def settings_in(folder: Path, url: str = "", **audit: Any) -> Settings:
    """Settings with their data in `folder`, and the schema made."""
    settings = Settings.model_validate({"data_dir": folder, "database": {"url": url}, "audit": audit})
    migrate.ensure(settings)
    return settings


@dataclass
class Running:
    """An open log and what it stands on."""

    settings: Settings
    database: Database
    writer: Writer
    log: AuditLog

    async def append(self, entry: Entry, spend: Sequence[Spend] = ()) -> int:
        """Append an entry and see it into the database; its index."""
        await self.log.append(entry, spend)
        await self.log.settle()
        found = select(audit_entry.c.log_index).where(
            audit_entry.c.exchange_id == entry.exchange, audit_entry.c.kind == entry.kind
        )
        with self.database.connect() as connection:
            return int(connection.execute(found).scalar_one())

    async def verify(self, published: Sequence[str] | None = None) -> Report:
        """Verify everything that was appended, against the copy outside the database unless told otherwise."""
        await self.log.settle()
        return verify_in(self.database, self.log.verifier_key, self.settings, published)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A started log, stopped in order at the end."""
    database = Database(settings)
    writer = Writer(database, settings)
    writer.start()
    try:
        log = AuditLog(database, writer, settings)
        await log.start()
        yield Running(settings, database, writer, log)
        await log.stop()
    finally:
        await writer.stop()
        database.close()


def verify_in(database: Database, key: str, settings: Settings, published: Sequence[str] | None = None) -> Report:
    """Verify what a database holds."""
    if published is None:
        published = [(settings.data_dir / PUBLISHED).read_text(encoding="utf-8")]
    with database.connect() as connection:
        return verify(parts(connection), Verifier.parse(key), published)


def intent(exchange: str = "", **fields: Any) -> Entry:
    """An intent entry."""
    return Entry(at_ns=0, exchange=exchange or new_id(), kind=INTENT, v=VERSION, **fields)


def outcome(exchange: str, **fields: Any) -> Entry:
    """The outcome entry of an exchange."""
    return Entry(at_ns=0, exchange=exchange, kind=OUTCOME, v=VERSION, **fields)


async def exchanges(log: AuditLog, count: int, **fields: Any) -> None:
    """Append the intents and outcomes of `count` exchanges, many at once."""

    async def one() -> None:
        entry = intent(**fields)
        await log.append(entry)
        await log.append(outcome(entry.exchange, **fields), [Spend("key:k", DAY, 10, 100)])

    await asyncio.gather(*(one() for _ in range(count)))
