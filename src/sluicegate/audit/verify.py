"""Verification: is this the log that was signed, and if not, which entries are not?

Stands alone: needs the standard library, `cryptography`, and the two modules beside it (`merkle`, `checkpoint`). It reads a
stream of parts, in which each checkpoint stands before the entries it covers, and keeps no more than the leaf hashes of one
checkpoint in memory. A checkpoint's leaf hashes, once they fit its signed root, are as good as signed: they name a changed
entry by its index. Where they were altered too, the range between two checkpoints is named.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sluicegate.audit.checkpoint import Checkpoint, NoteInvalid, Verifier
from sluicegate.audit.merkle import EMPTY_ROOT, Frontier, leaf_hash, split

KEPT = 1_000
"""Findings that are kept; all are counted."""
LOOSE = 1_000_000
"""Leaf hashes kept of entries that no checkpoint covers so far."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the database repeats of an entry beside its bytes."""

    at_ns: int
    kind: str
    exchange: str | None
    organisation: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it was stored or exported."""

    index: int
    body: bytes
    columns: Columns | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """One checkpoint as it was stored or exported."""

    size: int
    note: str
    leaves: bytes
    frontier: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was signed: entries `first` to `last`, both included."""

    kind: str
    first: int
    last: int
    detail: str

    def __str__(self) -> str:
        where = f"entry {self.first}" if self.first == self.last else f"entries {self.first} to {self.last}"
        return f"{where}: {self.kind}: {self.detail}"


@dataclass(slots=True)
class Report:
    """What verification found. Information is no fault."""

    findings: list[Finding] = field(default_factory=list)
    count: int = 0
    """Findings in all; no more than KEPT are in the list."""
    information: list[str] = field(default_factory=list)
    entries: int = 0
    covered: int = 0
    """Entries that a valid checkpoint vouches for."""
    root: bytes = EMPTY_ROOT
    undecided: str = ""
    """Why nothing can be said, where that is so."""

    def add(self, kind: str, first: int, last: int, detail: str) -> None:
        """Note a finding."""
        self.count += 1
        if len(self.findings) < KEPT:
            self.findings.append(Finding(kind, first, last, detail))

    @property
    def exit_code(self) -> int:
        """0 valid, 1 invalid, 2 cannot decide."""
        if self.count:
            return 1
        return 2 if self.undecided else 0


def verify(parts: Iterable[Row | Signed], verifier: Verifier, published: Sequence[str] = ()) -> Report:
    """Check a whole log. `published` are signed notes kept elsewhere: the log must contain each of their trees."""
    walk = _Walk(verifier, published)
    for part in parts:
        if isinstance(part, Signed):
            walk.checkpoint(part)
        else:
            walk.entry(part)
    return walk.finish()


class _Section:
    """The entries one checkpoint covers: from the size that was covered before, up to its own."""

    def __init__(self, checkpoint: Checkpoint, part: Signed, tree: Frontier, leaves: list[bytes]) -> None:
        self.checkpoint = checkpoint
        self.part = part
        self.tree = tree
        """By the entries that are there."""
        self.leaves_from = checkpoint.size - len(leaves)
        self.leaves = leaves
        self.differing: dict[int, bytes] = {}
        self.missing: set[int] = set()


class _Walk:
    def __init__(self, verifier: Verifier, published: Sequence[str]) -> None:
        self.report = Report()
        self._verifier = verifier
        self._tree = Frontier()
        """Of all that checkpoints have vouched for."""
        self._section: _Section | None = None
        self._carried: list[bytes] = []
        """Leaf hashes of checkpoints whose own signature does not hold."""
        self._next = 0
        self._signed_size = 0
        self._valid = 0
        self._known: dict[bytes, int] = {}
        """The leaf hashes of the section before, to recognise what moved over its border."""
        self._roots: dict[int, bytes] = {}
        self._published = [note for note in map(self._open_published, published) if note is not None]
        self._wanted = {checkpoint.size for checkpoint in self._published}
        self._tail: Frontier | None = None
        """With the entries behind the last checkpoint."""
        self._loose: list[tuple[int, bytes]] = []
        """Those entries' leaf hashes: where a checkpoint's signature does not hold, the next one covers them."""
        self._strays: set[bytes] = set()
        """Leaf hashes that stood at a wrong place in the section before."""
        self._last_ns = 0
        self._open: dict[str, int] = {}

    def _open_published(self, note: str) -> Checkpoint | None:
        try:
            return self._verifier.open(note)
        except NoteInvalid as error:
            self.report.add("bad signature", 0, 0, f"a checkpoint kept elsewhere does not hold: {error}")
            return None

    def checkpoint(self, part: Signed) -> None:
        """Take the next checkpoint, whose entries follow."""
        self._close()
        last = max(0, part.size - 1)
        try:
            leaves = split(part.leaves)
        except ValueError:
            leaves = []
        try:
            checkpoint = self._verifier.open(part.note)
        except NoteInvalid as error:
            self.report.add("bad signature", last, last, f"the checkpoint of {part.size} entries does not hold: {error}")
            self._carried += leaves
            return
        if checkpoint.size != part.size:
            self.report.add("changed", last, last, f"the checkpoint of {checkpoint.size} entries is kept as of {part.size}")
        self._valid += 1
        self._begin(checkpoint, part, [*self._carried, *leaves])
        self._carried = []

    def _begin(self, checkpoint: Checkpoint, part: Signed, leaves: list[bytes]) -> None:
        size, covered = checkpoint.size, self._tree.size
        if size < covered or (size == covered and checkpoint.root != self._tree.root()):
            self.report.add("fork", max(0, size - 1), max(0, size - 1), f"another checkpoint of {size} entries was signed")
            return
        self._signed_size = max(self._signed_size, size)
        surplus = len(leaves) - (size - covered)
        if surplus > 0:
            leaves = leaves[surplus:]
        elif surplus < 0:
            self.report.add(
                "checkpoint removed", covered, size - len(leaves) - 1, "the checkpoint that covered these is not there"
            )
        self._section = _Section(checkpoint, part, self._tree.copy(), leaves)
        for index, leaf in self._loose:
            self._take(self._section, index, leaf)
        self._loose, self._tail = [], None

    def entry(self, row: Row) -> None:
        """Take the next entry."""
        index = row.index
        if index < self._next:
            self.report.add("inserted", index, index, "there is more than one entry with this index")
            return
        section = self._section
        if section is not None and index >= section.checkpoint.size:
            self._skip(section, section.checkpoint.size)
            self._close()
            section = None
        if index > self._next:
            self._skip(section, index)
        self._next = index + 1
        self.report.entries += 1
        leaf = leaf_hash(row.body)
        if section is None:
            self._take_uncovered(index, leaf)
        else:
            self._take(section, index, leaf)
        self._read(row, covered=section is not None)

    def _skip(self, section: _Section | None, until: int) -> None:
        """Entries from the next up to `until` are not there."""
        if until <= self._next:
            return
        self.report.add("removed", self._next, until - 1, "not in the log")
        if section is not None:
            section.missing.update(range(self._next, until))
        else:
            self._tail = None
        self._next = until

    def _take(self, section: _Section, index: int, leaf: bytes) -> None:
        section.tree.append(leaf)
        place = index - section.leaves_from
        if 0 <= place < len(section.leaves) and leaf != section.leaves[place]:
            section.differing[index] = leaf
        if section.tree.size in self._wanted:
            self._roots[section.tree.size] = section.tree.root()

    def _take_uncovered(self, index: int, leaf: bytes) -> None:
        if len(self._loose) < LOOSE:
            self._loose.append((index, leaf))
        if self._tail is None and index == self._tree.size:
            self._tail = self._tree.copy()
        if self._tail is not None:
            self._tail.append(leaf)
            if self._tail.size in self._wanted:
                self._roots[self._tail.size] = self._tail.root()

    def _close(self) -> None:
        """The section's entries are over: compare with what was signed, and name what differs."""
        section, self._section = self._section, None
        if section is None:
            return
        size, root = section.checkpoint.size, section.checkpoint.root
        section.missing.update(range(max(self._next, self._tree.size), size))
        if _root(size, section.part.frontier) != root:
            self._beside(section, max(0, size - 1), "the hashes")
        if section.tree.size == size and section.tree.root() == root:
            if section.differing:
                self._beside(section, min(section.differing), "the leaf hashes")
            self._tree = section.tree
        else:
            self._name(section)
        self._known = {leaf: section.leaves_from + place for place, leaf in enumerate(section.leaves)}
        if not self._is_cut(section):
            self._next = max(self._next, size)

    def _beside(self, section: _Section, first: int, what: str) -> None:
        size = section.checkpoint.size
        self.report.add("checkpoint changed", first, size - 1, f"{what} beside the checkpoint of {size} entries are others")

    def _is_cut(self, section: _Section) -> bool:
        """Whether the log ends inside this section; what is missing is then told once, at the end."""
        return section.checkpoint.size - 1 in section.missing

    def _name(self, section: _Section) -> None:
        size, root, begin = section.checkpoint.size, section.checkpoint.root, self._tree.size
        by_leaves = self._tree.copy()
        if section.leaves_from == begin:
            for leaf in section.leaves:
                by_leaves.append(leaf)
                if by_leaves.size in self._wanted:
                    self._roots[by_leaves.size] = by_leaves.root()
        if by_leaves.size == size and by_leaves.root() == root:
            self._tree = by_leaves
        else:
            if len(section.missing) < size - begin:
                self.report.add(
                    "changed",
                    begin,
                    size - 1,
                    "at least one of these is not as it was signed, nor are the leaf hashes beside",
                )
            self._resume(section)
        self._compare(section)

    def _resume(self, section: _Section) -> None:
        """Go on behind a range that cannot be mended, from the hashes kept with its checkpoint."""
        size = section.checkpoint.size
        if _root(size, section.part.frontier) == section.checkpoint.root:
            self._tree = Frontier.unpack(size, section.part.frontier)
        else:
            self.report.undecided = f"what follows entry {size - 1} cannot be checked: the hashes it builds on are gone"

    def _compare(self, section: _Section) -> None:
        """Name each entry that differs from its leaf hash: changed, moved, inserted, or gone."""
        begin = section.leaves_from
        belongs = {**self._known, **{leaf: begin + place for place, leaf in enumerate(section.leaves)}}
        present = {*section.differing.values(), *self._strays}
        self._strays = set(section.differing.values())
        run: tuple[int, int, int] | None = None  # first, last, and where the first belongs
        for index, leaf in sorted(section.differing.items()):
            home = belongs.get(leaf)
            if home is not None:
                if run is not None and index == run[1] + 1 and home - index == run[2] - run[0]:
                    run = (run[0], index, run[2])
                    continue
                self._moved(run)
                run = (index, index, home)
            elif section.leaves[index - begin] in present:
                self.report.add("inserted", index, index, "an entry that was never signed stands here")
            else:
                self.report.add("changed", index, index, "not as it was signed")
            if home is not None and section.leaves[index - begin] not in present:
                self.report.add("removed", index, index, "the entry that was signed here is not in the log")
        self._moved(run)

    def _moved(self, run: tuple[int, int, int] | None) -> None:
        if run is not None:
            first, last, home = run
            self.report.add("moved", first, last, f"what stands here was signed as entry {home} and following")

    def _read(self, row: Row, *, covered: bool) -> None:
        """Compare the columns with the bytes, and keep track of order and of open intents."""
        try:
            body = json.loads(row.body)
            said = Columns(body["at_ns"], body["kind"], body.get("exchange"), body.get("organisation"))
            if type(said.at_ns) is not int or not isinstance(said.exchange, str | None):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.report.add("unreadable", row.index, row.index, "the bytes are no entry")
            return
        if row.columns is not None and row.columns != said:
            names = ("at_ns", "kind", "exchange", "organisation")
            wrong = ", ".join(name for name in names if getattr(row.columns, name) != getattr(said, name))
            self.report.add("columns", row.index, row.index, f"the columns say other than the bytes: {wrong}")
        if not covered and said.at_ns < self._last_ns and not body.get("time_regressed"):
            self.report.add(
                "moved", row.index, row.index, "earlier than the entry before it, without saying that time went back"
            )
        self._last_ns = said.at_ns
        if said.kind == "intent" and said.exchange is not None:
            self._open[said.exchange] = row.index
        elif said.exchange is not None:
            self._open.pop(said.exchange, None)

    def finish(self) -> Report:
        """The end of the log."""
        self._close()
        report = self.report
        if self._next < self._signed_size:
            report.add("cut off", self._next, self._signed_size - 1, "signed, but the log ends before")
        self._check_published()
        report.covered, report.root = self._tree.size, self._tree.root()
        if self._next > report.covered and not report.count:
            report.information.append(f"entries {report.covered} to {self._next - 1} are not covered by a checkpoint yet")
        if self._open:
            indexes = ", ".join(str(index) for index in list(self._open.values())[:20])
            report.information.append(f"{len(self._open)} exchanges without an outcome, begun at entries {indexes}")
        if not self._valid and not self._published and not report.count:
            report.undecided = "there is no signed checkpoint"
        return report

    def _check_published(self) -> None:
        for checkpoint in self._published:
            size = checkpoint.size
            last = max(0, size - 1)
            root = self._tree.root() if size == self._tree.size else self._roots.get(size)
            if root is None and size > self._next:
                self.report.add("cut off", self._next, last, f"a checkpoint of {size} entries was published")
            elif (EMPTY_ROOT if size == 0 else root) != checkpoint.root:
                self.report.add("fork", last, last, f"not the log whose checkpoint of {size} entries was published")


def _root(size: int, frontier: bytes) -> bytes | None:
    """The root of a packed frontier, or None where it is not one of a tree of `size`."""
    try:
        return Frontier.unpack(size, frontier).root()
    except ValueError:
        return None
