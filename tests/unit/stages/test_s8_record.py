from collections.abc import Sequence

import pytest

from sluicegate.audit.entry import Entry
from sluicegate.core.decision import ALLOWED, Reason, deny
from sluicegate.core.errors import AuditUnavailable
from sluicegate.core.exchange import Exchange, Outcome, Spend
from sluicegate.stages.s8_record import RECORDED, Record
from tests.unit.web.test_answers import make


class Log:
    """Keeps what is appended; fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.entries: list[tuple[Entry, Sequence[Spend]]] = []
        self.failures = failures

    async def append(self, entry: Entry, spend: Sequence[Spend] = ()) -> int:
        if self.failures:
            self.failures -= 1
            raise AuditUnavailable
        self.entries.append((entry, spend))
        return len(self.entries)


def ended(outcome: Outcome) -> Exchange:
    exchange = make()
    exchange.decisions.append(("s1_authenticate", ALLOWED))
    exchange.outcome, exchange.reason = outcome, Reason.ALLOWED
    exchange.spend = (Spend("key:1", "2026-01-01", 5, 7),)
    return exchange


async def test_an_exchange_leaves_intent_and_outcome() -> None:
    log, exchange = Log(), ended(Outcome.ANSWERED)
    record = Record(log)
    assert await record.admit(exchange) is RECORDED
    exchange.decisions.append(("s8_record", RECORDED))
    await record.settle(exchange)
    (intent, nothing), (outcome, spend) = log.entries
    assert (intent.kind, outcome.kind) == ("intent", "outcome")
    assert intent.exchange == outcome.exchange == exchange.id
    assert (len(intent.decisions), len(outcome.decisions)) == (1, 1)
    assert nothing == ()
    assert spend == exchange.spend


async def test_an_exchange_refused_before_the_call_leaves_one_entry() -> None:
    log, exchange = Log(), ended(Outcome.REFUSED)
    exchange.decisions.append(("s3_limit", deny(Reason.BUDGET_EXCEEDED)))
    await Record(log).settle(exchange)
    assert [entry.kind for entry, _ in log.entries] == ["refusal"]
    assert len(log.entries[0][0].decisions) == 2


async def test_an_intent_that_could_not_be_written_is_refused_and_still_closed() -> None:
    log, exchange = Log(failures=1), ended(Outcome.FAILED)
    record = Record(log)
    with pytest.raises(AuditUnavailable):
        await record.admit(exchange)
    await record.settle(exchange)
    assert [entry.kind for entry, _ in log.entries] == ["outcome"]
