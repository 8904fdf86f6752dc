"""What is kept stays within its bounds, shows nothing, and comes out as it went in."""

from sluicegate.core.event import Event, sse, whole
from sluicegate.routing.cache import ENTRY_BYTES, EVENT_BYTES, Cache, Kept, Stored, kept
from sluicegate.settings import Cache as Bounds


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def stored(*events: Kept, size: int | None = None, expires_at: float = 10) -> Stored:
    taken = ENTRY_BYTES + sum(event.size for event in events) if size is None else size
    return Stored("e" * 32, "a", "m", "stop", (), {}, events, 0, expires_at, taken)


def test_an_event_comes_out_as_it_went_in_whatever_became_of_it() -> None:
    event = sse({"said": "secret"}, "delta")
    raw = event.raw
    memory = kept(event)
    event.document["said"] = "***"
    event.rewrite()
    again = memory.event()
    assert (again.raw, again.name, again.framed, again.document) == (raw, "delta", True, {"said": "secret"})
    assert memory.event() is not again
    last = kept(Event(b"x", b"x", framed=False, kind="text/plain", last=True)).event()
    assert (last.framed, last.kind, last.last) == (False, "text/plain", True)


def test_nothing_shows_what_was_said() -> None:
    memory = kept(whole({"said": "secret"}))
    assert "secret" not in f"{memory!r}{stored(memory)!r}"


def test_the_size_counts_bytes_that_are_kept_twice() -> None:
    assert kept(whole({})).size == EVENT_BYTES + 2
    assert kept(sse({})).size == EVENT_BYTES + len(b"data: {}\n\n") + 2


def test_an_answer_is_found_until_its_time_is_over() -> None:
    clock = Clock()
    cache = Cache(Bounds(), clock)
    cache.keep(b"k", stored(expires_at=5))
    assert cache.find(b"other") is None
    assert cache.find(b"k") is not None
    clock.now = 5
    assert cache.find(b"k") is None
    assert (len(cache), cache.bytes) == (0, 0)


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = Cache(Bounds(max_entries=2), Clock())
    for key in (b"1", b"2"):
        cache.keep(key, stored())
    cache.find(b"1")
    cache.keep(b"3", stored())
    assert [cache.find(key) is not None for key in (b"1", b"2", b"3")] == [True, False, True]


def test_bytes_are_bounded_together_and_each() -> None:
    cache = Cache(Bounds(max_bytes=1_000, max_answer_bytes=600), Clock())
    cache.keep(b"1", stored(size=600))
    cache.keep(b"2", stored(size=601))
    assert (cache.find(b"1") is not None, cache.find(b"2"), cache.bytes) == (True, None, 600)
    cache.keep(b"1", stored(size=500))
    cache.keep(b"3", stored(size=500))
    assert (len(cache), cache.bytes) == (2, 1_000)
    cache.keep(b"4", stored(size=1))
    assert (cache.find(b"1"), cache.bytes) == (None, 501)


def test_what_nobody_asks_for_is_forgotten_all_the_same() -> None:
    clock = Clock()
    cache = Cache(Bounds(), clock)
    cache.keep(b"old", stored(expires_at=1))
    cache.keep(b"new", stored(expires_at=9))
    clock.now = 1
    cache.sweep()
    assert (b"old" in cache, b"new" in cache, len(cache)) == (False, True, 1)
