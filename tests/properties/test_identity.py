"""Laws of keys, allowlists and forgotten keyrings."""

import fnmatch
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.identity import keys
from sluicegate.identity.use_cases import wildcards

NAMES = st.text(st.characters(codec="utf-8"), max_size=20)
PATTERNS = st.text("ab*./-", max_size=12)


@given(st.integers(0, keys.LENGTH - 1), st.sampled_from(keys.ALPHABET))
def test_any_one_changed_character_is_noticed(place: int, other: str) -> None:
    key = keys.mint()
    changed = key[:place] + other + key[place + 1 :]
    assert keys.well_formed(changed) == (changed == key)


@given(st.text(max_size=80))
def test_no_other_text_is_a_key(text: str) -> None:
    assert not keys.well_formed(text)


@given(st.lists(PATTERNS, max_size=4), st.text("ab./-\n", max_size=12))
def test_wildcards_are_those_of_the_shell_without_the_rest(patterns: list[str], name: str) -> None:
    expected = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    assert (wildcards(patterns).fullmatch(name) is not None) == expected


@given(NAMES, NAMES)
def test_without_a_star_a_name_matches_itself_alone(name: str, other: str) -> None:
    name = name.replace("*", "")
    pattern = wildcards([name])
    assert pattern.fullmatch(name) is not None
    assert (pattern.fullmatch(other) is not None) == (other == name)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 60))
def test_no_allowlist_is_slow(stars: int) -> None:
    pattern = wildcards(["*a" * stars + "b"])
    began = time.process_time()
    assert pattern.fullmatch("a" * 512) is None
    assert time.process_time() - began < 0.1
