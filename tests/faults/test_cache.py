"""Through a whole gateway: what is given again is governed like what has just come, recorded, and costs nothing."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import evidence, in_process
from tests.support.guardrails import EMAIL
from tests.support.outside import Answering
from tests.support.upstream import (
    Reply,
    Request,
    Upstream,
    chat_answer,
    chat_stream,
    json_reply,
    messages_answer,
    messages_stream,
    plausible,
)

POLICY = "policies: {default: {prompt: {email: %s}, answer: {email: %s}}}"
CHAT = "/v1/chat/completions"
SCRIPTS: dict[str, dict[bool, Any]] = {
    CHAT: {True: lambda text: chat_stream([text, " there"]), False: chat_answer},
    "/v1/messages": {True: lambda text: messages_stream([text, " there"]), False: messages_answer},
}


def client(
    folder: Path,
    upstream: Upstream,
    prompt: str = "redact",
    answer: str = "redact",
    more: Mapping[str, Any] | None = None,
    **case: Any,
) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """A client of the use case `demo`, whose answers are kept; its model is the scripted provider's. `more` are settings."""
    declared = {"organisation": "default", "team": "demo", "name": "demo", "purpose": "Tests.", "models": ["demo*"]}
    provider = {
        "name": "far",
        "dialects": ["openai_chat", "anthropic_messages", "openai_embeddings"],
        "base_url": f"{upstream.base_url}/v1",
        "place": "on_prem",
    }
    deployment = {"name": "far", "model": "demo-far", "provider": "far", "price": {"input": "1", "output": "2"}}
    return in_process.client(
        folder,
        POLICY % (prompt, answer),
        {},
        organisations=({"name": "default"},),
        teams=({"organisation": "default", "name": "demo"},),
        use_cases=({**declared, "cache": {"mode": "exact"}, **case},),
        providers=(provider,),
        deployments=(deployment, {"name": "minilm", "model": "minilm", "provider": "far"}),
        **(more or {}),
    )


def asking(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "demo-far", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}


def outcome(folder: Path, answer: httpx.Response) -> dict[str, Any]:
    """The outcome entry of an answer's exchange."""
    [entry] = [each for each in evidence.of(folder, answer.headers["x-request-id"]) if each["kind"] == "outcome"]
    return entry


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", SCRIPTS)
async def test_the_second_answer_is_the_first_and_nobody_is_called(tmp_path: Path, path: str, stream: bool) -> None:
    async with Upstream() as upstream, client(tmp_path, upstream) as to:
        upstream.script(SCRIPTS[path][stream]("hello"), SCRIPTS[path][stream]("other"))
        first, second = [await to.post(path, json=asking(stream=stream)) for _ in range(2)]
        other = await to.post(path, json=asking(stream=not stream))
        assert upstream.hits == 2
    assert (first.status_code, second.status_code) == (200, 200), first.text
    assert second.content == first.content
    told = [answer.headers["x-sluicegate-cache"] for answer in (first, second, other)]
    assert told == ["miss", "hit", "miss"]
    assert second.headers["content-type"] == first.headers["content-type"]
    made, again = outcome(tmp_path, first), outcome(tmp_path, second)
    assert made["nano_usd"] > 0
    assert again["answer_sha256"] == made["answer_sha256"]
    assert again.keys().isdisjoint({"nano_usd", "attempts", "tokens", "deployment"})
    [hit] = [decision for decision in again["decisions"] if decision["stage"] == "s6_call"]
    assert hit["reason"] == "cache_hit"
    assert (hit["detail"]["from"], hit["detail"]["deployment"]) == (made["exchange"], "far")
    assert any(decision["stage"] == "s7_inspect_response" for decision in again["decisions"])


async def test_what_is_given_again_costs_no_budget(tmp_path: Path) -> None:
    async with Upstream() as upstream, client(tmp_path, upstream) as to:
        for _ in range(3):
            assert (await to.post(CHAT, json=asking())).status_code == 200
        assert upstream.hits == 1
        page = (await to.get("/metrics")).text
    assert "sluicegate_cache_hits_total 2.0" in page
    assert "sluicegate_cache_misses_total 1.0" in page
    assert sum(entry.get("nano_usd", 0) for entry in evidence.entries(tmp_path, "outcome")) == 7 * 1_000 + 5 * 2_000


async def test_an_answer_is_redacted_each_time(tmp_path: Path) -> None:
    async with Upstream() as upstream, client(tmp_path, upstream) as to:
        upstream.script(chat_answer(f"write to {EMAIL}"))
        answers = [await to.post(CHAT, json=asking()) for _ in range(2)]
        assert upstream.hits == 1
    assert answers[0].content == answers[1].content
    for answer in answers:
        assert EMAIL not in answer.text
        assert answer.headers["x-sluicegate-decisions"] == "s7_inspect_response=answer_redacted"


async def test_an_answer_that_is_refused_is_not_kept(tmp_path: Path) -> None:
    async with Upstream() as upstream, client(tmp_path, upstream, answer="block") as to:
        upstream.script(chat_answer(f"write to {EMAIL}"))
        for _ in range(2):
            assert (await to.post(CHAT, json=asking())).status_code == 400
        assert upstream.hits == 2


@pytest.mark.parametrize("action", ["alert", "redact", "tokenise", "reroute"])
async def test_a_prompt_in_which_something_was_found_is_not_answered_from_memory(tmp_path: Path, action: str) -> None:
    async with Upstream() as upstream, client(tmp_path, upstream, prompt=action) as to:
        for _ in range(2):
            answer = await to.post(CHAT, json=asking(f"write to {EMAIL}"))
            assert (answer.status_code, answer.headers["x-sluicegate-cache"]) == (200, "bypass")
        assert upstream.hits == 2


@pytest.mark.parametrize("case", [{"classification": "sensitive"}, {"cache": {"mode": "off"}}, {"cache": {}}])
async def test_without_a_cache_nothing_is_told_or_kept(tmp_path: Path, case: dict[str, Any]) -> None:
    async with Upstream() as upstream, client(tmp_path, upstream, **case) as to:
        for _ in range(2):
            answer = await to.post(CHAT, json=asking())
            assert answer.status_code == 200
            assert "x-sluicegate-cache" not in answer.headers
        assert upstream.hits == 2


async def test_an_answer_that_broke_off_is_not_kept(tmp_path: Path) -> None:
    async with Upstream() as upstream, client(tmp_path, upstream) as to:
        upstream.script(chat_stream(["hel", "lo"], reset_after=2), chat_stream(["hel", "lo"]))
        broken, whole, again = [await to.post(CHAT, json=asking(stream=True)) for _ in range(3)]
        assert upstream.hits == 2
    assert b"[DONE]" not in broken.content
    assert again.content == whole.content
    assert again.headers["x-sluicegate-cache"] == "hit"


def meaning(request: Request) -> Reply:
    """Texts that begin alike mean the same to the model of vectors; the others get plausible answers."""
    if not request.path.endswith("/embeddings"):
        return plausible(request)
    vector = [1.0, 0.1] if request.json()["input"].startswith("what") else [0.1, 1.0]
    return json_reply({"object": "list", "data": [{"index": 0, "embedding": vector}]})


SEMANTIC = {"mode": "semantic", "threshold": 0.9}
BY_MEANING = {"cache": {"embedding_deployment": "minilm"}}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_text_that_means_the_same_gets_the_same_answer(tmp_path: Path, stream: bool) -> None:
    async with Answering(meaning) as upstream, client(tmp_path, upstream, more=BY_MEANING, cache=SEMANTIC) as to:
        texts = ("what is it?", "what may it be?", "who is it?", "what is 5?")
        answers = [await to.post(CHAT, json=asking(text, stream=stream)) for text in texts]
        paths = [request.path for request in upstream.requests]
    assert [answer.headers["x-sluicegate-cache"] for answer in answers] == ["miss", "semantic", "miss", "miss"]
    assert answers[1].content == answers[0].content
    assert (paths.count("/v1/embeddings"), paths.count("/v1/chat/completions")) == (4, 3)
    again = outcome(tmp_path, answers[1])
    [hit] = [decision for decision in again["decisions"] if decision["stage"] == "s6_call"]
    assert (hit["reason"], hit["detail"]["embedded_by"]) == ("cache_hit", "minilm")
    assert again.keys().isdisjoint({"nano_usd", "attempts", "tokens"})
    missed = outcome(tmp_path, answers[2])
    assert ("s6_call", "cache_miss") in [(decision["stage"], decision["reason"]) for decision in missed["decisions"]]


async def test_nobody_who_can_tell_means_a_miss(tmp_path: Path) -> None:
    def broken(request: Request) -> Reply:
        return Reply(status=500) if request.path.endswith("/embeddings") else plausible(request)

    async with Answering(broken) as upstream, client(tmp_path, upstream, more=BY_MEANING, cache=SEMANTIC) as to:
        for text, told in (("what is it?", "miss"), ("what may it be?", "miss"), ("what is it?", "hit")):
            answer = await to.post(CHAT, json=asking(text))
            assert (answer.status_code, answer.headers["x-sluicegate-cache"]) == (200, told)


async def test_a_prompt_in_which_something_was_found_is_not_sent_to_be_compared(tmp_path: Path) -> None:
    async with Answering(meaning) as upstream, client(tmp_path, upstream, more=BY_MEANING, cache=SEMANTIC) as to:
        answer = await to.post(CHAT, json=asking(f"what is {EMAIL}?"))
        assert answer.headers["x-sluicegate-cache"] == "bypass"
        assert [request.path for request in upstream.requests] == ["/v1/chat/completions"]
