from hashlib import sha256

import pytest

from sluicegate.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    split,
    verify_consistency,
    verify_inclusion,
)

# The test vectors of Certificate Transparency's reference implementation: eight entries and the roots of their trees.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def test_the_roots_are_those_of_certificate_transparency() -> None:
    assert sha256(b"").digest() == EMPTY_ROOT == Frontier().root()
    assert [root_of(LEAVES[: size + 1]).hex() for size in range(8)] == ROOTS


def test_the_proofs_are_those_of_certificate_transparency() -> None:
    assert [part.hex() for part in inclusion_proof(LEAVES[:3], 2)] == [
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    ]
    assert [part.hex() for part in inclusion_proof(LEAVES, 0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [part.hex() for part in consistency_proof(LEAVES, 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_proof_of_the_vectors_holds_and_no_other() -> None:
    for size in range(1, 9):
        root = bytes.fromhex(ROOTS[size - 1])
        for index in range(size):
            proof = inclusion_proof(LEAVES[:size], index)
            assert verify_inclusion(LEAVES[index], index, size, proof, root)
            assert not verify_inclusion(LEAVES[index], index, size, [*proof, root], root)
            assert not verify_inclusion(LEAVES[index], size, size, proof, root)
            assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
        for old in range(1, size + 1):
            proof = consistency_proof(LEAVES[:size], old)
            old_root = bytes.fromhex(ROOTS[old - 1])
            assert verify_consistency(old, size, old_root, root, proof)
            assert not verify_consistency(old, size, leaf_hash(b"other"), root, proof)
            assert not verify_consistency(old, size, old_root, root, [*proof, root])


def test_the_empty_tree_is_a_beginning_of_every_tree() -> None:
    assert verify_consistency(0, 8, EMPTY_ROOT, bytes.fromhex(ROOTS[7]), [])
    assert not verify_consistency(0, 8, EMPTY_ROOT, bytes.fromhex(ROOTS[7]), [EMPTY_ROOT])
    assert not verify_consistency(3, 2, bytes.fromhex(ROOTS[2]), bytes.fromhex(ROOTS[1]), [])


def test_a_frontier_survives_packing_and_refuses_what_is_none() -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:7])
    again = Frontier.unpack(7, frontier.pack())
    twin = frontier.copy()
    for tree in (again, twin):
        tree.append(LEAVES[7])
        assert tree.root().hex() == ROOTS[7]
    assert frontier.root().hex() == ROOTS[6]
    for size, packed in ((7, b"short"), (8, frontier.pack()), (-1, b"")):
        with pytest.raises(ValueError, match=r"frontier|32 bytes"):
            Frontier.unpack(size, packed)
    with pytest.raises(ValueError, match="32 bytes"):
        split(b"x" * 33)
    for bad in (-1, 8):
        with pytest.raises(ValueError, match="no entry"):
            inclusion_proof(LEAVES, bad)
    with pytest.raises(ValueError, match="no tree"):
        consistency_proof(LEAVES, 9)
