"""Rates per virtual key: requests a minute, tokens a minute, requests at once.

A sliding window of counted slots: a minute is cut into slots of one second, and the sum over the current slot and the 60
before it may never pass the limit. Those 61 slots cover every interval of 60 seconds that ends now, so no interval of 60
seconds, wherever it begins, sees more than the limit. (A token bucket or GCRA, ITU-T I.371, of the same rate lets nearly
twice the limit through in the minute after a rest; a fixed window does so at its border.) The price is that what was used
comes back up to one second late.

Memory: only keys that have a limit have an entry, an entry holds one number per second in which it was used, and an entry
is removed when nothing of it counts any more. When `entries` are full of keys that still count, a new key is refused: no
limit is forgotten to make room.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.identity import RateLimit

WINDOW = 60
"""Seconds over which requests and tokens are counted."""
_LIFE = WINDOW + 1
_EVICTION_LOOKS = 64
"""How many of the longest unused entries are looked at for one that may go."""


class Window:
    """What was used in each of the last 61 seconds."""

    __slots__ = ("due", "resets", "slots", "used")

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}
        """Slot (whole seconds of the clock) to amount, oldest first."""
        self.used = 0
        self.due = 0
        """The first slot in which something here may count no longer."""
        self.resets = 0
        """The slot in which nothing here will count."""

    def expire(self, slot: int) -> None:
        """Forget what no longer counts in `slot`."""
        slots = self.slots
        while slots:
            oldest = next(iter(slots))
            self.due = oldest + _LIFE
            if self.due > slot:
                return
            self.used -= slots.pop(oldest)

    def add(self, slot: int, amount: int) -> None:
        """Count `amount` in `slot`, which is the newest."""
        slots = self.slots
        if slot in slots:
            slots[slot] += amount
        else:
            slots[slot] = amount
            self.resets = slot + _LIFE
        self.used += amount

    def correct(self, slot: int, amount: int) -> None:
        """Change what was counted in `slot`, unless it counts no more."""
        if slot in self.slots:
            self.slots[slot] += amount
            self.used += amount

    def frees(self, amount: int) -> int:
        """The moment (clock seconds) at which `amount` of what is used will have come back; of all, if it is more."""
        moment = 0
        for slot, used in self.slots.items():
            if amount <= 0:
                break
            moment, amount = slot + _LIFE, amount - used
        return moment


class Entry:
    """What one key has in use."""

    __slots__ = ("concurrent", "requests", "tokens")

    def __init__(self) -> None:
        self.requests = Window()
        self.tokens = Window()
        self.concurrent = 0

    def idle(self, slot: int) -> bool:
        """Whether nothing of this entry counts any more."""
        self.requests.expire(slot)
        self.tokens.expire(slot)
        return not (self.concurrent or self.requests.slots or self.tokens.slots)


class Hold(msgspec.Struct):
    """What one exchange took of its key's rates; given back once."""

    entry: Entry
    slot: int
    requests: bool
    """Whether the request was counted."""
    tokens: int | None
    """Tokens counted at admission; None if the key has no limit of tokens."""
    open: bool = True


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Which limit refused. `retry_after` is in whole seconds, rounded up, at least 1."""

    reason: Reason
    retry_after: int
    limit: int
    used: int
    needed: int


class Rates:
    """All keys' rates, in one process. `clock` is monotonic, `wall` is seconds since the epoch (for reset times only)."""

    def __init__(
        self, entries: int, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._limit = entries
        self._clock = clock
        self._wall = wall
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def admit(self, key: str, limit: RateLimit, tokens: int) -> Hold | Refusal | None:
        """Take one request and `tokens` of `key`'s rates, all or nothing; None where the key has no limit at all."""
        per_minute, token_limit, at_once = limit.requests_per_minute, limit.tokens_per_minute, limit.concurrent
        if per_minute is None and token_limit is None and at_once is None:
            return None
        now = self._clock()
        slot = int(now)
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= self._limit and not self._evict(slot):
                return Refusal(Reason.OVERLOADED, 1, self._limit, len(self._entries), 1)
            entry = self._entries[key] = Entry()
        else:
            self._entries.move_to_end(key)
        if at_once is not None and entry.concurrent >= at_once:
            return Refusal(Reason.RATE_CONCURRENT, 1, at_once, entry.concurrent, 1)
        if per_minute is not None:
            window = entry.requests
            if slot >= window.due:
                window.expire(slot)
            if window.used >= per_minute:
                return _refusal(Reason.RATE_REQUESTS, window, now, per_minute, 1)
        if token_limit is not None:
            window = entry.tokens
            if slot >= window.due:
                window.expire(slot)
            if window.used + tokens > token_limit:
                return _refusal(Reason.RATE_TOKENS, window, now, token_limit, tokens)
            window.add(slot, tokens)
        if per_minute is not None:
            entry.requests.add(slot, 1)
        entry.concurrent += 1
        return Hold(entry, slot, per_minute is not None, None if token_limit is None else tokens)

    def settle(self, hold: Hold, tokens: int) -> None:
        """The exchange is over and used `tokens`: correct what was counted when it was admitted."""
        if hold.open:
            hold.open = False
            hold.entry.concurrent -= 1
            if hold.tokens is not None:
                hold.entry.tokens.correct(hold.slot, tokens - hold.tokens)

    def release(self, hold: Hold) -> None:
        """Give back everything, the request too: the exchange was refused by another limit."""
        if hold.open:
            self.settle(hold, 0)
            if hold.requests:
                hold.entry.requests.correct(hold.slot, -1)

    def tell(self, headers: dict[str, str], key: str, limit: RateLimit, *, anthropic: bool) -> None:
        """Put how the key stands into `headers`: as OpenAI sends it, and as Anthropic does too where its clients ask."""
        entry = self._entries.get(key)
        if entry is None:
            return
        slot = int(self._clock())
        if limit.requests_per_minute is not None:
            self._say(headers, _REQUESTS, limit.requests_per_minute, entry.requests, slot, anthropic)
        if limit.tokens_per_minute is not None:
            self._say(headers, _TOKENS, limit.tokens_per_minute, entry.tokens, slot, anthropic)

    def _say(
        self, headers: dict[str, str], names: Sequence[str], bound: int, window: Window, slot: int, anthropic: bool
    ) -> None:
        if slot >= window.due:
            window.expire(slot)
        top, rest = str(bound), str(bound - window.used) if window.used < bound else "0"
        wait = window.resets - slot if window.resets > slot else 0
        headers[names[0]] = top
        headers[names[1]] = rest
        headers[names[2]] = _DURATIONS[wait]
        if anthropic:
            headers[names[3]] = top
            headers[names[4]] = rest
            headers[names[5]] = _moment(int(self._wall()) + wait)

    def _evict(self, slot: int) -> bool:
        """Remove the first idle one of the longest unused entries; those that still count go to the end."""
        for _ in range(min(_EVICTION_LOOKS, len(self._entries))):
            key, entry = next(iter(self._entries.items()))
            if entry.idle(slot):
                del self._entries[key]
                return True
            self._entries.move_to_end(key)
        return False


_REQUESTS, _TOKENS = (
    (
        f"x-ratelimit-limit-{unit}",
        f"x-ratelimit-remaining-{unit}",
        f"x-ratelimit-reset-{unit}",
        f"anthropic-ratelimit-{unit}-limit",
        f"anthropic-ratelimit-{unit}-remaining",
        f"anthropic-ratelimit-{unit}-reset",
    )
    for unit in ("requests", "tokens")
)
_DURATIONS = tuple(f"{s}s" if s < 60 else f"{s // 60}m{s % 60}s" for s in range(_LIFE + 1))
"""Whole seconds as OpenAI writes them, which is how Go does (`6s`, `1m0s`)."""


@lru_cache(maxsize=256)
def _moment(second: int) -> str:
    """RFC 3339, as in Anthropic's headers."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def _refusal(reason: Reason, window: Window, now: float, limit: int, needed: int) -> Refusal:
    """A refusal that says when enough will have come back; what can never fit is told to wait a whole window."""
    frees = window.frees(window.used + needed - limit) if needed <= limit else now + WINDOW
    return Refusal(reason, max(1, math.ceil(frees - now)), limit, window.used, needed)
