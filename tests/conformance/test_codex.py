"""The real Codex command-line client, with nothing but an address and a virtual key: a turn with a tool call."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Bench
from tests.support import responses
from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL, RESPONSES_MODEL
from tests.support.upstream import Reply, chat_stream, messages_stream, responses_stream, sse_reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODEX = Path(__file__).parent / "node" / "node_modules" / ".bin" / "codex"
CONFIG = """
model = "{model}"
web_search = "disabled"
openai_base_url = "{url}/openai/v1"
"""
COMMAND = {"cmd": "echo governed-$((40 + 2))"}


def calling(model: str) -> Reply:
    """An answer that asks for a command, in the dialect of the model's provider."""
    arguments = json.dumps(COMMAND)
    if model == RESPONSES_MODEL:
        return responses_stream(
            [], responses.message("Let me look."), responses.call("call_1abc", "exec_command", arguments)
        )
    if model == CHAT_MODEL:
        function = {"name": "exec_command", "arguments": arguments}
        calls = [{"index": 0, "id": "call_1abc", "type": "function", "function": function}]
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        chunks: list[dict[str, Any]] = [
            {**head, "choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        ]
        return sse_reply([*(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks), b"data: [DONE]\n\n"])
    usage = {"input_tokens": 7, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    block = {"type": "tool_use", "id": "toolu_1abc", "name": "exec_command", "input": {}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": arguments}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    return sse_reply([b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events])


@pytest.mark.parametrize("model", [RESPONSES_MODEL, CHAT_MODEL, MESSAGES_MODEL])
async def test_codex_runs_a_tool_and_is_answered_through_the_gateway(bench: Bench, tmp_path: Path, model: str) -> None:
    streamed = {RESPONSES_MODEL: responses_stream, CHAT_MODEL: chat_stream, MESSAGES_MODEL: messages_stream}[model]
    bench.upstream.script(calling(model), streamed(["A governed ", "answer."]))
    home = tmp_path / "codex"
    home.mkdir()
    (home / "config.toml").write_text(CONFIG.format(model=model, url=bench.gateway.url))
    process = await asyncio.create_subprocess_exec(
        *(str(CODEX), "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json", "Look."),
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CODEX_HOME": str(home), "CODEX_API_KEY": KEY},
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    told = [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 0, (told, errors.decode())
    items = [each["item"] for each in told if each["type"] == "item.completed"]
    [ran] = [item for item in items if item["type"] == "command_execution"]
    assert ran["aggregated_output"] == "governed-42\n"
    assert [item["text"] for item in items if item["type"] == "agent_message"][-1] == "A governed answer."
    assert len(bench.upstream.requests) == 2
    assert "governed-42" in bench.upstream.requests[1].body.decode()
    assert all(KEY not in value for request in bench.upstream.requests for value in request.headers.values())
