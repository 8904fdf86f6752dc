"""The whole gateway on PostgreSQL: schema applied at start, an answer, its entries, and the command that verifies them."""

import asyncio
import sys
from pathlib import Path

import httpx

from tests.support.gateway import CHAT_MODEL, KEY, governed, running
from tests.support.upstream import Upstream, chat_stream


async def verify(directory: Path, url: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sluicegate", "audit", "verify"),
        stdout=asyncio.subprocess.PIPE,
        cwd=directory,
        env={"SLUICEGATE_DATA_DIR": str(directory / "data"), "SLUICEGATE_DATABASE__URL": url},
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_a_governed_recorded_answer_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    budget = [{"period": "day", "usd": "1"}]
    async with Upstream() as upstream:
        settings = governed(upstream.base_url, key={"budgets": budget}) | {"database": {"url": postgres_url}}
        for _ in range(2):  # the second start finds the schema and the log as the first left them
            upstream.script(chat_stream(["a ", "b"]))
            async with running(tmp_path, settings) as gateway, httpx.AsyncClient(base_url=gateway.url) as client:
                body = {"model": CHAT_MODEL, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
                headers = {"Authorization": f"Bearer {KEY}"}
                answer = await client.post("/v1/chat/completions", json=body, headers=headers)
                assert answer.status_code == 200, answer.text
                assert answer.text.endswith("data: [DONE]\n\n")
                assert (await client.post("/v1/chat/completions", json=body)).status_code == 401
    status, output = await verify(tmp_path, postgres_url)
    assert status == 0, output
    assert output.startswith("valid")
