"""openai-node's Responses API against the running gateway, in front of a provider of its own dialect and of others."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.answers import CALLS, chat_calls, messages_calls
from tests.conformance.conftest import Bench
from tests.conformance.test_openai_responses import MODELS, calls, one_of
from tests.support.gateway import KEY
from tests.support.upstream import (
    chat_answer,
    chat_stream,
    messages_answer,
    messages_stream,
    responses_answer,
    responses_stream,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = Path(__file__).parent / "node" / "openai_responses.mjs"


@MODELS
async def test_openai_node(bench: Bench, model: str) -> None:
    texts = ["he", "l", "lo"]
    bench.upstream.script(
        one_of(model, responses_answer("hello"), chat_answer("hello"), messages_answer("hello")),
        one_of(model, responses_stream(texts), chat_stream(texts), messages_stream(texts)),
        one_of(model, responses_stream([], *calls()), chat_calls(stream=True), messages_calls(stream=True)),
        one_of(
            model,
            responses_stream(texts, reset_after=5),
            chat_stream(texts, reset_after=2),
            messages_stream(texts, reset_after=3),
        ),
    )
    process = await asyncio.create_subprocess_exec(
        *("node", str(SCRIPT), f"{bench.gateway.url}/v1", KEY, model),
        env={"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    told: Any = json.loads(output)
    assert (told["whole"], told["deltas"], told["final"], told["usage"]) == ("hello", "hello", "hello", [7, 5])
    assert [tuple(call) for call in told["calls"]] == list(CALLS)
    assert told["refused"] == {"name": "PermissionDeniedError", "code": "model_not_allowed", "status": 403}
    assert told["broken"]["name"] == "APIError"
