"""A gateway whose files cannot grow: nothing is answered that cannot be recorded, and it recovers by itself.

The kernel refuses the writes (EFBIG, by a limit set on the running process), as it would on a full disk.
"""

import asyncio
import re
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.client import CHAT, DIALECTS, LIMIT, Dialect, answer, ask, get
from tests.support.evidence import assert_verified, of, traces
from tests.support.gateway import Gateway, governed, start
from tests.support.upstream import Upstream, chat_answer, chat_stream, messages_answer, messages_stream

LONG = " and so it goes on" * 50
"""Text behind which nothing that came before is held back by the guardrails."""
DROPPED = re.compile(rb"^sluicegate_traces_dropped_total (\S+)$", re.M)
EACH_DIALECT = pytest.mark.parametrize("dialect", DIALECTS, ids=("chat", "messages"))


@dataclass
class Bench:
    """A gateway and its provider."""

    upstream: Upstream
    gateway: Gateway

    @property
    def url(self) -> str:
        return self.gateway.url

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        """While this holds no file of the gateway's process can be written."""
        pid = self.gateway.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Upstream() as upstream:
        gateway = await start(tmp_path, governed(upstream.base_url))
        try:
            yield Bench(upstream, gateway)
        finally:
            await gateway.stop()


async def ready(url: str) -> int:
    """The status of the readiness route."""
    return (await get(url, "/api/v1/ready")).status


async def until_traced(url: str, directory: Path, count: int) -> None:
    """Ask until the traces of so many exchanges were written or dropped."""
    async with asyncio.timeout(LIMIT):
        while True:
            found = DROPPED.search((await get(url, "/metrics")).body)
            assert found is not None
            if traces(directory) + float(found.group(1)) == count:
                return


async def until_ready(url: str) -> None:
    """Ask, as a load balancer does, until the gateway is ready again: it gets no other request meanwhile."""
    async with asyncio.timeout(LIMIT):
        while await ready(url) != 200:
            pass


async def test_nothing_is_answered_and_it_recovers_by_itself(bench: Bench, tmp_path: Path) -> None:
    assert await ready(bench.url) == 200
    for dialect in DIALECTS:
        assert (await answer(bench.url, dialect)).status == 200
    hits = bench.upstream.hits
    with bench.unwritable():
        for dialect in DIALECTS:
            for stream in (False, True):
                refused = await answer(bench.url, dialect, stream=stream)
                assert (refused.status, refused.reason) == (503, "audit_unavailable")
                error = refused.json()["error"]
                assert error["code"] == "audit_unavailable"
                assert refused.exchange in refused.body.decode()
        # a refusal is not told either, where it cannot be recorded
        unknown = await answer(bench.url, CHAT, model="gpt-other")
        assert unknown.status in (403, 503)
        assert bench.upstream.hits == hits
        assert await ready(bench.url) == 503
        assert (await get(bench.url, "/api/v1/health")).status == 200
        # nothing is left that would be written, so that only the gateway itself can find out that it can write again
        await until_traced(bench.url, tmp_path, 7)
    await until_ready(bench.url)
    for dialect in DIALECTS:
        assert (await answer(bench.url, dialect)).status == 200
    assert await bench.gateway.stop() == 0
    await assert_verified(tmp_path)


@EACH_DIALECT
async def test_a_stream_whose_outcome_cannot_be_recorded_has_no_clean_end(
    bench: Bench, tmp_path: Path, dialect: Dialect
) -> None:
    gate = asyncio.Event()
    script = chat_stream if dialect is CHAT else messages_stream
    bench.upstream.script(script(["begun", LONG, "ended"], gates={4: gate}))
    async with ask(bench.url, dialect, stream=True) as call:
        await call.until(b"begun")
        with bench.unwritable():
            gate.set()
            got = await call.rest()
    assert got.status == 200
    assert b"audit_unavailable" in got.body
    assert dialect.end not in got.body
    await until_ready(bench.url)
    bench.upstream.script(chat_answer() if dialect is CHAT else messages_answer())
    assert (await answer(bench.url, dialect)).status == 200
    assert await bench.gateway.stop() == 0
    assert [entry["kind"] for entry in of(tmp_path, got.exchange)] == ["intent"]

    bench.gateway = await start(tmp_path, governed(bench.upstream.base_url))
    assert await bench.gateway.stop() == 0
    assert [entry.get("outcome") for entry in of(tmp_path, got.exchange)] == [None, "unknown_crash"]
    await assert_verified(tmp_path)


@EACH_DIALECT
async def test_an_answer_whose_outcome_cannot_be_recorded_does_not_leave(bench: Bench, dialect: Dialect) -> None:
    gate = asyncio.Event()
    whole = chat_answer("private") if dialect is CHAT else messages_answer("private")
    bench.upstream.script(replace(whole, gate=gate))
    async with ask(bench.url, dialect) as call:
        await asyncio.wait_for(bench.upstream.arrived.wait(), LIMIT)
        with bench.unwritable():
            gate.set()
            got = await call.rest()
    assert (got.status, got.reason) == (503, "audit_unavailable")
    assert b"private" not in got.body
