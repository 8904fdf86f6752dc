from pathlib import Path

import pytest
from sqlalchemy import text

from sluicegate.audit.head import AuditDamaged
from sluicegate.audit.log import load_signer
from sluicegate.audit.sequencer import Append, Order, Sequencer, publish, read_published
from sluicegate.core.exchange import Spend
from sluicegate.store.database import Database
from tests.support.auditing import intent, settings_in


def test_a_group_is_numbered_summed_and_signed_in_one_transaction(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, checkpoint_entries=4)
    database = Database(settings)
    sequencer = Sequencer(settings, load_signer(settings), postgres=False)
    spend = (Spend("key:k", "total", 3, 5), Spend("team:t", "total", 3, 5))
    for group, sizes in ((3, []), (1, [4]), (6, [4, 10]), (3, [4, 10])):
        with database.transaction() as connection:
            sequencer.apply(connection, [Append(intent(), spend) for _ in range(group)])
        sequencer.committed()
        with database.connect() as connection:
            assert list(connection.execute(text("SELECT size FROM audit_checkpoint ORDER BY size")).scalars()) == sizes
    with database.connect() as connection:
        assert {tuple(row) for row in connection.execute(text("SELECT tokens, nano_usd FROM spending"))} == {(39, 65)}
    assert sequencer.due() is not None
    with database.transaction() as connection:
        sequencer.apply(connection, [Order.CHECKPOINT])
    assert sequencer.due() is None
    database.close()


def test_after_a_rollback_the_numbers_go_on_from_what_is_there(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    database = Database(settings)
    sequencer = Sequencer(settings, load_signer(settings), postgres=False)
    with database.transaction() as connection:
        assert sequencer.apply(connection, [Append(intent())]) == [0]
    sequencer.committed()
    with pytest.raises(RuntimeError), database.transaction() as connection:
        assert sequencer.apply(connection, [Append(intent()), Append(intent())]) == [1, 2]
        raise RuntimeError
    sequencer.rolled_back()
    with database.transaction() as connection:
        assert sequencer.apply(connection, [Append(intent())]) == [1]
    database.close()


def test_the_published_checkpoint_is_replaced_whole_and_must_be_ours(tmp_path: Path) -> None:
    signer = load_signer(settings_in(tmp_path))
    path = tmp_path / "audit.checkpoint"
    assert read_published(path, signer) is None
    for size in (1, 2):
        publish(path, signer.sign(size, bytes(32)))
        found = read_published(path, signer)
        assert found is not None
        assert found.size == size
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(path.read_text().replace("\n2\n", "\n3\n"))
    with pytest.raises(AuditDamaged, match="no valid signature"):
        read_published(path, signer)
