"""What detectors are let out to: addresses on the network, and models on premises alone."""

import json
from typing import Any

import pytest

from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import GatewayError, UpstreamError
from sluicegate.core.provider import Place
from sluicegate.dlp.external.doors import Reply as Got
from sluicegate.doors import embedding
from tests.support.calls import Caller, target
from tests.support.outside import ways_out
from tests.support.upstream import Reply, Upstream, chat_answer, json_reply, messages_answer


async def test_a_post_leaves() -> None:
    async with Upstream() as server, ways_out() as doors:
        server.script(json_reply({"a": 1}))
        assert await doors.post(server.base_url, b"{}", {}, 100) == Got(200, b'{"a": 1}')


@pytest.mark.parametrize("dialect", [DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES])
async def test_a_model_on_premises_is_asked_in_its_dialect(dialect: DialectName) -> None:
    async with Upstream() as server:
        spoken = (DialectName.OPENAI_EMBEDDINGS, dialect)
        there = target(
            f"{server.base_url}/v1",
            place=Place.ON_PREM,
            dialects=spoken,
            upstream_model="its-name",
        )
        async with ways_out(there) as doors:
            openai = dialect is DialectName.OPENAI_CHAT
            server.script(chat_answer("yes") if openai else messages_answer("yes"))
            assert await doors.chat("d", "system words", "user words", 7) == "yes"
            sent = server.requests[0].json()
            assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("its-name", 7, 0)
            assert "system words" in json.dumps(sent)
            assert sent["messages"][-1] == {"role": "user", "content": "user words"}


@pytest.mark.parametrize(
    "changes",
    [
        {"place": Place.CLOUD},
        {"upstream_model": "*"},
        {"kind": "unknown"},
        {"deployment": "other"},
        {"dialects": (DialectName.OPENAI_EMBEDDINGS,)},
    ],
)
async def test_no_other_model_is_asked(changes: dict[str, Any]) -> None:
    async with Upstream() as server:
        there = target(f"{server.base_url}/v1", **{"place": Place.ON_PREM, **changes})
        async with ways_out(there) as doors:
            with pytest.raises(UpstreamError):
                await doors.chat("d", "s", "u", 7)
        assert server.hits == 0


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500),
        Reply(body=b"{}"),
        Reply(body=b'{"choices": []}'),
        Reply(body=b'{"choices": [{"message": {"content": null}}]}'),
        chat_answer("x" * 300_000),
    ],
    ids=range(5),
)
async def test_an_answer_without_text(reply: Reply) -> None:
    async with Upstream() as server, ways_out(target(f"{server.base_url}/v1", place=Place.ON_PREM)) as doors:
        server.script(reply)
        with pytest.raises(GatewayError):
            await doors.chat("d", "s", "u", 7)


VECTOR = json_reply({"object": "list", "data": [{"index": 0, "embedding": [0.5, 1]}], "usage": {"prompt_tokens": 2}})
EMBEDDING: dict[str, Any] = {"place": Place.ON_PREM, "dialects": (DialectName.OPENAI_EMBEDDINGS,), "region": "eu-1"}


async def test_what_a_text_means_is_asked_on_premises() -> None:
    async with Upstream() as server, Caller() as caller:
        there = target(f"{server.base_url}/v1", **EMBEDDING, upstream_model="minilm")
        server.script(VECTOR)
        embed = embedding("d", {"d": there}.get, {"http": caller.provider})
        assert await embed("words", ("eu-*",)) == ("d", "minilm", [0.5, 1])
        assert server.requests[0].path == "/v1/embeddings"
        assert server.requests[0].json() == {"model": "minilm", "input": "words", "encoding_format": "float"}


@pytest.mark.parametrize(
    "changes",
    [
        {"place": Place.PRIVATE_CLOUD},
        {"upstream_model": "*"},
        {"kind": "unknown"},
        {"deployment": "other"},
        {"dialects": (DialectName.OPENAI_CHAT,)},
        {"region": "us-1"},
        {"region": ""},
    ],
)
async def test_nobody_else_is_asked_what_a_text_means(changes: dict[str, Any]) -> None:
    async with Upstream() as server, Caller() as caller:
        there = target(f"{server.base_url}/v1", **{**EMBEDDING, **changes})
        embed = embedding("d", {there.deployment: there}.get, {"http": caller.provider})
        with pytest.raises(UpstreamError):
            await embed("words", ("eu-*",))
        assert server.hits == 0


@pytest.mark.parametrize(
    "reply",
    [Reply(status=500), Reply(body=b"{}"), json_reply({"data": []}), json_reply({"data": [{"embedding": "AAAA"}]})],
    ids=range(4),
)
async def test_an_answer_without_a_vector(reply: Reply) -> None:
    async with Upstream() as server, Caller() as caller:
        there = target(f"{server.base_url}/v1", **EMBEDDING)
        embed = embedding("d", {"d": there}.get, {"http": caller.provider})
        server.script(reply)
        with pytest.raises(GatewayError):
            await embed("words", ())
