import asyncio

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import whole
from sluicegate.providers.scripted import Script, ScriptedProvider
from tests.support.calls import DOCUMENT, collect, request, target


async def test_scripts_are_used_in_order_and_the_last_one_stays() -> None:
    one, two = whole({"n": 1}), whole({"n": 2})
    provider = ScriptedProvider({"d": [Script(batches=[[one]]), Script(batches=[[two]])], "*": [Script()]})
    seen = []
    for deployment in ("d", "d", "d", "other"):
        async with provider.send(target(deployment=deployment), request(target(), headers={"a": "b"})) as answer:
            seen.append(await collect(answer))
    assert seen == [[one], [two], [two], []]
    assert provider.left == [True] * 4
    assert provider.entered.is_set()
    assert provider.sent[0].request.headers == {"a": "b"}
    assert provider.sent[0].request.body == DOCUMENT


async def test_faults() -> None:
    error = UpstreamError(Reason.UPSTREAM_RESET, "x")
    hold = asyncio.Event()
    hold.set()
    scripts = [Script(refusal=error), Script(batches=[[whole({})]], failure=error, hold=hold, hold_end=hold)]
    provider = ScriptedProvider({"*": scripts})
    with pytest.raises(UpstreamError):
        async with provider.send(target(), request(target())):
            pass
    async with provider.send(target(), request(target())) as answer:
        assert len(await answer.read()) == 1
        with pytest.raises(UpstreamError):
            await answer.read()
    assert provider.left == [False]
