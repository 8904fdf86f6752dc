"""A virtual key in the path: it names the caller, and stands nowhere afterwards."""

from pathlib import Path

import anthropic
import httpx
import openai

from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL, governed, running
from tests.support.upstream import Upstream, chat_answer, messages_answer

ASK = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}


def held(folder: Path, text: str) -> list[str]:
    """The files below `folder` that hold `text`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if text.encode() in path.read_bytes()]


async def test_a_key_in_the_path_names_the_caller_and_is_kept_nowhere(tmp_path: Path) -> None:
    async with Upstream() as upstream, running(tmp_path, governed(upstream.base_url)) as gateway:
        async with httpx.AsyncClient(base_url=f"{gateway.url}/k/{KEY}") as http:
            for path, model, reply in (
                ("/v1/chat/completions", CHAT_MODEL, chat_answer("hello")),
                ("/anthropic/v1/messages", MESSAGES_MODEL, messages_answer("hello")),
            ):
                upstream.script(reply)
                answer = await http.post(path, json={**ASK, "model": model})
                assert answer.status_code == 200, answer.text
            refused = await http.post("/v1/chat/completions", json={**ASK, "model": "another"})
            missing = await http.post("/v1/nothing", json=ASK)
            methods = await http.patch("/v1/chat/completions", json=ASK)
        assert [answer.status_code for answer in (refused, missing, methods)] == [403, 404, 405]
        metrics = httpx.get(f"{gateway.url}/metrics").text
        assert 'surface="/anthropic/v1/messages"' in metrics
        told = [metrics, gateway.printed, gateway.log, refused.text, missing.text, methods.text]
        told += [str(request) for request in upstream.requests]
    assert not [text for text in told if KEY in text]
    assert held(tmp_path, KEY) == []


async def test_a_key_in_the_path_that_is_none_is_refused_as_elsewhere(tmp_path: Path) -> None:
    async with Upstream() as upstream, running(tmp_path, governed(upstream.base_url)) as gateway:
        async with httpx.AsyncClient() as http:
            for key in (KEY[:-1], KEY + "0", "nothing", "sg-admin-" + KEY[6:]):
                answer = await http.post(f"{gateway.url}/k/{key}/v1/messages", json=ASK)
                assert answer.status_code == 403
                assert answer.headers["x-sluicegate-reason"] in ("key_malformed", "admin_credential")
                assert key not in answer.text
        upstream.script(chat_answer("hello"))
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/k/{KEY}/openai/v1", api_key=KEY, max_retries=0) as sdk:
            await sdk.chat.completions.create(model=CHAT_MODEL, messages=[{"role": "user", "content": "Hello"}])
        upstream.script(messages_answer("hello"))
        async with anthropic.AsyncAnthropic(base_url=f"{gateway.url}/k/{KEY}/anthropic", api_key=KEY, max_retries=0) as sdk:
            await sdk.messages.create(model=MESSAGES_MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hello"}])
