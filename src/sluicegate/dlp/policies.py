"""The guardrail policies in force: read again when the file or the rows change, and left as they are where that fails."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from time import time

import msgspec

from sluicegate.dlp.detector import Detector
from sluicegate.dlp.engine import Scanner
from sluicegate.dlp.external.doors import Doors
from sluicegate.dlp.normalise_where import keep_in
from sluicegate.dlp.policy import SHIPPED, Chosen, Edition, Policy, PolicyError, compile_edition
from sluicegate.dlp.policy_rows import PolicyRow, RowKey
from sluicegate.settings import Dlp

log = logging.getLogger(__name__)


class State(msgspec.Struct):
    """How the last readings of the policies went."""

    loaded_at: float
    """Seconds since the epoch of the last one that was good."""
    failure: str | None = None
    """Why what stands in the file and the rows now is not what is in force; None where it is."""
    failed: int = 0
    """How many failed since the start."""


class Policies:
    """The policies in force. An edition is swapped whole, so that one look-up sees one version."""

    def __init__(self, settings: Dlp, kept: Path | None = None, detectors: Sequence[Detector] = ()) -> None:
        """Read and compile, which takes a while, unless the folder `kept` has the automata already. Raises PolicyError.

        `detectors` are those beside the patterns; what they can find is named in policies as rules are.
        """
        self._settings = settings
        self._kept = kept
        keep_in(kept)
        self._detectors = tuple(detectors)
        self.doors = Doors()
        """By which the detectors that the file names go out; closed until the gateway opens them."""
        self.path = self.path_of(settings)
        self.rows: Sequence[PolicyRow] = ()
        """The rows in force beside the file, or those that could not be compiled with it."""
        self._alone = asyncio.Lock()
        self._warm: Mapping[Chosen, Scanner] = {}
        self.edition = compile_edition(self.path, settings, kept, self._detectors, doors=self.doors)
        self.state = State(time())

    @staticmethod
    def path_of(settings: Dlp) -> Path:
        """The policy file that the settings name, or the one that ships."""
        return Path(settings.policies) if settings.policies else SHIPPED

    @property
    def version(self) -> str:
        """The version in force."""
        return self.edition.version

    @property
    def failure(self) -> str | None:
        """Why the file and the rows as they are now are not what is in force; None where they are."""
        return self.state.failure

    def policy(self, name: str, organisation: str | None = None) -> Policy:
        """The policy in force that a use case of `organisation` means by `name`. Raises UnknownPolicy."""
        return self.edition.policy(name, organisation)

    async def reload(self) -> bool:
        """Read the file again, off the event loop; a broken one leaves the old edition in force. True if it was good."""
        return await self.adopt(None)

    async def adopt(self, rows: Sequence[PolicyRow] | None, *, first: bool = False) -> bool:
        """Compile the file with these rows, unless None with the ones known; True if that is in force now.

        The `first` time nothing is in force that could stay in place of a row that cannot be compiled: it is left out, and
        what names it is refused until it is put right.
        """
        async with self._alone:
            if rows is not None:
                self.rows = tuple(rows)
            try:
                excused = frozenset(row.key for row in self.rows) if first else frozenset(self.edition.broken)
                edition = await self._compiled(self.rows, excused)
            except PolicyError as error:
                self._failed(str(error))
                return False
            if edition.version != self.edition.version:
                self.edition = edition
                log.info("guardrail policies read", extra={"policy_version": edition.version})
            self._warm = {}
            self.state.loaded_at = time()
            self.state.failure = None
            if edition.broken:
                self._failed("; ".join(edition.broken.values()))
            return not edition.broken

    async def check(self, row: PolicyRow) -> None:
        """Whether `row` could be in force beside the file; rows know nothing of each other. Raises PolicyError."""
        await self.tried(row.document, row.name)

    async def tried(self, document: Mapping[str, object], name: str = "trial") -> Policy:
        """A policy that is in force nowhere, compiled beside the file. Raises PolicyError."""
        row = PolicyRow(None, name, document)
        async with self._alone:
            edition = await self._compiled([row])
            self._warm = edition.scanners  # who tries one text tries another
        return edition.policies[name]

    async def _compiled(self, rows: Sequence[PolicyRow], excused: Set[RowKey] = frozenset()) -> Edition:
        known = {**self._warm, **self.edition.scanners}
        own = self._settings, self._kept, self._detectors
        # one thread: requests are served meanwhile
        return await asyncio.to_thread(compile_edition, self.path, *own, rows, known, excused, self.doors, threads=1)

    def _failed(self, why: str) -> None:
        self.state.failure = why
        self.state.failed += 1
        log.error("the guardrail policies are broken; the old ones stay in force: %s", why)

    async def watch(self, after: Callable[[bool], None] | None = None) -> None:
        """Read the file again whenever it changes, until cancelled. Returns at once for the file that ships.

        `after` is told of each reading whether the file was good.
        """
        if not self._settings.policies:
            return
        from watchfiles import awatch  # only an installation with its own file needs its memory

        path = self.path.absolute()
        names = (path.name, "..data")  # the second is how a mounted configuration map changes
        # The folder is watched: an editor replaces the file, and a watch on the file itself would be lost with it.
        changes = awatch(
            path.parent, watch_filter=lambda _, changed: Path(changed).name in names, debounce=100, step=20, recursive=False
        )
        async for _ in changes:
            good = await self.reload()
            if after is not None:
                after(good)
