"""The example of docs/add-a-provider.md, as it stands there, but for the vendor's host."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio
import yaml

from tests.conformance.conftest import Bench
from tests.support.gateway import KEY, governed, start
from tests.support.upstream import Upstream, chat_answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = Path(__file__).parents[2] / "docs" / "add-a-provider.md"
EXAMPLE = re.compile(r"^```yaml\n(providers:.*?)^```", re.M | re.S)
SECRET = "hush" + "-hush"
ASK: Any = [{"role": "user", "content": "Hello"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    found = EXAMPLE.search(PAGE.read_text(encoding="utf-8"))
    assert found
    async with Upstream() as upstream:
        example = yaml.safe_load(found.group(1).replace("https://api.acme-ai.example", upstream.base_url))
        settings = governed(upstream.base_url, models=["*"])
        settings["providers"] += example["providers"]
        settings["deployments"] += example["deployments"]
        gateway = await start(tmp_path_factory.mktemp("gateway"), settings, {"ACME_AI_KEY": SECRET})
        try:
            yield Bench(upstream, gateway)
        finally:
            await gateway.stop()


async def test_in_openai_s_words(bench: Bench) -> None:
    bench.upstream.script(chat_answer("hello"))
    headers = {"openai-project": "proj_1", "openai-organization": "org-1"}
    async with openai.AsyncOpenAI(base_url=f"{bench.gateway.url}/v1", api_key=KEY, max_retries=0) as sdk:
        answer = await sdk.chat.completions.with_raw_response.create(
            model="large", messages=ASK, max_completion_tokens=5, temperature=0.5, extra_headers=headers
        )
    assert answer.headers["x-sluicegate-dropped"] == "temperature"
    (sent,) = bench.upstream.requests
    assert (sent.method, sent.path) == ("POST", "/inference/models/acme%2Flarge-2/chat?version=2026-01")
    assert (sent.headers["x-acme-key"], sent.headers["openai-project"]) == (SECRET, "proj_1")
    assert not {"authorization", "openai-organization"} & sent.headers.keys()
    assert sent.json() == {"model": "acme/large-2", "messages": ASK, "max_tokens": 5}


async def test_in_anthropic_s_words(bench: Bench) -> None:
    bench.upstream.script(chat_answer("hello"))
    async with anthropic.AsyncAnthropic(base_url=bench.gateway.url, api_key=KEY, max_retries=0) as sdk:
        message = await sdk.messages.create(model="large", max_tokens=5, messages=ASK)
    assert message.content[0].type == "text"
    assert bench.upstream.requests[0].json()["max_tokens"] == 5
