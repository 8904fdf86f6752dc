"""No entry, no call; no entry, no last event.

The intent entry is durable before the pipeline calls, the outcome entry before it releases the last event. An exchange
that ends before the call leaves one `refusal` entry. A crash between the two leaves an open intent, which the log closes
at start.
"""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from sluicegate.audit import entry as entries
from sluicegate.audit.entry import Entry
from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.core.exchange import Exchange, Spend
from sluicegate.core.stage import Passive

RECORDED = Decision(Verdict.ALLOW, Reason.RECORDED)


class Log(Protocol):
    """What this stage needs of the audit log."""

    def append(self, entry: Entry, spend: Sequence[Spend] = ()) -> Awaitable[object]:
        """Make one entry durable. Raises AuditUnavailable."""


class Record(Passive):
    """Writes the entries of every exchange."""

    name = "s8_record"

    def __init__(self, log: Log) -> None:
        self._log = log

    async def admit(self, exchange: Exchange) -> Decision:
        """Make the intent durable. Raises AuditUnavailable: the provider is then not called."""
        exchange.intended = len(exchange.decisions)
        await self._log.append(entries.intent(exchange))
        return RECORDED

    async def settle(self, exchange: Exchange) -> None:
        """Make the outcome durable, with what it adds to spending. Raises AuditUnavailable.

        An intent that was tried gets an outcome even if the try failed: it may have become durable all the same.
        """
        if exchange.intended is None:
            await self._log.append(entries.refusal(exchange))
        else:
            await self._log.append(entries.outcome(exchange, exchange.intended), exchange.spend)
