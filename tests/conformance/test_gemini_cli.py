"""The real Gemini command-line client, with nothing but a base URL and a virtual key: a turn with a tool call.

It takes the key from the environment only if its settings say so: with a base URL and no settings it asks for a login.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Bench
from tests.support import gemini
from tests.support.gateway import CHAT_MODEL, GEMINI_MODEL, KEY
from tests.support.upstream import Reply, chat_stream, gemini_stream, sse_reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

GEMINI = Path(__file__).parent / "node" / "node_modules" / ".bin" / "gemini"
SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
}
NOTE = {"file_path": "note.txt"}


def calling(model: str) -> Reply:
    """An answer that asks to read a file, in the dialect of the model's provider."""
    if model == GEMINI_MODEL:
        return gemini_stream(gemini.call("read_file", NOTE, thoughtSignature=gemini.SIGNATURE))
    calls = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": json.dumps(NOTE)}}
    ]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    return sse_reply([*(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks), b"data: [DONE]\n\n"])


@pytest.mark.parametrize("model", [GEMINI_MODEL, CHAT_MODEL])
async def test_a_turn_with_a_tool_call(bench: Bench, tmp_path: Path, model: str) -> None:
    said = gemini_stream("A governed ", "answer.") if model == GEMINI_MODEL else chat_stream(["A governed ", "answer."])
    bench.upstream.script(calling(model), said)
    home, work = tmp_path / "home", tmp_path / "work"
    (home / ".gemini").mkdir(parents=True)
    (home / ".gemini" / "settings.json").write_text(json.dumps(SETTINGS))
    work.mkdir()
    (work / "note.txt").write_text("the note of this test")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GOOGLE_GEMINI_BASE_URL": f"{bench.gateway.url}/gemini",
        "GEMINI_API_KEY": KEY,
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    }
    process = await asyncio.create_subprocess_exec(
        *(str(GEMINI), "-p", "Read the note.", "-m", model),
        env=environ,
        cwd=work,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, errors.decode()
    assert output.decode().strip() == "A governed answer."
    first, second = bench.upstream.requests
    assert "the note of this test" not in first.body.decode()
    sent = second.json()
    if model == GEMINI_MODEL:
        *_, call, result = sent["contents"]
        assert call["parts"][0]["thoughtSignature"] == gemini.SIGNATURE
        assert result["parts"][0]["functionResponse"]["response"] == {"output": "the note of this test"}
    else:
        assert sent["messages"][-1]["content"] == "the note of this test"
    assert all(KEY not in value for request in bench.upstream.requests for value in request.headers.values())
