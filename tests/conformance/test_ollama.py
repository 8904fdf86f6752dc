"""Models of an Ollama on this machine are offered beside the demo model, once it answers."""

import re
from pathlib import Path

import httpx

from tests.support.gateway import start
from tests.support.upstream import Upstream, chat_answer, json_reply


async def test_ollamas_models_are_offered_and_governed(tmp_path: Path) -> None:
    async with Upstream() as ollama:
        ollama.script(json_reply({"models": [{"name": "llama3:8b"}]}), chat_answer("from the machine"))
        gateway = await start(tmp_path, env={"SLUICEGATE_DEMO__OLLAMA_URL": ollama.base_url})
        try:
            await ollama.arrived.wait()
            key = re.search(r"sk-sg-\w+", gateway.printed)
            assert key is not None
            headers = {"Authorization": f"Bearer {key[0]}"}
            body = {"model": "ollama/llama3:8b", "messages": [{"role": "user", "content": "Hello"}]}
            async with httpx.AsyncClient(base_url=gateway.url, headers=headers) as client:
                answer = await client.post("/v1/chat/completions", json=body)
                while answer.status_code == 400:  # not offered yet
                    answer = await client.post("/v1/chat/completions", json=body)
            assert answer.json()["choices"][0]["message"]["content"] == "from the machine"
            assert ollama.requests[-1].path == "/v1/chat/completions"
            assert ollama.requests[-1].json()["model"] == "llama3:8b"
        finally:
            await gateway.stop()
