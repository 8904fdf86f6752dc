"""The Merkle tree of RFC 6962 (RFC 9162 section 2.1) over SHA-256: roots, proofs, and their verification.

Needs the standard library only. A hash is 32 bytes; a leaf hash is SHA-256(0x00 || entry), a node hash is
SHA-256(0x01 || left || right). "Frontier" means the roots of the perfect subtrees a tree of some size splits into, the
largest (leftmost) first: one for each bit that is set in the size.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry's bytes as a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows by leaves and keeps only what further growth and the root need (at most 64 hashes)."""

    __slots__ = ("_nodes", "size")

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._nodes = list(nodes)
        if size < 0 or len(self._nodes) != size.bit_count() or any(len(node) != HASH_BYTES for node in self._nodes):
            raise ValueError(f"not the frontier of a tree of {size} entries")

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> "Frontier":
        """The frontier that `pack` wrote. Raises ValueError where the bytes do not fit the size."""
        return cls(size, split(packed))

    def pack(self) -> bytes:
        """The hashes one after another, the largest subtree first."""
        return b"".join(self._nodes)

    def copy(self) -> "Frontier":
        """An independent tree of the same entries."""
        twin = Frontier()
        twin.size, twin._nodes = self.size, self._nodes.copy()
        return twin

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right end."""
        size, nodes = self.size, self._nodes
        while size & 1:
            leaf = sha256(b"\x01" + nodes.pop() + leaf).digest()
            size >>= 1
        nodes.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """The tree's root hash."""
        if not self._nodes:
            return EMPTY_ROOT
        nodes = reversed(self._nodes)
        root = next(nodes)
        for node in nodes:
            root = node_hash(node, root)
        return root


def split(packed: bytes) -> list[bytes]:
    """The hashes that were packed one after another. Raises ValueError for a length that is no multiple of 32."""
    if len(packed) % HASH_BYTES:
        raise ValueError("hashes of 32 bytes each were expected")
    return [packed[start : start + HASH_BYTES] for start in range(0, len(packed), HASH_BYTES)]


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root of the tree over these leaf hashes."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def _half(size: int) -> int:
    """The largest power of two smaller than `size` (which is at least 2)."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of one leaf, RFC 9162 section 2.1.3.1, nearest sibling first."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"no entry {index} in a tree of {len(leaves)}")
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*inclusion_proof(leaves[:half], index), root_of(leaves[half:])]
    return [*inclusion_proof(leaves[half:], index - half), root_of(leaves[:half])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` stands at `index` of the tree of `size` with `root`; RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        place >>= 1
        last >>= 1
    return last == 0 and found == root


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """That the tree of the first `old_size` leaves is a beginning of the whole, RFC 9162 section 2.1.4.1."""
    if not 0 < old_size <= len(leaves):
        raise ValueError(f"no tree of {old_size} in a tree of {len(leaves)}")
    return _subproof(leaves, old_size, whole=True)


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [root_of(leaves)]
    half = _half(len(leaves))
    if old_size <= half:
        return [*_subproof(leaves[:half], old_size, whole=whole), root_of(leaves[half:])]
    return [*_subproof(leaves[half:], old_size - half, whole=False), root_of(leaves[:half])]


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the new tree begins with the old one; RFC 9162 section 2.1.4.2."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if not 0 < old_size < new_size or not proof:
        return False
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        place >>= 1
        last >>= 1
    return last == 0 and old == old_root and new == new_root
