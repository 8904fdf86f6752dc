"""The real Claude Code command-line client, with nothing but a base URL and a virtual key."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.conformance.conftest import Bench
from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL
from tests.support.upstream import chat_stream, messages_stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAUDE = Path(__file__).parent / "node" / "node_modules" / ".bin" / "claude"


@pytest.mark.parametrize("model", [MESSAGES_MODEL, CHAT_MODEL])
async def test_claude_p_is_answered_through_the_gateway(bench: Bench, tmp_path: Path, model: str) -> None:
    streamed = messages_stream if model == MESSAGES_MODEL else chat_stream
    bench.upstream.script(streamed(["A governed ", "answer."]))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ANTHROPIC_BASE_URL": bench.gateway.url,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(str(CLAUDE), "-p", "Say something.", "--model", model),
        env=environ,
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, errors.decode()
    assert output.decode().strip() == "A governed answer."
    assert bench.upstream.requests
    assert all(KEY not in value for request in bench.upstream.requests for value in request.headers.values())
