"""A provider that misbehaves, over real sockets: each fault has its name, its bound, and costs no other call anything."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError, UpstreamTimeout
from sluicegate.core.event import Event
from tests.support.calls import LOOPS, Caller, request, run, target
from tests.support.upstream import Reply, Upstream, chat_answer, chat_events, chat_stream, cut, json_reply, sse_reply

pytestmark = pytest.mark.parametrize("loop", LOOPS)
EVENTS = chat_events(["a", "b", "c"])


async def events_until_error(caller: Caller, upstream: Upstream) -> tuple[list[Event], UpstreamError | None]:
    """What a streamed call gives, and how it ends."""
    events: list[Event] = []
    try:
        to = target(upstream.base_url + "/v1")
        async with caller.provider.send(to, request(to, stream=True)) as answer:
            while batch := await answer.read():
                events += batch
    except UpstreamError as error:
        return events, error
    return events, None


def raws(events: Sequence[Event]) -> list[bytes]:
    return [event.raw for event in events]


async def fails(caller: Caller, upstream: Upstream, *, stream: bool = False) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await caller.call(target(upstream.base_url + "/v1"), stream=stream)
    return caught.value


def test_reset_after_every_event(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            for n in range(len(EVENTS) + 1):
                upstream.script(sse_reply(EVENTS, reset_after=n))
                events, error = await events_until_error(caller, upstream)
                assert raws(events) == EVENTS[: len(events)]
                if error is not None:
                    assert error.reason in (Reason.UPSTREAM_RESET, Reason.UPSTREAM_TRUNCATED)
                else:
                    assert n == len(EVENTS)
            assert caller.pool.count(caller.provider.compiled(target(upstream.base_url)).origin) == (0, 0)

    run(loop, main())


def test_closed_after_every_event(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            for n in range(len(EVENTS)):
                upstream.script(sse_reply(EVENTS, close_after=n))
                events, error = await events_until_error(caller, upstream)
                assert raws(events) == EVENTS[:n]
                assert error is not None
                assert error.reason is Reason.UPSTREAM_TRUNCATED

    run(loop, main())


def test_split_at_every_byte(loop: str) -> None:
    async def main() -> None:
        whole = b"".join(EVENTS)
        async with Upstream() as upstream, Caller() as caller:
            for size in (1, 2, 3, 5, 7, len(whole)):
                upstream.script(cut(chat_stream(["a", "b", "c"]), size))
                events, error = await events_until_error(caller, upstream)
                assert error is None
                assert raws(events) == EVENTS
            assert upstream.connections == 1

    run(loop, main())


def test_never_answers(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller(first_byte_timeout=0.05) as caller:
            upstream.script(Reply(gate=asyncio.Event()))
            error = await fails(caller, upstream)
            assert isinstance(error, UpstreamTimeout)
            assert "first_byte_timeout" in error.message
            await upstream.left.wait()

    run(loop, main())


def test_hangs_in_mid_answer(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller(idle_timeout=0.05) as caller:
            for reply in (sse_reply(EVENTS[:2], hang=True), Reply(pieces=[b'{"a":'], hang=True)):
                upstream.script(reply)
                error = await fails(caller, upstream, stream=reply.content_type != "application/json")
                assert isinstance(error, UpstreamTimeout)
                assert "idle_timeout" in error.message

    run(loop, main())


def test_slow_for_ever_ends_at_the_total(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller(idle_timeout=0.2, total_timeout=0.15) as caller:
            upstream.script(sse_reply(EVENTS[:1], hang=True))
            error = await fails(caller, upstream, stream=True)
            assert isinstance(error, UpstreamTimeout)
            assert "total_timeout" in error.message

    run(loop, main())


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"\x00\x01\x02\x03",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9,
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 400_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_garbage(loop: str, raw: bytes) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller(max_head_bytes=4_096) as caller:
            upstream.script(Reply(raw=raw, hang=True))
            error = await fails(caller, upstream)
            assert error.reason is Reason.UPSTREAM_INVALID
            assert upstream.hits == 1

    run(loop, main())


def test_an_informational_head_is_skipped(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            upstream.script(Reply(raw=b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + head, hang=True))
            assert raws(await caller.call(target(upstream.base_url))) == [b"{}"]

    run(loop, main())


def test_truncated_body(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            upstream.script(Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}"))
            assert (await fails(caller, upstream)).reason is Reason.UPSTREAM_TRUNCATED

    run(loop, main())


def test_closed_before_the_answer(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            upstream.script(Reply(raw=b""))
            assert (await fails(caller, upstream)).reason is Reason.UPSTREAM_RESET
            assert upstream.hits == 1

    run(loop, main())


def test_a_body_without_length_ends_with_the_connection(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            upstream.script(Reply(body=b'{"a":1}', until_close=True))
            assert raws(await caller.call(target(upstream.base_url))) == [b'{"a":1}']
            upstream.script(sse_reply(EVENTS, until_close=True))
            events, error = await events_until_error(caller, upstream)
            assert (raws(events), error) == (EVENTS, None)
            assert upstream.connections == 2

    run(loop, main())


def test_a_second_answer_is_never_another_call_s(loop: str) -> None:
    async def main() -> None:
        other = b'{"canary":1}'
        late = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + other
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url)
            for then in (late, b"x", b"\r\n\r\nHTTP/1.1 200 OK\r\n"):
                upstream.script(json_reply({"own": 1}, then=then), json_reply({"own": 2}))
                assert raws(await caller.call(to)) == [b'{"own": 1}']
                assert raws(await caller.call(to)) == [b'{"own": 2}']
            assert upstream.hits == 6

    run(loop, main())


def test_a_stale_connection_is_tried_again_once(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url)
            upstream.script(chat_answer("one"), Reply(raw=b""), chat_answer("two"))
            await caller.call(to)
            assert b"two" in (await caller.call(to))[0].raw
            assert (upstream.hits, upstream.connections) == (3, 2)
            upstream.script(Reply(raw=b""))
            assert (await fails(caller, upstream)).reason is Reason.UPSTREAM_RESET
            assert (upstream.hits, upstream.connections) == (5, 3)

    run(loop, main())


def test_a_connection_the_provider_closed_is_not_used(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url)
            upstream.script(json_reply({"n": 1}, drop=True), json_reply({"n": 2}))
            await caller.call(to)
            await upstream.left.wait()
            assert raws(await caller.call(to)) == [b'{"n": 2}']
            assert upstream.hits == 2

    run(loop, main())


def test_a_client_that_leaves_ends_the_call_at_once(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url)
            for reply, stream in ((Reply(gate=asyncio.Event()), False), (sse_reply(EVENTS[:1], hang=True), True)):
                upstream.arrived.clear()
                upstream.left.clear()
                upstream.script(reply)
                task = asyncio.ensure_future(caller.call(to, stream=stream))
                await upstream.arrived.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                async with asyncio.timeout(1):
                    await upstream.left.wait()
            assert caller.pool.count(caller.provider.compiled(to).origin) == (0, 0)

    run(loop, main())


def test_a_flood_is_held_back_and_cut(loop: str) -> None:
    async def main() -> None:
        piece = b'data: {"a":"' + b"x" * 50_000 + b'"}\n\n'
        async with Upstream() as upstream, Caller(max_answer_bytes=8_000_000) as caller:
            upstream.script(sse_reply([piece] * 200))
            to = target(upstream.base_url)
            seen = 0
            with pytest.raises(UpstreamError) as caught:
                async with caller.provider.send(to, request(to, stream=True)) as answer:
                    while batch := await answer.read():
                        seen += sum(len(event.raw) for event in batch)
                        await asyncio.sleep(0)
            assert caught.value.reason is Reason.UPSTREAM_INVALID
            assert seen <= 8_000_000

    run(loop, main())


@pytest.mark.parametrize(
    "events", [[b"data: " + b"x" * 5_000 + b"\n\n"], [b"data: x" * 3_000], [b":\n\n"] * 101, [b"\n\n"] * 101]
)
def test_events_are_bounded(loop: str, events: list[bytes]) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller(max_event_bytes=4_096, max_events=100) as caller:
            upstream.script(sse_reply(events, hang=True))
            assert (await fails(caller, upstream, stream=True)).reason is Reason.UPSTREAM_INVALID

    run(loop, main())


def test_unreachable(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller(connect_timeout=1) as caller:
            closed = upstream.base_url
        for url in (closed, "http://no-such-host.invalid", "https://" + closed[7:]):
            with pytest.raises(UpstreamError) as caught:
                await caller.call(target(url))
            assert caught.value.reason is Reason.UPSTREAM_UNREACHABLE

    run(loop, main())


def test_drained_after_the_last_event(loop: str) -> None:
    async def main() -> None:
        end = asyncio.Event()
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url)
            upstream.script(chat_stream(["a"], gates={5: end}), json_reply({"n": 2}))
            async with caller.provider.send(to, request(to, stream=True)) as answer:
                events: list[Event] = []
                while not events or events[-1].data != b"[DONE]":
                    events += await answer.read()
            end.set()
            origin = caller.provider.compiled(to).origin
            while caller.pool.count(origin) != (1, 1):
                await asyncio.sleep(0)
            await caller.call(to)
            assert upstream.connections == 1

    run(loop, main())


def test_leaving_early_gives_the_connection_up(loop: str) -> None:
    async def main() -> None:
        rest = asyncio.Event()
        async with Upstream() as upstream, Caller() as caller:
            upstream.script(sse_reply([EVENTS[0], b"data: " + b"x" * 2_000 + b"\n\n"], gates={1: rest}, hang=True))
            to = target(upstream.base_url)
            async with caller.provider.send(to, request(to, stream=True)) as answer:
                await answer.read()
            rest.set()
            await upstream.left.wait()

    run(loop, main())


def test_many_at_once_share_a_bounded_pool(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller(max_connections=3, connect_timeout=10) as caller:
            to = target(upstream.base_url)
            answers = await asyncio.gather(*(caller.call(to) for _ in range(50)))
            assert all(len(answer) == 1 for answer in answers)
            assert upstream.connections == 3
            assert caller.pool.count(caller.provider.compiled(to).origin) == (3, 3)

    run(loop, main())


def test_an_answer_that_was_not_streamed(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            upstream.script(chat_answer())
            assert (await fails(caller, upstream, stream=True)).reason is Reason.UPSTREAM_INVALID
            upstream.script(json_reply({"error": {"message": "no", "code": 418}}))
            error = await fails(caller, upstream, stream=True)
            assert (error.reason, error.status) == (Reason.UPSTREAM_REJECTED, 418)

    run(loop, main())


def test_whatever_happens_no_connection_is_lost_or_mixed_up(loop: str) -> None:
    """Many calls over few connections, most of which go wrong in some way or are given up at some moment."""

    async def main() -> None:
        chance = random.Random(7)
        replies = [
            chat_answer(),
            chat_stream(["a", "b"]),
            sse_reply(EVENTS, reset_after=2),
            sse_reply(EVENTS, close_after=1),
            sse_reply(EVENTS[:2], hang=True),
            json_reply({"n": 1}, drop=True),
            json_reply({"n": 1}, then=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            json_reply({"error": {}}, 500),
            Reply(raw=b""),
            Reply(body=b"{}", until_close=True),
        ]
        async with Upstream() as upstream, Caller(max_connections=4, connect_timeout=30, idle_timeout=0.02) as caller:
            upstream.script(*(chance.choice(replies) for _ in range(600)), chat_answer())
            to = target(upstream.base_url)

            async def one(steps: int, stream: bool) -> None:
                task = asyncio.ensure_future(caller.call(to, stream=stream))
                for _ in range(steps):
                    await asyncio.sleep(0)
                if chance.random() < 0.3:
                    task.cancel()
                await asyncio.wait((task,))
                assert task.cancelled() or task.exception() is None or isinstance(task.exception(), UpstreamError)

            await asyncio.gather(*(one(chance.randrange(60), chance.random() < 0.5) for _ in range(400)))
            upstream.script(json_reply({"own": 1}))
            for answer in await asyncio.gather(*(caller.call(to) for _ in range(20))):
                assert raws(answer) == [b'{"own": 1}']
            is_open, idle = caller.pool.count(caller.provider.compiled(to).origin)
            assert is_open == idle <= 4

    run(loop, main())
