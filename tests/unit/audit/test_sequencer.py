from pathlib import Path

import pytest
from sqlalchemy import text

from sluicegate.audit.head import AuditDamaged
from sluicegate.audit.log import act_now, load_signer
from sluicegate.audit.sequencer import LARGEST, Append, Order, Replay, Sequencer, publish, read_published
from sluicegate.audit.stamped import decode, stamp
from sluicegate.core.exchange import Spend
from sluicegate.store.database import Database
from tests.support.auditing import intent, outcome, settings_in, verify_in


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
        sequencer.apply(connection, [Append(intent())])
    sequencer.committed()
    with pytest.raises(RuntimeError), database.transaction() as connection:
        sequencer.apply(connection, [Append(intent()), Append(intent())])
        raise RuntimeError
    sequencer.rolled_back()
    with database.transaction() as connection:
        sequencer.apply(connection, [Append(intent())])
    with database.connect() as connection:
        assert list(connection.execute(text("SELECT log_index FROM audit_entry")).scalars()) == [0, 1]
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


def test_what_is_noted_gets_its_place_later_and_says_so_if_another_is_before_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    database = Database(settings)
    sequencer = Sequencer(settings, load_signer(settings), postgres=False)
    noted = sequencer.note([Append(intent("a" * 32)), Append(intent(model="\ud800")), Append(outcome("a" * 32))])
    assert noted is not None
    assert [type(result) for result in noted.results] == [type(None), UnicodeEncodeError, type(None)]
    assert [one.body for one in decode(noted.payload)] == [one.body for one in noted.items]
    act_now(database, settings, "command", "test", "x", None, lambda _connection: None)
    with database.transaction() as connection:
        sequencer.apply(connection, noted.items)
    sequencer.committed()
    with database.connect() as connection:
        rows = connection.execute(text("SELECT kind, body FROM audit_entry ORDER BY log_index")).all()
    assert [row.kind for row in rows] == ["act", "intent", "outcome"]
    assert [b'"time_regressed":true' in row.body for row in rows] == [False, True, False]
    assert not verify_in(database, str(load_signer(settings).verifier), settings).findings
    database.close()


def test_only_entries_of_exchanges_are_noted_and_none_once_the_log_is_closed(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    database = Database(settings)
    sequencer = Sequencer(settings, load_signer(settings), postgres=False)
    for other in (Order.CHECKPOINT, Replay([]), Append(intent(), (), lambda _connection: None)):
        assert sequencer.note([Append(intent()), other]) is None
    assert sequencer.note([Append(intent())]) is not None
    with database.transaction() as connection:
        sequencer.apply(connection, [Order.CLOSE])
    assert sequencer.note([Append(intent())]) is None
    database.close()


def test_nothing_is_brought_in_twice(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    database = Database(settings)
    sequencer = Sequencer(settings, load_signer(settings), postgres=False)
    spend = (Spend("key:k", "total", 3, 2**70),)
    stamped = [stamp(intent("a" * 32), ()), stamp(outcome("a" * 32), spend)]
    for brought in (2, 0):
        with database.transaction() as connection:
            assert sequencer.apply(connection, [Replay(stamped)]) == [brought]
        sequencer.committed()
    # after a failure it is not certain whether the transaction happened
    sequencer.rolled_back()
    with database.transaction() as connection:
        sequencer.apply(connection, [*stamped, stamp(intent("b" * 32), ())])
        assert connection.execute(text("SELECT count(*) FROM audit_entry")).scalar() == 3
        assert connection.execute(text("SELECT tokens, nano_usd FROM spending")).one() == (3, LARGEST)
    database.close()
