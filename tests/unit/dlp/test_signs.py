import random
import re

import pytest

from sluicegate.dlp.packs import form, shipped
from sluicegate.dlp.pattern import Alt, Chars, Node, Repeat, Seq, parse
from sluicegate.dlp.reading import Reading
from sluicegate.dlp.signs import DENSE, DIGITS, RUN, Sign, around, holds
from sluicegate.dlp.stretches import sign_of

RULES = [rule for pack in shipped()[0] for rule in pack.rules]
TEN = "[a-z]{10}"


def drawn(node: Node, chance: random.Random) -> str:
    """One match of `node`; as short and as spaced as it may be, or anything."""
    if isinstance(node, Chars):
        low, high = chance.choice(node.ranges)
        return chr(chance.randint(low, min(high, low + 200)))
    if isinstance(node, Repeat):
        times = chance.choice((node.low, node.high, chance.randint(node.low, node.high)))
        return "".join(drawn(node.part, chance) for _ in range(times))
    parts = [chance.choice(node.parts)] if isinstance(node, Alt) else node.parts
    return "".join(drawn(part, chance) for part in parts)


@pytest.mark.parametrize(
    ("pattern", "sign", "held"),
    [
        ("[a-z]{15}", RUN, True),
        ("[a-z]{14}", RUN, False),
        ("key-[a-z]{11}", RUN, True),
        ("[a-z]{10}\\.[a-z]{10}", RUN, False),
        ("[a-z]{10}\\.?[a-z]{10}", RUN, False),
        ("[a-z]{10}(?:_|-)[a-z]{10}", RUN, True),
        ("(?:[a-z]{15}|[a-z]{3})", RUN, False),
        ("(?:[a-z]{15}| [a-z]{20})", RUN, True),
        ("[0-9]{6}", DIGITS, True),
        ("[0-9]{2}-[0-9]{2}-[0-9]{2}", DIGITS, True),
        ("[0-9]{2}[ -]{1,3}[0-9]{4}", DIGITS, False),
        ("[0-9]{3} ?-? ?[0-9]{3}", DIGITS, False),
        ("[0-9]{3} ?-?[0-9]{3}", DIGITS, True),
        ("[0-9]{3}[A-Z][0-9]{3}", DIGITS, False),
        ("[0-9]{3}[A-Z]?[0-9]{3}", DIGITS, False),
        ("(?:[0-9][ .]?){6}", DIGITS, True),
        ("(?:[0-9][ .]?){5}[0-9]", DIGITS, True),
        ("(?: {0,4}[0-9]{2}){3}", DIGITS, False),
    ],
)
def test_what_a_pattern_holds(pattern: str, sign: Sign, held: bool) -> None:
    assert holds(parse(pattern), sign) is held


@pytest.mark.parametrize(
    ("pattern", "reach"),
    [
        ("[a-z]{15,20}", (0, 0)),
        ("ab: [a-z]{15,20}==", (4, 2)),
        ("(?:x\\.)?(?:[a-z]{15}|\\$[a-z]{15})", (3, 0)),
        ("[a-z]{15} {0,5}[a-z]{15}", (0, 20)),
    ],
)
def test_how_far_a_match_goes_beside_its_run(pattern: str, reach: tuple[int, int]) -> None:
    assert around(parse(pattern), RUN) == reach


def test_every_match_of_the_rules_that_ship_has_the_sign_it_is_found_by() -> None:
    chance = random.Random(7)
    dense = re.compile(DENSE).search
    signed = 0
    for rule in RULES:
        compiled = form(rule)
        found = sign_of(compiled.node, compiled.after)
        if found is None:
            continue
        signed += 1
        sign, (before, after) = found
        for _ in range(20):
            match = drawn(compiled.node, chance)
            if sign is DIGITS:
                assert dense(f"{match}x"), (rule.id, match)
            else:
                runs = Reading(match).runs
                assert any(start <= before and len(match) - end <= after for start, end in runs), (rule.id, match)
    assert signed > 300


def test_parts_that_may_be_missing_hold_nothing() -> None:
    assert not holds(Seq((Repeat(parse("[0-9]{9}"), 0, 1),)), DIGITS)
