"""After a crash: intents without an outcome get one, and what they had reserved is charged.

Charged, because the provider may have answered and billed; a budget must not be overspent because a process died.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, select

from sluicegate.audit.entry import OUTCOME, VERSION, Entry
from sluicegate.core.decision import Reason
from sluicegate.core.exchange import Outcome, Spend
from sluicegate.store.tables import audit_entry


class _Intent(msgspec.Struct):
    """What is needed of an intent's body."""

    exchange: str
    at_ns: int
    organisation: str = ""
    team: str = ""
    use_case: str = ""
    use_case_version: int = 0
    key: str = ""
    principal: str = ""
    policy_version: str = ""
    reserved_tokens: int = 0
    reserved_nano_usd: int = 0


_decode = msgspec.json.Decoder(_Intent).decode


def closing(connection: Connection, indexes: Sequence[int]) -> list[tuple[Entry, tuple[Spend, ...]]]:
    """For each open intent, the outcome entry that closes it and what it adds to spending."""
    closed = []
    for start in range(0, len(indexes), 500):
        part = indexes[start : start + 500]
        bodies = connection.execute(
            select(audit_entry.c.body).where(audit_entry.c.log_index.in_(part)).order_by(audit_entry.c.log_index)
        ).scalars()
        closed += [_closed(_decode(body)) for body in bodies]
    return closed


def _closed(intent: _Intent) -> tuple[Entry, tuple[Spend, ...]]:
    entry = Entry(
        at_ns=0,
        exchange=intent.exchange,
        key=intent.key,
        kind=OUTCOME,
        nano_usd=intent.reserved_nano_usd,
        organisation=intent.organisation,
        outcome=Outcome.UNKNOWN_CRASH,
        policy_version=intent.policy_version,
        principal=intent.principal,
        reason=Reason.UNKNOWN_CRASH,
        reserved_nano_usd=intent.reserved_nano_usd,
        reserved_tokens=intent.reserved_tokens,
        team=intent.team,
        use_case=intent.use_case,
        use_case_version=intent.use_case_version,
        v=VERSION,
    )
    return entry, _charge(intent)


def _charge(intent: _Intent) -> tuple[Spend, ...]:
    """The reserved amounts, for the key and the team, on the day of the intent."""
    tokens, nano_usd = intent.reserved_tokens, intent.reserved_nano_usd
    if not tokens and not nano_usd:
        return ()
    day = datetime.fromtimestamp(intent.at_ns / 1e9, UTC).strftime("%Y-%m-%d")
    scopes = [f"{kind}:{name}" for kind, name in (("key", intent.key), ("team", intent.team)) if name]
    return tuple(Spend(scope, day, tokens, nano_usd) for scope in scopes)
