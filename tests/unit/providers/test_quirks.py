import copy
from typing import Any

import pytest

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import Quirk
from sluicegate.providers.quirks import CHANGES, apply

CHAT, RESPONSES, MESSAGES = DialectName.OPENAI_CHAT, DialectName.OPENAI_RESPONSES, DialectName.ANTHROPIC_MESSAGES
TOOL = {"type": "function", "function": {"name": "f"}}


def role(name: str, text: str = "x") -> dict[str, str]:
    return {"role": name, "content": text}


CASES: dict[Quirk, tuple[DialectName, dict[str, Any], dict[str, Any], list[str]]] = {
    Quirk.MAX_COMPLETION_TOKENS: (CHAT, {"max_tokens": 5}, {"max_completion_tokens": 5}, []),
    Quirk.MAX_TOKENS: (CHAT, {"max_completion_tokens": 5, "max_tokens": 5}, {"max_tokens": 5}, []),
    Quirk.NO_STREAM_OPTIONS: (CHAT, {"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}, []),
    Quirk.NO_PARALLEL_TOOL_CALLS: (CHAT, {"parallel_tool_calls": False}, {}, ["parallel_tool_calls"]),
    Quirk.NO_STRICT: (
        RESPONSES,
        {"tools": [{"type": "function", "name": "f", "strict": True}, TOOL, 1]},
        {"tools": [{"type": "function", "name": "f"}, TOOL, 1]},
        ["tools[].strict"],
    ),
    Quirk.NO_SYSTEM: (
        CHAT,
        {"messages": [role("system"), role("developer"), role("user"), 1]},
        {"messages": [role("user"), role("user"), role("user"), 1]},
        [],
    ),
    Quirk.NO_DEVELOPER: (RESPONSES, {"input": [role("developer")]}, {"input": [role("system")]}, []),
    Quirk.NO_SAMPLING: (MESSAGES, {"temperature": 1, "top_p": None, "max_tokens": 1}, {"max_tokens": 1}, ["temperature"]),
    Quirk.NO_STORE: (CHAT, {"store": False}, {}, []),
    Quirk.ANTHROPIC_BEDROCK: (
        MESSAGES,
        {"model": "m", "stream": True, "max_tokens": 1},
        {"max_tokens": 1, "anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["a", "b"]},
        [],
    ),
    Quirk.ANTHROPIC_VERTEX: (
        MESSAGES,
        {"model": "m", "stream": True},
        {"stream": True, "anthropic_version": "vertex-2023-10-16"},
        [],
    ),
}


def test_every_quirk_is_known_and_shown() -> None:
    assert set(CHANGES) == set(CASES) == set(Quirk)


@pytest.mark.parametrize("quirk", Quirk)
def test_each(quirk: Quirk) -> None:
    dialect, document, expected, dropped = CASES[quirk]
    given, told = copy.deepcopy(document), dict[str, None]()
    assert apply((quirk,), dialect, given, {"anthropic-beta": "a, b"}, told) == expected
    assert given == document
    assert list(told) == dropped


@pytest.mark.parametrize("quirk", [quirk for quirk in Quirk if "anthropic" not in quirk])
def test_what_does_not_differ_stays_the_same_object(quirk: Quirk) -> None:
    for dialect in DialectName:
        document = {"model": "m", "messages": [role("user")], "tools": [TOOL]}
        assert apply((quirk,), dialect, document, {}, {}) is document


def test_store_that_is_asked_for_stays() -> None:
    document = {"store": True}
    assert apply((Quirk.NO_STORE,), CHAT, document, {}, {}) is document


def test_several_one_after_the_other() -> None:
    told: dict[str, None] = {}
    document = {"max_completion_tokens": 1, "temperature": 0}
    assert apply((Quirk.MAX_TOKENS, Quirk.NO_SAMPLING), CHAT, document, {}, told) == {"max_tokens": 1}
    assert list(told) == ["temperature"]
