"""Which stored answer is whose, and where it is kept: an id is known to the use case that made it, and to no other."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection, delete, insert, select

from sluicegate.core.exchange import Kept
from sluicegate.store.tables import stored_answer

T = TypeVar("T")
DAY = 86_400


class Reads(Protocol):
    """What can run a piece of reading (`store.database.Database`)."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run it and return its result."""


class Writes(Protocol):
    """What can run a piece of writing (`store.writer.Writer`)."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run it and return its result once it is durable."""


class StoredAnswers:
    """Remembers for `days` who keeps an answer; afterwards its id is unknown."""

    def __init__(self, database: Reads, writer: Writes, days: float, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._writer = writer
        self._age = days * DAY
        self._clock = clock

    async def find(self, organisation: str, use_case: str, answer: str) -> Kept | None:
        """Where the use case's answer is kept; None if it has none of this id."""
        table = stored_answer.c
        query = select(table.model, table.provider, table.account, table.tokens).where(
            table.use_case_id == use_case,
            table.answer_id == answer,
            table.organisation_id == organisation,
            table.at > self._clock() - self._age,
        )
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Kept(*row)

    async def keep(self, organisation: str, use_case: str, answer: str, kept: Kept) -> None:
        """Make it durable; what is too old is forgotten meanwhile. Raises what the writer raises."""
        now = self._clock()
        values = {
            "use_case_id": use_case,
            "answer_id": answer,
            "organisation_id": organisation,
            "model": kept.model,
            "provider": kept.provider,
            "account": kept.account,
            "tokens": kept.tokens,
            "at": now,
        }
        mine = (stored_answer.c.use_case_id == use_case) & (stored_answer.c.answer_id == answer)

        def work(connection: Connection) -> None:
            connection.execute(delete(stored_answer).where((stored_answer.c.at <= now - self._age) | mine))
            connection.execute(insert(stored_answer).values(values))

        await self._writer.write(work)
