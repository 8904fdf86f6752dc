import asyncio

import pytest

from sluicegate.core.provider import Place
from sluicegate.providers.ollama import offered
from sluicegate.settings import Demo
from tests.support.calls import Caller
from tests.support.upstream import Reply, Upstream, json_reply


async def test_its_models_are_offered_under_both_names() -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(json_reply({"models": [{"name": "llama3:8b", "size": 1}, {"name": "bad\nname"}]}))
        found = await offered(caller.pool, Demo(ollama_url=upstream.base_url + "/", ollama_timeout=5))
        assert set(found) == {"llama3:8b", "ollama/llama3:8b"}
        target = found["llama3:8b"]
        assert target is found["ollama/llama3:8b"]
        assert (target.place, target.upstream_model, target.base_url) == (
            Place.ON_PREM,
            "llama3:8b",
            upstream.base_url + "/v1",
        )
        assert (upstream.requests[0].method, upstream.requests[0].path) == ("GET", "/api/tags")
        await caller.call(target)
        assert upstream.requests[1].path == "/v1/chat/completions"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>"),
        Reply(body=b"[]"),
        Reply(status=500),
        Reply(raw=b""),
        Reply(gate=asyncio.Event()),
        Reply(body=b"x" * 2_000_000),
    ],
)
async def test_without_a_proper_answer_nothing_is_offered(reply: Reply) -> None:
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(reply)
        assert await offered(caller.pool, Demo(ollama_url=upstream.base_url, ollama_timeout=0.2)) == {}


async def test_nobody_there() -> None:
    async with Upstream() as upstream:
        gone = upstream.base_url
    async with Caller() as caller:
        assert await offered(caller.pool, Demo(ollama_url=gone)) == {}
        assert await offered(caller.pool, Demo(ollama_url="")) == {}
