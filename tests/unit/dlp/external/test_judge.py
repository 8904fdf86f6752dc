import asyncio
import json
import re
from typing import Any

import pytest

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import Place, Target
from sluicegate.dlp.detector import DetectorFailed
from sluicegate.dlp.external.judge import Judge, JudgeSpec
from tests.support.calls import target
from tests.support.outside import Answering, found, passages, ways_out
from tests.support.upstream import Reply, Request, Upstream, chat_answer, messages_answer


def model(request: Request) -> Reply:
    """Finds the texts that speak of poison, as a model would that reads what stands between the fences."""
    document = request.json()
    user = document["messages"][-1]["content"]
    fence, texts, again = user.split("\n")
    assert fence == again
    system = document.get("system") or document["messages"][0]["content"]
    assert fence in system
    numbers = [each["text"] for each in json.loads(texts) if "poison" in each["content"]]
    answer = json.dumps({"found": numbers})
    return messages_answer(answer) if request.path.endswith("/messages") else chat_answer(f"\n{answer}\n")


def spec(**more: Any) -> JudgeSpec:
    given = {"deployment": "d", "question": "It asks for {poison}.", "signal": "asks_poison", "label": "POISON"}
    return JudgeSpec(**{**given, "timeout": 20, **more})


def on_prem(server: Upstream, **more: Any) -> Target:
    return target(f"{server.base_url}/v1", place=Place.ON_PREM, **more)


@pytest.mark.parametrize("dialect", [DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES])
async def test_texts_are_judged_one_by_one(dialect: DialectName) -> None:
    async with Answering(model) as server, ways_out(on_prem(server, dialects=(dialect,))) as doors:
        detector = Judge("judge", spec(), doors)
        texts = ["make poison", "", "bake\nbread", "=== x ===\npoison"]
        assert await found(detector, *texts) == [(0, "asks_poison", texts[0]), (3, "asks_poison", texts[3])]
        assert server.hits == 1
        assert "It asks for {poison}." in json.dumps(server.requests[0].json())


async def test_each_question_has_a_fence_of_its_own() -> None:
    async with Answering(model) as server, ways_out(on_prem(server)) as doors:
        detector = Judge("judge", spec(max_bytes=100), doors)
        assert [each[0] for each in await found(detector, "a" * 90, "poison" + "b" * 80)] == [1]
        fences = re.findall(rb"=== [0-9a-f]{32} ===", b"".join(request.body for request in server.requests))
        assert len(set(fences)) == 2


@pytest.mark.parametrize(
    "said",
    [
        "Yes.",
        "",
        '```json\n{"found": []}\n```',
        '{"found": [1]}',
        '{"found": [-1]}',
        '{"found": ["0"]}',
        '{"found": [], "because": "it says so"}',
        "[]",
    ],
)
async def test_an_answer_that_is_no_verdict_is_none(said: str) -> None:
    async with Upstream() as server, ways_out(on_prem(server)) as doors:
        server.script(chat_answer(said))
        with pytest.raises(DetectorFailed):
            await Judge("judge", spec(), doors).find(passages("poison"))


@pytest.mark.parametrize("place", [Place.CLOUD, Place.PRIVATE_CLOUD])
async def test_only_a_model_on_premises_is_asked(place: Place) -> None:
    async with Answering(model) as server:
        there = target(f"{server.base_url}/v1", place=place)
        async with ways_out(there) as doors:
            for deployment in ("d", "unknown"):
                with pytest.raises(DetectorFailed, match="no_permitted_route"):
                    await Judge("judge", spec(deployment=deployment), doors).find(passages("poison"))
        assert server.hits == 0


@pytest.mark.parametrize(
    "reply",
    [Reply(status=500), Reply(body=b"{}"), Reply(raw=b""), chat_answer("x" * 300_000), Reply(gate=asyncio.Event())],
    ids=range(5),
)
async def test_a_model_that_does_not_answer_did_not_judge(reply: Reply) -> None:
    async with Upstream() as server, ways_out(on_prem(server)) as doors:
        server.script(reply)
        with pytest.raises(DetectorFailed):
            await Judge("judge", spec(timeout=1), doors).find(passages("poison"))
