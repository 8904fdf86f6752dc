"""Clients that leave in mid-stream, that hardly read, and a gateway that is told to stop while it answers."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.client import CHAT, DIALECTS, LIMIT, Dialect, answer, ask
from tests.support.evidence import assert_verified, of
from tests.support.gateway import Gateway, governed, start
from tests.support.upstream import Reply, Upstream, chat_stream, messages_stream

LONG = " and so it goes on" * 50
"""Text behind which nothing that came before is held back by the guardrails."""
EACH_DIALECT = pytest.mark.parametrize("dialect", DIALECTS, ids=("chat", "messages"))


@dataclass
class Bench:
    """A gateway and its provider."""

    upstream: Upstream
    gateway: Gateway


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Upstream() as upstream:
        settings = governed(upstream.base_url) | {"server": {"write_timeout": 1, "write_buffer_bytes": 16_384}}
        gateway = await start(tmp_path, settings)
        try:
            yield Bench(upstream, gateway)
        finally:
            await gateway.stop()


def begun(dialect: Dialect, gate: asyncio.Event) -> Reply:
    """A stream that begins, and goes on when the gate opens."""
    script = chat_stream if dialect is CHAT else messages_stream
    return script(["begun", LONG, "ended"], gates={4: gate})


@EACH_DIALECT
@pytest.mark.parametrize("how", ["reset", "finish"])
async def test_a_client_leaves_in_mid_stream(bench: Bench, tmp_path: Path, dialect: Dialect, how: str) -> None:
    bench.upstream.script(begun(dialect, asyncio.Event()))
    async with ask(bench.gateway.url, dialect, stream=True) as call:
        await call.until(b"begun")
        assert bench.upstream.open == 1
        bench.upstream.left.clear()
        if how == "reset":
            call.reset()
        else:
            call.finish()
        await asyncio.wait_for(bench.upstream.left.wait(), 1)
    assert await bench.gateway.stop() == 0
    _, outcome = of(tmp_path, call.headers["x-sluicegate-exchange"])
    assert (outcome["outcome"], outcome["reason"]) == ("abandoned", "client_gone")
    assert outcome["tokens"]["input"] > 0
    assert outcome["tokens"]["output"] > 0
    assert outcome["nano_usd"] > 0
    await assert_verified(tmp_path)


@EACH_DIALECT
async def test_a_client_leaves_before_the_answer_begins(bench: Bench, tmp_path: Path, dialect: Dialect) -> None:
    bench.upstream.script(Reply(hang=True, gate=asyncio.Event()))
    async with ask(bench.gateway.url, dialect) as call:
        await asyncio.wait_for(bench.upstream.arrived.wait(), LIMIT)
        bench.upstream.left.clear()
        call.reset()
        await asyncio.wait_for(bench.upstream.left.wait(), 1)
    assert await bench.gateway.stop() == 0
    _, outcome = of(tmp_path, bench.upstream.requests[0].headers["x-sluicegate-exchange"])
    assert (outcome["outcome"], outcome["reason"]) == ("abandoned", "client_gone")
    assert outcome["nano_usd"] > 0


async def test_a_client_that_does_not_read_is_cut_and_holds_little(bench: Bench, tmp_path: Path) -> None:
    """What the provider sends stays with the provider: back-pressure reaches it, and memory does not grow."""
    size, count = 100_000, 1_000
    bench.upstream.script(chat_stream(["x y " * (size // 4)] * count))
    before = resident(bench.gateway)
    async with ask(bench.gateway.url, CHAT, stream=True) as call:
        await call.head()
        bench.upstream.left.clear()
        await asyncio.wait_for(bench.upstream.left.wait(), LIMIT)  # cut after the write timeout, without having read it all
        grown = resident(bench.gateway) - before
    assert grown < 24_000_000, grown
    bench.upstream.script()
    assert (await answer(bench.gateway.url, CHAT)).status == 200
    assert await bench.gateway.stop() == 0
    _, outcome = of(tmp_path, call.headers["x-sluicegate-exchange"])
    assert (outcome["outcome"], outcome["reason"]) == ("abandoned", "client_gone")


def resident(gateway: Gateway) -> int:
    """Bytes of memory the gateway's process uses now."""
    return int(Path(f"/proc/{gateway.process.pid}/statm").read_text().split()[1]) * 4_096


async def test_sigterm_lets_streams_finish(bench: Bench, tmp_path: Path) -> None:
    gate = asyncio.Event()
    calls = [ask(bench.gateway.url, dialect, stream=True) for dialect in DIALECTS for _ in range(5)]
    for number, call in enumerate(calls):
        bench.upstream.script(begun(DIALECTS[number // 5], gate))
        await call.__aenter__()
        await call.until(b"begun")
    bench.gateway.process.send_signal(signal.SIGTERM)
    await until_refused(bench.gateway.url)
    gate.set()
    answers = [await call.rest() for call in calls]
    for number, got in enumerate(answers):
        assert got.ended
        assert DIALECTS[number // 5].end in got.body
    assert await asyncio.wait_for(bench.gateway.process.wait(), LIMIT) == 0
    for call in calls:
        await call.__aexit__(None, None, None)
    for got in answers:
        assert [entry.get("outcome") for entry in of(tmp_path, got.exchange)] == [None, "answered"]
    await assert_verified(tmp_path)


async def until_refused(url: str) -> None:
    """Ask until no new connection is accepted."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                await answer(url, CHAT, model="gpt-other")
            except OSError:
                return
