from pathlib import Path

import pytest
from sqlalchemy import text

from sluicegate.audit import head as heads
from sluicegate.audit.entry import INTENT, OUTCOME
from sluicegate.audit.head import AuditDamaged, Head
from sluicegate.audit.log import load_signer
from sluicegate.audit.merkle import leaf_hash
from sluicegate.store.database import Database
from tests.support.auditing import exchanges, intent, running, settings_in


def test_open_intents_are_packed_oldest_first() -> None:
    head = Head()
    for exchange, kind in (("a", INTENT), ("b", INTENT), ("a", OUTCOME), ("c", INTENT)):
        head.add(leaf_hash(exchange.encode()), kind, exchange, 1)
    assert head.open_intents == {"b": 1, "c": 3}
    assert head.packed_open() == bytes(7) + b"\x01" + bytes(7) + b"\x03"
    head.covered(3)
    assert (head.uncovered, head.checkpoint_size) == (1, 3)


async def test_what_is_read_back_is_what_was_known(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, checkpoint_entries=8)
    async with running(settings) as at:
        await at.log.append(intent("a" * 32))
        await exchanges(at.log, 10)
        await at.append(intent("b" * 32))
        with at.database.connect() as connection:
            head = heads.load(connection, load_signer(settings).verifier)
        assert head.tree.size == 22
        assert head.open_intents == {"a" * 32: 0, "b" * 32: 21}
        assert head.checkpoint_size >= 8
        assert head.uncovered == 22 - head.checkpoint_size


async def test_a_missing_entry_behind_the_checkpoint_is_damage(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as at:
        await exchanges(at.log, 5)
    database = Database(settings)
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER audit_entry_no_delete"))
        connection.execute(text("DELETE FROM audit_entry WHERE log_index = 9"))
        with pytest.raises(AuditDamaged, match="entry 9 is missing"):
            heads.load(connection, load_signer(settings).verifier)
    database.close()
