"""Two hundred requests at once on a budget for ten: ten are answered, and nothing is spent beyond the budget, or forgotten.

The provider reports exactly what was reserved, so that ten fill the budget to the last nano-dollar in whatever order.
"""

import asyncio
import json
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sluicegate.identity.keys import mint
from tests.support.client import CHAT, DIALECTS, MESSAGES, Answer, Dialect, answer, document
from tests.support.evidence import assert_verified, entries, spending
from tests.support.gateway import KEY, governed, start
from tests.support.upstream import Reply, Request, Upstream, chat_answer, messages_answer

REQUESTS, FIT = 200, 10
SECOND = mint()
OUTPUT = 50
TOKENS = 200
"""Of one request, prompt and answer."""
NANO_USD = (TOKENS - OUTPUT) * 1_000 + OUTPUT * 2_000
"""Of one request, at 1 and 2 USD per million tokens."""


class Provider(Upstream):
    """Reports as used what the gateway reserved: each byte of the prompt, and the longest answer."""

    def _next(self, request: Request) -> Reply:
        if request.path == MESSAGES.path:
            return messages_answer(input_tokens=TOKENS - OUTPUT, output_tokens=OUTPUT)
        return chat_answer(prompt=TOKENS - OUTPUT, completion=OUTPUT)


async def ask(url: str, dialect: Dialect, key: str) -> Answer:
    """A request of `TOKENS - OUTPUT` bytes."""
    bare = document(dialect, max_tokens=OUTPUT)
    bare["messages"][0]["content"] += " " * (TOKENS - OUTPUT - len(json.dumps(bare)))
    return await answer(url, dialect, key=key, **{name: bare[name] for name in ("messages", "max_tokens")})


def settings(upstream: str, scope: str, unit: str) -> dict[str, Any]:
    """Two keys of one team; the budget is the first key's or the team's."""
    amount = {"tokens": FIT * TOKENS} if unit == "tokens" else {"usd": str(Decimal(FIT * NANO_USD) / 10**9)}
    made = governed(upstream)
    made["keys"].append({**made["keys"][0], "name": "second", "sha256": sha256(SECOND.encode()).hexdigest()})
    made["keys" if scope == "key" else "teams"][0]["budgets"] = [{"period": "total", **amount}]
    return made


@pytest.mark.parametrize("unit", ["usd", "tokens"])
@pytest.mark.parametrize("scope", ["key", "team"])
async def test_a_budget_for_ten(tmp_path: Path, scope: str, unit: str) -> None:
    keys = (KEY, SECOND) if scope == "team" else (KEY,)
    async with Provider() as upstream:
        made = settings(upstream.base_url, scope, unit)
        gateway = await start(tmp_path, made)
        try:
            calls = (ask(gateway.url, DIALECTS[n % 2], keys[n // 2 % len(keys)]) for n in range(REQUESTS))
            answers = await asyncio.gather(*calls)
            assert all(got.ended for got in answers)
            assert sorted({got.status for got in answers}) == [200, 402]
            assert sum(got.status == 200 for got in answers) == upstream.hits == FIT
            for got in answers:
                if got.status == 402:
                    assert got.reason == "budget_exceeded"
            await gateway.kill()
            check_books(tmp_path, scope, unit)

            gateway = await start(tmp_path, made)
            again = await ask(gateway.url, CHAT, KEY)
            assert (again.status, again.reason, upstream.hits) == (402, "budget_exceeded", FIT)
            if scope == "key":
                other = await ask(gateway.url, CHAT, SECOND)
                assert other.status == 200
        finally:
            await gateway.stop()
    await assert_verified(tmp_path)


def check_books(directory: Path, scope: str, unit: str) -> None:
    """Spending is the sum of the outcome entries, and each refusal names the budget."""
    outcomes = entries(directory, "outcome")
    refusals = entries(directory, "refusal")
    assert len(outcomes) == FIT
    assert len(refusals) == REQUESTS - FIT
    spent: dict[str, list[int]] = {}
    for entry in outcomes:
        tokens = entry["tokens"]["input"] + entry["tokens"]["output"]
        for name in ("key", "team"):
            total = spent.setdefault(f"{name}:{entry[name]}", [0, 0])
            total[0] += tokens
            total[1] += entry["nano_usd"]
    assert spending(directory) == {name: tuple(total) for name, total in spent.items()}
    bounded = f"{scope}:{outcomes[0][scope]}"
    assert spent[bounded] == [FIT * TOKENS, FIT * NANO_USD]
    for entry in refusals:
        detail = next(judged["detail"] for judged in entry["decisions"] if judged["reason"] == "budget_exceeded")
        assert (detail["scope"], detail["period"]) == (bounded, "total")
        assert detail["unit"] == ("tokens" if unit == "tokens" else "nano_usd")


async def test_what_is_under_way_counts_and_what_a_kill_left_open_is_charged(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with Upstream() as upstream:
        upstream.script(Reply(gate=gate, hang=True))
        made = settings(upstream.base_url, "key", "tokens")
        gateway = await start(tmp_path, made)
        try:
            calls = [asyncio.ensure_future(ask(gateway.url, CHAT, KEY)) for _ in range(FIT * 2)]
            done: set[asyncio.Task[Answer]] = set()
            waiting = set(calls)
            while len(done) < FIT:  # the others wait for the provider
                ended, waiting = await asyncio.wait(waiting, timeout=30, return_when=asyncio.FIRST_COMPLETED)
                done |= ended
            assert {call.result().status for call in done} == {402}
            while upstream.hits < FIT:
                upstream.arrived.clear()
                await asyncio.wait_for(upstream.arrived.wait(), 30)
            await gateway.kill()
            assert all(not got.ended for got in await asyncio.gather(*waiting))
            upstream.script(chat_answer())

            gateway = await start(tmp_path, made)
            assert (await ask(gateway.url, CHAT, KEY)).status == 402
            assert upstream.hits == FIT
        finally:
            await gateway.stop()
    outcomes = entries(tmp_path, "outcome")
    assert [(entry["outcome"], entry["nano_usd"]) for entry in outcomes] == [("unknown_crash", NANO_USD)] * FIT
    scope = f"key:{outcomes[0]['key']}"
    assert spending(tmp_path)[scope] == (FIT * TOKENS, FIT * NANO_USD)
    await assert_verified(tmp_path)
