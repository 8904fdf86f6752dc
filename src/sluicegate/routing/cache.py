"""Answers that are kept in memory to be given again, by the digest of all that they depend on.

They are text of prompts' answers: nothing here shows them (`repr`), logs them or writes them anywhere.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from time import monotonic

import msgspec

from sluicegate.core.event import Event
from sluicegate.settings import Cache as Bounds

ENTRY_BYTES = 512
"""Counted for each answer beside its events."""
EVENT_BYTES = 256
"""Counted for each event beside its bytes."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """One event as it came, before anybody could change it."""

    raw: bytes
    data: bytes
    name: str | None
    framed: bool
    kind: str
    last: bool

    def __repr__(self) -> str:
        """Without what the answer says."""
        return f"<kept event of {len(self.raw)} bytes>"

    @property
    def size(self) -> int:
        """Bytes it takes, roughly."""
        return EVENT_BYTES + len(self.raw) + (0 if self.data is self.raw else len(self.data))

    def event(self) -> Event:
        """It once more, for guards to read and change."""
        return Event(self.raw, self.data, self.name, self.framed, self.kind, last=self.last)


def kept(event: Event) -> Kept:
    """`event` as it is now."""
    return Kept(event.raw, event.data, event.name, event.framed, event.kind, event.last)


class Stored(msgspec.Struct, frozen=True):
    """A whole answer, in the client's dialect, as it was before it was inspected."""

    exchange: str
    """The id of the exchange that made it."""
    deployment: str
    upstream_model: str
    """What the deployment asked its provider for."""
    finish: str | None
    tool_calls: tuple[str, ...]
    headers: Mapping[str, str]
    """What the client was told of how it was made."""
    events: tuple[Kept, ...]
    made_at: float
    """By the cache's clock, seconds."""
    expires_at: float
    size: int
    """Bytes it takes, roughly."""

    def __repr__(self) -> str:
        """Without what the answer says."""
        return f"<answer of exchange {self.exchange}, {self.size} bytes>"


class Cache:
    """Answers by key, within bounds of number, bytes and time; beyond them the one used longest ago goes."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = monotonic) -> None:
        """`clock` tells seconds and never goes back."""
        self.bounds = bounds
        self.clock = clock
        self.bytes = self.hits = self.misses = 0
        self._stored: OrderedDict[bytes, Stored] = OrderedDict()

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, key: object) -> bool:
        return key in self._stored

    def find(self, key: bytes) -> Stored | None:
        """The answer of `key`, if there is one and its time is not over."""
        stored = self._stored.get(key)
        if stored is None:
            return None
        if stored.expires_at <= self.clock():
            self._forget(key)
            return None
        self._stored.move_to_end(key)
        return stored

    def keep(self, key: bytes, stored: Stored) -> bool:
        """Keep an answer, in the place of an earlier one; False where it is longer than an answer may be."""
        bounds = self.bounds
        if stored.size > min(bounds.max_answer_bytes, bounds.max_bytes):
            return False
        if key in self._stored:
            self._forget(key)
        self._stored[key] = stored
        self.bytes += stored.size
        while self.bytes > bounds.max_bytes or len(self._stored) > bounds.max_entries:
            self._forget(next(iter(self._stored)))
        return True

    def sweep(self) -> None:
        """Forget every answer whose time is over."""
        now = self.clock()
        for key in [key for key, stored in self._stored.items() if stored.expires_at <= now]:
            self._forget(key)

    def _forget(self, key: bytes) -> None:
        self.bytes -= self._stored.pop(key).size
