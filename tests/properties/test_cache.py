"""Laws of the cache: no answer crosses anything it depends on, and its bounds hold whatever is put in."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.event import whole
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.routing.cache import ENTRY_BYTES, Cache, Stored, kept
from sluicegate.routing.cacheable import key_of
from sluicegate.settings import Cache as Bounds
from tests.support.exchanges import grant

CHAT = OpenAIChat()
NAMES = st.text(max_size=3)
WAYS = st.fixed_dictionaries(
    {
        "organisation": NAMES,
        "use_case": NAMES,
        "version": st.integers(1, 12),
        "policy": NAMES,
        "surface": NAMES,
        "model": NAMES,
        "beta": NAMES,
        "stream": st.booleans(),
        "text": NAMES,
    }
)
"""Everything that two exchanges may differ in."""


def key(way: dict[str, Any]) -> bytes:
    document = {"model": "m", "stream": way["stream"], "messages": [{"role": "user", "content": way["text"]}]}
    headers = {"anthropic-beta": way["beta"]} if way["beta"] else {}
    asked = Exchange("e" * 32, CHAT, Arrival(way["surface"], "127.0.0.1", headers, json.dumps(document).encode()))
    granted = grant()
    use_case = msgspec.structs.replace(granted.use_case, id=way["use_case"], version=way["version"])
    asked.grant = msgspec.structs.replace(granted, organisation=way["organisation"], use_case=use_case)
    asked.policy_version = way["policy"]
    asked.document = document
    asked.ask = msgspec.structs.replace(CHAT.read(document), model=way["model"])
    return key_of(asked)


@given(WAYS, WAYS)
def test_exchanges_that_are_alike_share_an_answer_and_no_others(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (key(one) == key(other)) == (one == other)


@given(WAYS, st.data())
def test_one_difference_is_enough(way: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(way)))
    other = {**way, name: data.draw(WAYS)[name]}
    assert (key(way) == key(other)) == (way == other)


ACTS = st.sampled_from(["keep", "find", "wait"])
STEPS = st.lists(st.tuples(ACTS, st.integers(0, 5), st.text(max_size=40), st.integers(1, 5)), max_size=40)


@given(STEPS, st.integers(1, 4), st.integers(1, 4_000))
def test_the_bounds_hold_and_what_is_found_is_what_was_kept_last(
    acts: list[tuple[str, int, str, int]], entries: int, size: int
) -> None:
    now = 0.0
    cache = Cache(Bounds(max_entries=entries, max_bytes=size, max_answer_bytes=size), lambda: now)
    last: dict[bytes, Stored] = {}
    for act, number, text, seconds in acts:
        name = bytes([number])
        if act == "keep":
            event = kept(whole({"said": text}))
            stored = Stored("e", "a", "m", None, (), {}, (event,), now, now + seconds, ENTRY_BYTES + event.size)
            cache.keep(name, stored)
            if stored.size <= size:
                last[name] = stored
        elif act == "wait":
            now += seconds
            cache.sweep()
        elif (found := cache.find(name)) is not None:
            assert found is last[name]
            assert found.expires_at > now
        assert len(cache) <= entries
        assert 0 <= cache.bytes <= size
