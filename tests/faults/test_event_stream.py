"""Amazon's event stream, broken in every way a socket can: nothing hangs, and the next good answer is read.

What breaks off after every event and what is read through the whole gateway: tests/conformance/test_clouds.py.
"""

import struct
from binascii import crc32

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UpstreamError, UpstreamTimeout
from tests.support import eventstream
from tests.support.calls import LOOPS, Caller, run, target
from tests.support.upstream import Reply, Upstream, cut

EVENTS = (
    eventstream.event("messageStart", {"role": "assistant"}),
    eventstream.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hello"}}),
    eventstream.event("messageStop", {"stopReason": "end_turn"}),
)
WHOLE = b"".join(EVENTS)
CONVERSE = (DialectName.BEDROCK_CONVERSE,)


def reply(*pieces: bytes, **options: object) -> Reply:
    return Reply(content_type="application/vnd.amazon.eventstream", pieces=pieces, **options)  # type: ignore[arg-type]


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def bomb(total: int, headers: int) -> bytes:
    """A prelude that promises so many bytes, and checks."""
    head = struct.pack(">II", total, headers)
    return head + struct.pack(">I", crc32(head))


def test_however_the_socket_cuts_it(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url, dialects=CONVERSE)
            expected = None
            for size in (1, 2, 3, 7, 11, 12, 13, 64, len(WHOLE)):
                upstream.script(cut(reply(WHOLE), size))
                events = [event.raw for event in await caller.call(to, stream=True)]
                assert len(events) == len(EVENTS)
                expected = expected or events
                assert events == expected

    run(loop, main())


def test_it_ends_after_every_byte(loop: str) -> None:
    """In the middle of a message that is an error; between two it is the end, which no dialect takes for one."""
    borders = {0, len(EVENTS[0]), len(EVENTS[0] + EVENTS[1]), len(WHOLE)}

    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url, dialects=CONVERSE)
            for end in range(1, len(WHOLE) + 1):
                upstream.script(reply(WHOLE[:end]))
                if end in borders:
                    await caller.call(to, stream=True)
                    continue
                with pytest.raises(UpstreamError) as caught:
                    await caller.call(to, stream=True)
                assert caught.value.reason is Reason.UPSTREAM_TRUNCATED
            upstream.script(reply(WHOLE))
            assert len(await caller.call(to, stream=True)) == len(EVENTS)

    run(loop, main())


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_the_connection_breaks_off(loop: str, reset: bool) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url, dialects=CONVERSE)
            for after in range(1, 4):
                broken = {"reset_after": after} if reset else {"close_after": after}
                upstream.script(reply(*EVENTS, **broken), reply(WHOLE))
                with pytest.raises(UpstreamError) as caught:
                    await caller.call(to, stream=True)
                assert caught.value.reason in (Reason.UPSTREAM_RESET, Reason.UPSTREAM_TRUNCATED)
                assert len(await caller.call(to, stream=True)) == len(EVENTS)

    run(loop, main())


@pytest.mark.parametrize(
    "garbage",
    [
        bomb(2**32 - 1, 0),
        bomb(64 * 1024 * 1024, 0),
        bomb(1_000, 2**31),
        bomb(12, 0),
        b"\x00" * 16,
        b"data: {}\n\n" * 3,
        EVENTS[1][:-1] + b"\x00",
        eventstream.message(b"\xff\xfe", event_type="x", message_type="event"),
    ],
    ids=["4 GiB", "64 MiB", "headers", "too short", "zeros", "other framing", "checksum", "no JSON"],
)
def test_garbage_and_bombs(loop: str, garbage: bytes) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url, dialects=CONVERSE)
            upstream.script(reply(EVENTS[0], garbage), reply(WHOLE))
            with pytest.raises(UpstreamError) as caught:
                await caller.call(to, stream=True)
            assert caught.value.reason is Reason.UPSTREAM_INVALID
            assert len(await caller.call(to, stream=True)) == len(EVENTS)

    run(loop, main())


def test_too_many_messages_and_too_many_bytes(loop: str) -> None:
    async def main() -> None:
        for bounds in ({"max_events": 2}, {"max_answer_bytes": len(WHOLE) - 1}, {"max_event_bytes": len(EVENTS[1]) - 1}):
            async with Upstream() as upstream, Caller(**bounds) as caller:
                upstream.script(reply(WHOLE))
                with pytest.raises(UpstreamError) as caught:
                    await caller.call(target(upstream.base_url, dialects=CONVERSE), stream=True)
                assert caught.value.reason is Reason.UPSTREAM_INVALID

    run(loop, main())


def test_it_hangs_in_the_middle_of_a_message(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller(idle_timeout=0.2) as caller:
            to = target(upstream.base_url, dialects=CONVERSE)
            upstream.script(reply(EVENTS[0], EVENTS[1][:20], hang=True), reply(WHOLE))
            with pytest.raises(UpstreamTimeout):
                await caller.call(to, stream=True)
            assert len(await caller.call(to, stream=True)) == len(EVENTS)

    run(loop, main())


def test_an_exception_in_mid_stream(loop: str) -> None:
    async def main() -> None:
        async with Upstream() as upstream, Caller() as caller:
            to = target(upstream.base_url, dialects=CONVERSE)
            upstream.script(reply(EVENTS[0] + eventstream.exception("modelStreamErrorException")), reply(WHOLE))
            with pytest.raises(UpstreamError) as caught:
                await caller.call(to, stream=True)
            assert (caught.value.reason, caught.value.status) == (Reason.UPSTREAM_REJECTED, 424)
            assert len(await caller.call(to, stream=True)) == len(EVENTS)

    run(loop, main())
