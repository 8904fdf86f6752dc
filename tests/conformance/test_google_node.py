"""@google/genai for Node against the running gateway, in front of a provider of its own dialect and of OpenAI's."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Bench
from tests.support import gemini
from tests.support.gateway import CHAT_MODEL, GEMINI_MODEL, KEY
from tests.support.upstream import Reply, chat_answer, chat_stream, gemini_answer, gemini_stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = Path(__file__).parent / "node" / "google.mjs"
CITY = {"city": "Vienna"}


def replies(model: str) -> list[Reply]:
    """What the provider answers to the steps of the script, in their order."""
    if model == GEMINI_MODEL:
        streamed = gemini_stream("he", "llo")
        called = gemini_answer(gemini.call("get_weather", CITY))
        return [
            gemini_answer("hello"),
            streamed,
            called,
            streamed,
            gemini_answer("hello"),
            gemini_stream("a", "b", "c", reset_after=2),
        ]
    function = {"name": "get_weather", "arguments": json.dumps(CITY)}
    calls: Any = [{"id": "call_1", "type": "function", "function": function}]
    streamed = chat_stream(["he", "llo"])
    broken = chat_stream(["a", "b"], reset_after=2)
    return [chat_answer("hello"), streamed, chat_answer("", tool_calls=calls), streamed, chat_answer("hello"), broken]


@pytest.mark.parametrize("model", [GEMINI_MODEL, CHAT_MODEL])
async def test_the_sdk_for_node(bench: Bench, model: str) -> None:
    bench.upstream.script(*replies(model))
    node = shutil.which("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(
        *(node, str(SCRIPT), f"{bench.gateway.url}/gemini", KEY, model),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    told = {line.pop("name"): line for line in map(json.loads, output.decode().splitlines())}
    assert told == {
        "plain": {"value": ["hello", 7]},
        "stream": {"value": "hello"},
        "call": {"value": [["get_weather", CITY]]},
        "chat": {"value": ["hello", "hello", told["chat"]["value"][2]]},
        "broken": {"error": "ApiError", "status": 502},
        "refused": {"error": "ApiError", "status": 403},
    }
    assert set(told["chat"]["value"][2]) == {"user", "model"}
