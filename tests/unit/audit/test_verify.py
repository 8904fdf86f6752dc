from collections.abc import Callable, Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sluicegate.audit.checkpoint import Signer
from sluicegate.audit.merkle import Frontier, leaf_hash
from sluicegate.audit.verify import Columns, Report, Row, Signed, verify

SIGNER = Signer("test", Ed25519PrivateKey.from_private_bytes(bytes(32)))
SIZES = (0, 4, 5, 12, 20)


def body(index: int, kind: str = "act", extra: str = "") -> bytes:
    return b'{"at_ns":%d,"kind":"%s","n":"%d%s","organisation":"o","v":1}' % (
        1000 + index,
        kind.encode(),
        index,
        extra.encode(),
    )


def row(index: int, content: bytes | None = None, at: int | None = None) -> Row:
    content = body(index) if content is None else content
    return Row(index, content, Columns(1000 + index if at is None else at, "act", None, "o"))


def log(entries: int = 22, sizes: Sequence[int] = SIZES) -> list[Row | Signed]:
    tree = Frontier()
    parts: list[Row | Signed] = []
    begin = 0
    for size in sizes:
        leaves = [leaf_hash(body(index)) for index in range(begin, size)]
        tree.extend(leaves)
        parts.append(Signed(size, SIGNER.sign(size, tree.root()), b"".join(leaves), tree.pack()))
        parts += [row(index) for index in range(begin, size)]
        begin = size
    return parts + [row(index) for index in range(begin, entries)]


def checked(parts: Sequence[Row | Signed], published: Sequence[str] = ()) -> Report:
    return verify(parts, SIGNER.verifier, published)


def named(report: Report) -> list[tuple[str, int, int]]:
    return [(finding.kind, finding.first, finding.last) for finding in report.findings]


def rows(change: Callable[[list[Row]], list[Row]]) -> list[Row | Signed]:
    """The log after `change` of its entries, each again behind the checkpoint it belongs to."""
    parts = log()
    changed = change([part for part in parts if isinstance(part, Row)])
    out: list[Row | Signed] = []
    for signed in (part for part in parts if isinstance(part, Signed)):
        out.append(signed)
        while changed and changed[0].index < signed.size:
            out.append(changed.pop(0))
    return out + list(changed)


def test_a_whole_log_is_valid_and_says_what_is_not_covered_yet() -> None:
    report = checked(log())
    assert (report.exit_code, report.entries, report.covered) == (0, 22, 20)
    assert report.information == ["entries 20 to 21 are not covered by a checkpoint yet"]


def test_an_empty_log_with_a_checkpoint_is_valid_and_without_one_undecided() -> None:
    assert checked(log(0, (0,))).exit_code == 0
    assert checked([]).exit_code == 2
    assert checked([row(0)]).exit_code == 2


@pytest.mark.parametrize("index", range(20))
def test_a_changed_entry_is_named(index: int) -> None:
    def change(all_rows: list[Row]) -> list[Row]:
        all_rows[index] = row(index, body(index, extra="!"))
        return all_rows

    assert named(checked(rows(change))) == [("changed", index, index)]


def test_two_entries_that_were_swapped_are_named() -> None:
    def change(all_rows: list[Row]) -> list[Row]:
        all_rows[6], all_rows[9] = row(6, body(9), 1009), row(9, body(6), 1006)
        return all_rows

    report = checked(rows(change))
    assert named(report) == [("moved", 6, 6), ("moved", 9, 9)]
    assert "signed as entry 9" in str(report.findings[0])


def test_an_entry_that_was_removed_is_named_with_and_without_renumbering() -> None:
    assert named(checked(rows(lambda r: r[:7] + r[8:]))) == [("removed", 7, 7)]
    closed = checked(rows(lambda r: r[:7] + [Row(one.index - 1, one.body, one.columns) for one in r[8:]]))
    assert ("removed", 7, 7) in named(closed)
    assert ("moved", 7, 10) in named(closed)


def test_a_tail_that_was_cut_off_is_named() -> None:
    assert named(checked(rows(lambda r: r[:18]))) == [("cut off", 18, 19)]
    assert named(checked(rows(lambda r: r[:3]))) == [("cut off", 3, 19)]


def test_an_entry_that_was_inserted_is_named() -> None:
    extra = Row(7, body(99))
    assert ("inserted", 7, 7) in named(checked(rows(lambda r: [*r[:8], extra, *r[8:]])))
    shifted = checked(rows(lambda r: [*r[:7], extra, *(Row(one.index + 1, one.body, one.columns) for one in r[7:])]))
    assert ("inserted", 7, 7) in named(shifted)


@pytest.mark.parametrize(
    "wrong",
    [
        Columns(1, "act", None, "o"),
        Columns(1007, "intent", None, "o"),
        Columns(1007, "act", "e", "o"),
        Columns(1007, "act", None, "p"),
    ],
)
def test_a_column_that_says_other_than_the_bytes_is_named(wrong: Columns) -> None:
    report = checked(rows(lambda r: [*r[:7], Row(7, body(7), wrong), *r[8:]]))
    assert named(report) == [("columns", 7, 7)]


def test_a_forged_checkpoint_is_named_and_the_next_one_still_names_entries() -> None:
    parts = rows(lambda r: [*r[:7], row(7, body(7, extra="!")), *r[8:]])
    place = next(n for n, part in enumerate(parts) if isinstance(part, Signed) and part.size == 12)
    signed = parts[place]
    assert isinstance(signed, Signed)
    parts[place] = Signed(12, signed.note.replace("\n12\n", "\n13\n"), signed.leaves, signed.frontier)
    assert named(checked(parts)) == [("bad signature", 11, 11), ("changed", 7, 7)]


def test_a_checkpoint_that_was_removed_is_noticed() -> None:
    parts = [part for part in log() if not (isinstance(part, Signed) and part.size == 12)]
    assert named(checked(parts)) == [("checkpoint removed", 5, 11)]


def test_where_the_leaf_hashes_were_rewritten_too_the_range_and_the_suspect_are_named() -> None:
    parts = rows(lambda r: [*r[:7], row(7, body(7, extra="!")), *r[8:]])
    for place, part in enumerate(parts):
        if isinstance(part, Signed) and part.size == 12:
            leaves = [leaf_hash(body(index, extra="!" if index == 7 else "")) for index in range(5, 12)]
            parts[place] = Signed(12, part.note, b"".join(leaves), part.frontier)
    report = checked(parts)
    assert named(report) == [("changed", 5, 11)]
    assert report.covered == 20


def test_hashes_beside_a_checkpoint_that_were_changed_are_named() -> None:
    for name in ("leaves", "frontier"):
        parts = log()
        for place, part in enumerate(parts):
            if isinstance(part, Signed) and part.size == 12:
                fields = {"leaves": part.leaves, "frontier": part.frontier, name: bytes(len(getattr(part, name)))}
                parts[place] = Signed(12, part.note, **fields)
        assert {finding.kind for finding in checked(parts).findings} == {"checkpoint changed"}


def test_a_published_checkpoint_must_be_in_the_log() -> None:
    tree = Frontier()
    roots = []
    for index in range(30):
        roots.append(tree.root())
        tree.append(leaf_hash(body(index)))
    for size in (0, 3, 12, 20, 21, 22):
        assert checked(log(), [SIGNER.sign(size, roots[size])]).exit_code == 0
    assert named(checked(log(), [SIGNER.sign(25, roots[25])])) == [("cut off", 22, 24)]
    for size in (1, 12, 20, 21):
        assert named(checked(log(), [SIGNER.sign(size, roots[5])])) == [("fork", size - 1, size - 1)]


def test_two_checkpoints_of_one_size_are_a_fork() -> None:
    other = Signed(20, SIGNER.sign(20, bytes(32)), b"", b"")
    assert ("fork", 19, 19) in named(checked([*log(20), other]))


def test_bytes_that_are_no_entry_are_named() -> None:
    for content in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000):
        assert ("unreadable", 21, 21) in named(checked([*log(21), Row(21, content)]))


def test_entries_out_of_order_behind_the_last_checkpoint_are_named() -> None:
    parts = [*log(20), row(20, body(21), 1021), row(21, body(20), 1020)]
    assert named(checked(parts)) == [("moved", 21, 21)]


def test_findings_are_bounded_and_counted() -> None:
    report = checked([Row(index, b"") for index in range(3_000)])
    assert (len(report.findings), report.count, report.exit_code) == (1_000, 3_000, 1)
