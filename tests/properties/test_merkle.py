"""The tree agrees with an independent implementation (pymerkle), and its proofs hold only for what they prove."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree  # type: ignore[import-untyped]  # it ships no types
from pymerkle import verify_consistency as their_consistency
from pymerkle import verify_inclusion as their_inclusion

from sluicegate.audit.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = st.lists(st.binary(max_size=40), min_size=1, max_size=200)


@settings(deadline=None)
@given(ENTRIES, st.data())
def test_roots_and_proofs_agree_with_pymerkle(entries: list[bytes], data: st.DataObject) -> None:
    theirs = InmemoryTree.init_from_entries(entries, algorithm="sha256")
    leaves = [leaf_hash(entry) for entry in entries]
    size = data.draw(st.integers(1, len(entries)))
    root = root_of(leaves[:size])
    assert root == theirs.get_root(size)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(leaves[:size], index)
    assert verify_inclusion(leaves[index], index, size, proof, root)
    their_inclusion(leaves[index], root, theirs.prove_inclusion(index + 1, size))
    assert proof == theirs.prove_inclusion(index + 1, size).path[1:]
    old = data.draw(st.integers(1, size))
    old_root = root_of(leaves[:old])
    assert verify_consistency(old, size, old_root, root, consistency_proof(leaves[:size], old))
    their_consistency(old_root, root, theirs.prove_consistency(old, size))


@settings(deadline=None)
@given(ENTRIES, st.data())
def test_a_frontier_grows_as_the_whole_tree_does(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    cut = data.draw(st.integers(0, len(leaves)))
    frontier = Frontier()
    frontier.extend(leaves[:cut])
    frontier = Frontier.unpack(cut, frontier.pack())
    frontier.extend(leaves[cut:])
    assert (frontier.size, frontier.root()) == (len(leaves), root_of(leaves))


@settings(deadline=None)
@given(ENTRIES, st.data())
def test_a_proof_holds_for_nothing_else(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    size, root = len(leaves), root_of(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(leaves, index)
    other = data.draw(
        st.integers(0, size - 1).filter(lambda n: leaves[n] != leaves[index]) if len(set(leaves)) > 1 else st.none()
    )
    if other is not None:
        assert not verify_inclusion(leaves[other], index, size, proof, root)
        assert not verify_inclusion(leaves[index], other, size, proof, root)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        spoilt = [*proof[:place], bytes(32), *proof[place + 1 :]]
        assert not verify_inclusion(leaves[index], index, size, spoilt, root)
        assert not verify_inclusion(leaves[index], index, size, proof[:-1], root)
