from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sluicegate.audit import export
from sluicegate.audit.evidence import verify_export
from sluicegate.audit.export import NotCovered, Prover, Selection, export_proof, export_selection, parts
from sluicegate.audit.merkle import leaf_hash, verify_inclusion
from sluicegate.audit.verify import Row, Signed
from tests.support.auditing import Running, exchanges, intent, running, settings_in


@pytest.fixture(params=["sqlite", "postgresql"])
async def at(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    settings = settings_in(tmp_path, url, checkpoint_entries=100)
    async with running(settings) as opened:
        for _ in range(3):
            await exchanges(opened.log, 400, organisation="a")
    async with running(settings) as opened:
        yield opened


async def test_checkpoints_stand_before_the_entries_they_cover(at: Running) -> None:
    await at.append(intent())
    with at.database.connect() as connection:
        stream = list(parts(connection))
    indexes = [part.index for part in stream if isinstance(part, Row)]
    assert indexes == list(range(2401))
    size = 0
    for part in stream:
        if isinstance(part, Signed):
            size = part.size
        else:
            assert part.index < size or size == 2400


async def test_proofs_hold_over_more_than_one_block(at: Running) -> None:
    assert 2 * export.BLOCK < 2400
    with at.database.connect() as connection:
        prover = Prover(connection)
        rows = [part for part in parts(connection) if isinstance(part, Row)]
        root = (await at.verify()).root
        for index in (0, 1, 1023, 1024, 2047, 2048, 2399, 5):
            leaf = leaf_hash(rows[index].body)
            assert verify_inclusion(leaf, index, prover.size, prover.proof(index), root)


async def test_selections_bound_by_index_and_time(at: Running) -> None:
    with at.database.connect() as connection:
        rows = [part for part in parts(connection) if isinstance(part, Row)]
        columns = rows[1100].columns
        assert columns is not None
        for selection, count in (
            (Selection(first=1000, last=1099), 100),
            (Selection(until_ns=columns.at_ns, last=1100), 1101),
            (Selection(since_ns=columns.at_ns, first=1100), 1300),
            (Selection(organisation="nobody"), 0),
        ):
            report = verify_export(export_selection(connection, at.log.verifier_key, selection), at.log.verifier_key)
            assert (report.exit_code, report.entries) == (0, count)


async def test_what_no_checkpoint_covers_has_no_proof(at: Running) -> None:
    with at.database.connect() as connection, pytest.raises(NotCovered, match="entry 2400"):
        export_proof(connection, 2400)
