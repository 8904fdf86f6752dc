"""Rates per virtual key: requests a minute, tokens a minute, requests at once.

A sliding window of counted slots: a minute is cut into slots of one second, and the sum over the current slot and the 60
before it may never pass the limit. Those 61 slots cover every interval of 60 seconds that ends now, so no interval of 60
seconds, wherever it begins, sees more than the limit. (A token bucket or GCRA, ITU-T I.371, of the same rate lets nearly
twice the limit through in the minute after a rest; a fixed window does so at its border.) The price is that what was used
comes back up to one second late.

Memory: only keys that have a limit have an entry, an entry holds two numbers per second in which it was used, and an entry
is removed when nothing of it counts any more. When `entries` are full of keys that still count, a new key is refused: no
limit is forgotten to make room.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.identity import RateLimit

WINDOW = 60
"""Seconds over which requests and tokens are counted."""
_LIFE = WINDOW + 1
_EVICTION_LOOKS = 64
"""How many of the longest unused entries are looked at for one that may go."""
_REQUESTS, _TOKENS = 0, 1
"""Where a slot holds what."""


class Entry:
    """What one key used in each of the last 61 seconds, and what it has under way."""

    __slots__ = ("concurrent", "due", "requests", "resets", "slots", "tokens")

    def __init__(self) -> None:
        self.slots: dict[int, list[int]] = {}
        """Slot (whole seconds of the clock) to requests and tokens, oldest first."""
        self.requests = self.tokens = 0
        """What all slots hold together."""
        self.concurrent = 0
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
            requests, tokens = slots.pop(oldest)
            self.requests -= requests
            self.tokens -= tokens

    def add(self, slot: int, requests: int, tokens: int) -> None:
        """Count in `slot`, which is the newest."""
        used = self.slots.get(slot)
        if used is None:
            self.slots[slot] = [requests, tokens]
            self.resets = slot + _LIFE
        else:
            used[_REQUESTS] += requests
            used[_TOKENS] += tokens
        self.requests += requests
        self.tokens += tokens

    def correct(self, slot: int, requests: int, tokens: int) -> None:
        """Change what was counted in `slot`, unless it counts no more."""
        used = self.slots.get(slot)
        if used is not None:
            used[_REQUESTS] += requests
            used[_TOKENS] += tokens
            self.requests += requests
            self.tokens += tokens

    def frees(self, kind: int, amount: int) -> int:
        """The moment (clock seconds) at which `amount` of what is used will have come back; of all, if it is more."""
        moment = 0
        for slot, used in self.slots.items():
            if amount <= 0:
                break
            moment, amount = slot + _LIFE, amount - used[kind]
        return moment

    def idle(self, slot: int) -> bool:
        """Whether nothing of this entry counts any more."""
        self.expire(slot)
        return not (self.concurrent or self.slots)


class Hold(msgspec.Struct, gc=False):
    """What one exchange took of its key's rates; given back once."""

    entry: Entry
    slot: int
    requests: int
    """1 if the request was counted, else 0."""
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
            if slot >= entry.due:
                entry.expire(slot)
        if at_once is not None and entry.concurrent >= at_once:
            return Refusal(Reason.RATE_CONCURRENT, 1, at_once, entry.concurrent, 1)
        if per_minute is not None and entry.requests >= per_minute:
            return _refusal(Reason.RATE_REQUESTS, entry, _REQUESTS, now, per_minute, 1)
        if token_limit is not None and entry.tokens + tokens > token_limit:
            return _refusal(Reason.RATE_TOKENS, entry, _TOKENS, now, token_limit, tokens)
        entry.concurrent += 1
        requests = 0 if per_minute is None else 1
        counted = None if token_limit is None else tokens
        if requests or counted is not None:
            entry.add(slot, requests, counted or 0)
        return Hold(entry, slot, requests, counted)

    def settle(self, hold: Hold, tokens: int) -> None:
        """The exchange is over and used `tokens`: correct what was counted when it was admitted."""
        if hold.open:
            hold.open = False
            entry = hold.entry
            entry.concurrent -= 1
            counted = hold.tokens
            if counted is not None:
                entry.correct(hold.slot, 0, tokens - counted)

    def release(self, hold: Hold) -> None:
        """Give back everything, the request too: the exchange was refused by another limit."""
        if hold.open:
            self.settle(hold, 0)
            hold.entry.correct(hold.slot, -hold.requests, 0)

    def tell(self, headers: dict[str, str], key: str, limit: RateLimit, *, anthropic: bool) -> None:
        """Put how the key stands into `headers`: as OpenAI sends it, and as Anthropic does too where its clients ask."""
        entry = self._entries.get(key)
        if entry is not None:
            slot = int(self._clock())
            if slot >= entry.due:
                entry.expire(slot)
            self.tell_held(headers, Hold(entry, slot, 0, None), limit, anthropic=anthropic)

    def tell_held(self, headers: dict[str, str], hold: Hold, limit: RateLimit, *, anthropic: bool) -> None:
        """As `tell`, for the key of a `hold` that was taken or released just now."""
        entry = hold.entry
        wait = entry.resets - hold.slot
        if wait < 0:
            wait = 0
        reset = _DURATIONS[wait]
        bound = limit.requests_per_minute
        if bound is not None:
            rest = bound - entry.requests
            headers["x-ratelimit-limit-requests"] = str(bound)
            headers["x-ratelimit-remaining-requests"] = str(rest) if rest > 0 else "0"
            headers["x-ratelimit-reset-requests"] = reset
            if anthropic:
                self._tell_anthropic(headers, "requests", bound, rest, wait)
        bound = limit.tokens_per_minute
        if bound is not None:
            rest = bound - entry.tokens
            headers["x-ratelimit-limit-tokens"] = str(bound)
            headers["x-ratelimit-remaining-tokens"] = str(rest) if rest > 0 else "0"
            headers["x-ratelimit-reset-tokens"] = reset
            if anthropic:
                self._tell_anthropic(headers, "tokens", bound, rest, wait)

    def _tell_anthropic(self, headers: dict[str, str], unit: str, bound: int, rest: int, wait: int) -> None:
        headers[f"anthropic-ratelimit-{unit}-limit"] = str(bound)
        headers[f"anthropic-ratelimit-{unit}-remaining"] = str(rest) if rest > 0 else "0"
        headers[f"anthropic-ratelimit-{unit}-reset"] = _moment(int(self._wall()) + wait)

    def _evict(self, slot: int) -> bool:
        """Remove the first idle one of the longest unused entries; those that still count go to the end."""
        for _ in range(min(_EVICTION_LOOKS, len(self._entries))):
            key, entry = next(iter(self._entries.items()))
            if entry.idle(slot):
                del self._entries[key]
                return True
            self._entries.move_to_end(key)
        return False


_DURATIONS = tuple(f"{s}s" if s < 60 else f"{s // 60}m{s % 60}s" for s in range(_LIFE + 1))
"""Whole seconds as OpenAI writes them, which is how Go does (`6s`, `1m0s`)."""


@lru_cache(maxsize=256)
def _moment(second: int) -> str:
    """RFC 3339, as in Anthropic's headers."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def _refusal(reason: Reason, entry: Entry, kind: int, now: float, limit: int, needed: int) -> Refusal:
    """A refusal that says when enough will have come back; what can never fit is told to wait a whole window."""
    used = entry.tokens if kind == _TOKENS else entry.requests
    frees = entry.frees(kind, used + needed - limit) if needed <= limit else now + WINDOW
    return Refusal(reason, max(1, math.ceil(frees - now)), limit, used, needed)
