"""One request and its answer over a recorded transport. The wire behaviour is in tests/faults/test_http_hazards.py."""

import asyncio
from typing import Any, cast

import pytest

from sluicegate.web.cycle import Cycle


class Wire:
    """Stands where the connection is: records what is written."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport = self
        self.flow = self
        self.write_paused = False
        self.written: list[bytes] = []
        self.answered_with: Cycle | None = None
        self.resumed = 0
        self.drained = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def resume_reading(self) -> None:
        self.resumed += 1

    def pause_writing(self) -> None:
        self.write_paused = True
        self.drained.clear()

    def resume_writing(self) -> None:
        self.write_paused = False
        self.drained.set()

    async def drain(self) -> None:
        await self.drained.wait()

    def default_head(self) -> bytes:
        return b"date: now\r\n"

    def answered(self, cycle: Cycle) -> None:
        self.answered_with = cycle


def cycle(
    method: bytes = b"POST", version: str = "1.1", *, whole: bool = True, keep_alive: bool = True, expect: bool = False
) -> tuple[Cycle, Wire]:
    wire = Wire()
    made = Cycle(cast(Any, wire), method, version, keep_alive=keep_alive, expect=expect)
    if whole:
        made.feed_end()
    return made, wire


async def respond(made: Cycle, *bodies: bytes, status: int = 200, headers: Any = ()) -> None:
    await made.send({"type": "http.response.start", "status": status, "headers": headers})
    for index, body in enumerate(bodies):
        await made.send({"type": "http.response.body", "body": body, "more_body": index + 1 < len(bodies)})


async def test_head_leaves_with_the_first_piece() -> None:
    made, wire = cycle()
    await respond(made, b"ok", headers=[(b"content-length", b"2")])
    assert wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: now\r\n\r\nok"]
    assert wire.answered_with is made


async def test_unknown_length_is_chunked() -> None:
    made, wire = cycle()
    await respond(made, b"one", b"", b"three")
    wire_text = b"".join(wire.written)
    assert wire_text.endswith(b"\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n")
    assert b"transfer-encoding: chunked\r\n" in wire_text


async def test_old_version_ends_with_the_connection() -> None:
    made, wire = cycle(version="1.0")
    await respond(made, b"one", b"two")
    assert b"".join(wire.written).endswith(b"connection: close\r\ndate: now\r\n\r\nonetwo")
    assert not made.keep_alive
    assert not made.delimited


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
async def test_no_body(method: bytes, status: int) -> None:
    made, wire = cycle(method)
    await respond(made, b"ignored", status=status)
    assert b"".join(wire.written).endswith(b"date: now\r\n\r\n")


async def test_answer_before_the_body_is_read_closes() -> None:
    made, wire = cycle(whole=False)
    await respond(made, b"")
    assert b"connection: close\r\n" in wire.written[0]


async def test_app_may_close() -> None:
    made, wire = cycle()
    await respond(made, b"", headers=[(b"connection", b"Close")])
    assert not made.keep_alive
    assert wire.written[0].count(b"connection: ") == 1


@pytest.mark.parametrize("header", [(b"x-a", b"1\r\nx-b: 2"), (b"x-a\r\nx-b", b"1"), (b"x-a", b"1\n2"), (b"x-a", b"\0")])
async def test_header_cannot_split_the_answer(header: tuple[bytes, bytes]) -> None:
    made, wire = cycle()
    with pytest.raises(RuntimeError, match="CR, LF or NUL"):
        await respond(made, b"", headers=[header])
    assert wire.written == []


@pytest.mark.parametrize("bodies", [[b"12345", b"6"], [b"123", b""]])
async def test_length_must_be_true(bodies: list[bytes]) -> None:
    made, _ = cycle()
    with pytest.raises(RuntimeError, match="Content-Length"):
        await respond(made, *bodies, headers=[(b"content-length", b"5")])


async def test_messages_out_of_order() -> None:
    made, _ = cycle()
    with pytest.raises(RuntimeError):
        await made.send({"type": "http.response.body", "body": b""})
    await respond(made, b"")
    with pytest.raises(RuntimeError):
        await made.send({"type": "http.response.body", "body": b""})


async def test_receive_gives_the_body_then_waits_for_the_end() -> None:
    made, wire = cycle(whole=False)
    made.feed(b"a")
    made.feed(b"b")
    assert await made.receive() == {"type": "http.request", "body": b"ab", "more_body": True}
    waiting = asyncio.ensure_future(made.receive())
    await asyncio.sleep(0)
    assert wire.resumed == 1
    made.feed_end()
    assert await waiting == {"type": "http.request", "body": b"", "more_body": False}
    gone = asyncio.ensure_future(made.receive())
    await asyncio.sleep(0)
    made.lose()
    assert await gone == {"type": "http.disconnect"}


async def test_large_body_pauses_reading() -> None:
    made, _ = cycle(whole=False)
    assert not made.feed(b"x" * 65_536)
    assert made.feed(b"x")
    await made.receive()
    assert not made.feed(b"x")


async def test_continue_is_said_once_and_only_if_the_body_is_wanted() -> None:
    made, wire = cycle(whole=False, expect=True)
    made.feed_end()
    await made.receive()
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]


class Task:
    """Stands where the task that answers is."""

    def __init__(self) -> None:
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


async def test_going_cancels_once() -> None:
    made, wire = cycle()
    task = Task()
    made.task = cast(Any, task)
    made.cancel_when_gone()
    assert task.cancelled == 0
    made.lose()
    made.lose()
    assert task.cancelled == 1
    await respond(made, b"nobody reads this")
    assert wire.written == []


async def test_whoever_has_gone_already_cancels_at_once() -> None:
    made, _ = cycle()
    task = Task()
    made.task = cast(Any, task)
    made.lose()
    assert task.cancelled == 0
    made.cancel_when_gone()
    assert task.cancelled == 1


async def test_a_request_whose_turn_has_not_come_has_nobody_to_cancel() -> None:
    made, _ = cycle()
    made.cancel_when_gone()
    made.lose()
    assert made.disconnected


async def test_gone_after_the_answer_is_nobodys_business() -> None:
    made, _ = cycle()
    task = Task()
    made.task = cast(Any, task)
    made.cancel_when_gone()
    await respond(made, b"")
    made.lose()
    assert (task.cancelled, made.disconnected) == (0, False)


async def test_a_body_that_has_come_is_taken_at_once_and_once() -> None:
    made, _ = cycle(whole=False)
    made.feed(b"a")
    assert made.whole() is None
    made.feed(b"b")
    made.feed_end()
    assert made.whole() == b"ab"
    assert made.buffered == 0
    assert made.whole() is None
    waiting = asyncio.ensure_future(made.receive())
    await asyncio.sleep(0)
    made.lose()
    assert await waiting == {"type": "http.disconnect"}


async def test_an_empty_body_is_one_too() -> None:
    made, _ = cycle()
    assert made.whole() == b""


async def test_a_body_that_must_be_asked_for_or_whose_client_has_gone_is_not_taken() -> None:
    asked, _ = cycle(expect=True)
    assert asked.whole() is None
    gone, _ = cycle()
    gone.lose()
    assert gone.whole() is None


async def test_the_short_way_writes_what_asgi_writes() -> None:
    for bodies, length in (([b"ok"], 2), ([b"one", b"", b"three"], None), ([b""], None), ([b"a", b""], 1)):
        made, wire = cycle()
        head = b"x-a: 1\r\n" if length is None else b"x-a: 1\r\ncontent-length: %d\r\n" % length
        made.begin(200, head, head.count(b"\n"), length)
        for index, body in enumerate(bodies):
            assert made.write(body, index + 1 == len(bodies)) is None
        other, asgi = cycle()
        headers = [(b"x-a", b"1")] if length is None else [(b"x-a", b"1"), (b"content-length", b"%d" % length)]
        await respond(other, *bodies, headers=headers)
        assert wire.written == asgi.written
        assert wire.answered_with is made


@pytest.mark.parametrize("head", [b"x-a: 1\r\nx-b: 2\r\n", b"x-a: 1\n\r\n", b"x-a: 1\r\r\n", b"x-a: \0\r\n", b"x-a: 1"])
async def test_the_short_way_counts_its_lines(head: bytes) -> None:
    made, wire = cycle()
    with pytest.raises(RuntimeError, match="CR, LF or NUL"):
        made.begin(200, head, 1, None)
    assert (made.started, wire.written) == (False, [])


async def test_the_short_way_keeps_its_order() -> None:
    made, _ = cycle()
    with pytest.raises(RuntimeError):
        made.write(b"", True)
    made.begin(200, b"", 0, None)
    with pytest.raises(RuntimeError):
        made.begin(200, b"", 0, None)
    made.write(b"", True)
    with pytest.raises(RuntimeError):
        made.write(b"", True)


async def test_while_the_client_does_not_read_writing_waits() -> None:
    made, wire = cycle()
    made.begin(200, b"", 0, None)
    wire.write_paused = True
    waiting = made.write(b"one", False)
    assert waiting is not None
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    assert wire.written == []
    wire.resume_writing()
    await task
    assert wire.written[0].endswith(b"3\r\none\r\n")
    wire.pause_writing()
    waiting = made.write(b"two", True)
    assert waiting is not None
    made.lose()
    wire.resume_writing()
    await waiting
    assert len(wire.written) == 1
